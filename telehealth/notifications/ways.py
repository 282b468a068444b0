"""Which channel a message takes first, which next, and when it may ring. Pure."""

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from telehealth.core.actors import Role
from telehealth.notifications.kinds import KINDS, About, about
from telehealth.notifications.rules import Channel, MessageKind

RINGING = frozenset({Channel.SMS, Channel.PUSH, Channel.PHONE})
PRESSING = timedelta(hours=1)
SHOWN_WITHIN = timedelta(minutes=1)  # or else the next channel has what a device was sent
SOON = timedelta(hours=12)
NIGHT, MORNING = time(21), time(8)


def ways(
    kind: MessageKind, role: Role, *, ahead: timedelta | None, first: Channel | None = None
) -> tuple[Channel, ...]:
    """The channels to try, one after the other. `ahead` is how far off the visit is that it is about, when due; whose
    `first` wish are calls is called for more.

    What is about the next hour goes where it is seen at once; the rest goes where it can be kept and printed.
    """
    nature = KINDS[kind]
    if role is not Role.PATIENT or not nature.texted:
        return (Channel.EMAIL,)
    pressing = (Channel.PUSH, Channel.SMS, Channel.EMAIL)
    usual = pressing if is_pressing(ahead) else (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    called = nature.vital or (first is Channel.PHONE and nature.spoken)
    return (*usual, Channel.PHONE) if called else usual


def beside(kind: MessageKind, role: Role) -> tuple[Channel, ...]:
    """What rings at the same time, for who has it: somebody waits, and every second counts."""
    return (Channel.PUSH,) if role is Role.CLINICIAN and about(kind) is About.ALERT else ()


def is_pressing(ahead: timedelta | None) -> bool:
    return ahead is not None and ahead <= PRESSING


def patience(*, ahead: timedelta | None) -> timedelta:
    """How long a channel that takes nothing now is tried before the next one is."""
    return timedelta(minutes=2) if is_pressing(ahead) else timedelta(hours=6)


def quiet_until(way: Channel, now: datetime, zone: ZoneInfo, *, visit_at: datetime | None) -> datetime | None:
    """When a text message, a notification or a call may ring where the patient is, if not now: not from 21:00 to 8:00.

    Unless the visit that it is about begins within twelve hours. A mail waits by itself until somebody looks.
    """
    if way not in RINGING or (visit_at is not None and visit_at - now <= SOON):
        return None
    local = now.astimezone(zone)
    if MORNING <= local.time() < NIGHT:
        return None
    day = local.date() + timedelta(days=local.time() >= NIGHT)
    return datetime.combine(day, MORNING, zone).astimezone(now.tzinfo)
