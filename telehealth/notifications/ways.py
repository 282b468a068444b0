"""Which channel a message takes first, which next, and when it may ring. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from telehealth.core.actors import Role
from telehealth.notifications.rules import OF_QUESTIONS, Channel, MessageKind

K = MessageKind
# What patients are told by text message too; staff have boards, alerts and mail.
TEXTED = frozenset(
    {
        *(K.INVITATION, K.MOVED, K.CANCELLATION, K.REMINDER, K.JOIN_NOW, K.RUNNING_LATE),
        *(K.TIME_TO_CHOOSE, K.OFFER, K.AFTER_VISIT_SUMMARY, *OF_QUESTIONS),
    }
)
PRESSING = timedelta(hours=1)
SOON = timedelta(hours=12)
NIGHT, MORNING = time(21), time(8)


def ways(kind: MessageKind, role: Role, *, ahead: timedelta | None) -> tuple[Channel, ...]:
    """The channels to try, one after the other. `ahead` is how far off the visit is that it is about, when due.

    What is about the next hour goes where it is seen at once; the rest goes where it can be kept and printed.
    """
    if role is not Role.PATIENT or kind not in TEXTED:
        return (Channel.EMAIL,)
    if is_pressing(ahead):
        return (Channel.SMS, Channel.EMAIL)
    return (Channel.EMAIL, Channel.SMS)


def is_pressing(ahead: timedelta | None) -> bool:
    return ahead is not None and ahead <= PRESSING


def patience(*, ahead: timedelta | None) -> timedelta:
    """How long a channel that takes nothing now is tried before the next one is."""
    return timedelta(minutes=2) if is_pressing(ahead) else timedelta(hours=6)


def quiet_until(way: Channel, now: datetime, zone: ZoneInfo, *, visit_at: datetime | None) -> datetime | None:
    """When a text message may ring where the reader is, if not now: not from 21:00 to 8:00.

    Unless the visit that it is about begins within twelve hours. A mail waits by itself until somebody looks.
    """
    if way is not Channel.SMS or (visit_at is not None and visit_at - now <= SOON):
        return None
    local = now.astimezone(zone)
    if MORNING <= local.time() < NIGHT:
        return None
    day = local.date() + timedelta(days=local.time() >= NIGHT)
    return datetime.combine(day, MORNING, zone).astimezone(now.tzinfo)
