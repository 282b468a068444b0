"""Messages: what is told, to whom, when it is still worth telling, and when to try again. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import MessageId
from telehealth.notifications.wording import Wording
from telehealth.people.rules import Clinic
from telehealth.scheduling.waitlist.rules import Offer
from telehealth.visits.escalation.rules import AlertKind, Audience
from telehealth.visits.lifecycle.rules import WAITING, Visit, VisitStatus

LONGEST_NOTICE = timedelta(hours=2)
LEASE = timedelta(seconds=90)
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
GIVE_UP_AFTER = timedelta(hours=48)
WRITTEN_TRIES = 5  # what cannot be written so often is poison, and waits for a person


class MessageKind(StrEnum):
    INVITATION = "invitation"
    MOVED = "moved"
    CANCELLATION = "cancellation"
    REMINDER = "reminder"
    JOIN_NOW = "join_now"
    RUNNING_LATE = "running_late"
    TIME_TO_CHOOSE = "time_to_choose"
    FOLLOW_UP_DUE = "follow_up_due"
    FOLLOW_UP_AT_ONCE = "follow_up_at_once"
    FOLLOW_UP_OPEN = "follow_up_open"
    FOLLOW_UP_OVERDUE = "follow_up_overdue"
    FOLLOW_UP_ESCALATED = "follow_up_escalated"
    OFFER = "offer"
    AFTER_VISIT_SUMMARY = "after_visit_summary"
    QUESTIONS_ASKED = "questions_asked"
    QUESTIONS_OPEN = "questions_open"
    TO_DO = "to_do"
    TO_DO_OPEN = "to_do_open"
    SURVEY = "survey"
    WAITING_FOR_YOU = "waiting_for_you"
    WAITING_UNANSWERED = "waiting_unanswered"
    HELD_UP = "held_up"
    LINK_LOCKED = "link_locked"
    UNJOINABLE = "unjoinable"
    HOUSE_UNREADY = "house_unready"


class Channel(StrEnum):
    """As in FHIR R4 ContactPoint.system; there is none for the notifications of a browser."""

    EMAIL = "email"
    SMS = "sms"
    PUSH = "push"
    PHONE = "phone"


class Attempted(StrEnum):
    """What came of one attempt to send."""

    SENT = "sent"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    OPTED_OUT = "opted_out"
    DEFERRED = "deferred"
    AWAY = "away"
    UNSENDABLE = "unsendable"
    UNWRITTEN = "unwritten"


class Moving(Refusal):
    kind, slug, title = Kind.CONFLICT, "message-under-way", "The message is being sent, or needs no sending again"


class MessageState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    DROPPED = "dropped"
    SUPPRESSED = "suppressed"
    REROUTED = "rerouted"
    DEAD = "dead"


MESSAGE_STEPS: Mapping[MessageState, frozenset[MessageState]] = {
    MessageState.PENDING: frozenset({MessageState.SENDING}),
    # SENDING to SENDING: the lease of a sender that died ran out and another took over.
    MessageState.SENDING: frozenset(MessageState),
    # the gateway says later that it did not arrive
    MessageState.SENT: frozenset({MessageState.REROUTED, MessageState.SUPPRESSED, MessageState.DEAD}),
    MessageState.DROPPED: frozenset(),
    MessageState.SUPPRESSED: frozenset(),  # it was stopped where it was to go
    # the next channel has it; which gives it back when it must be told and only was stopped here
    MessageState.REROUTED: frozenset({MessageState.PENDING}),
    MessageState.DEAD: frozenset({MessageState.PENDING}),  # re-driven by a person
}

K = MessageKind
TO_COME = WAITING | {VisitStatus.BOOKED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One claimed row of the ledger. `attempt` fences: only the sender that raised it may settle it. `tries` are those
    that failed for this message's own sake, as far as anybody can tell.

    `visit_at` is when the visit begins that it is about, as far as was known when it was noted; or when somebody may
    still believe that it begins, if that is sooner.
    """

    id: MessageId
    kind: MessageKind
    channel: Channel
    subject_id: UUID
    recipient_role: Role
    recipient_id: UUID
    due_at: datetime
    attempt: int
    tries: int = 0
    visit_at: datetime | None = None

    @property
    def ahead(self) -> timedelta | None:
        """How far off the visit is when the message is due."""
        return None if self.visit_at is None else self.visit_at - self.due_at


@dataclass(frozen=True, slots=True)
class Reader:
    """Who is told; `language` BCP 47, `time_zone` an IANA name, `phone` as somebody wrote it down.

    `devices` stands for all browsers that asked for their notifications, if any did.
    """

    name: str
    email: str | None
    language: str
    time_zone: str
    phone: str | None = None
    devices: str | None = None

    def address(self, channel: Channel) -> str | None:
        """Where that channel finds them."""
        match channel:
            case Channel.EMAIL:
                return self.email or None
            case Channel.SMS | Channel.PHONE:
                return self.phone or None
            case Channel.PUSH:
                return self.devices


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTime:
    """A time on offer, the clinician's zone, and the start of the visit that would be given up for it, if any."""

    offer: Offer
    time_zone: str
    instead_of: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a letter is written from. `path` leads this one reader to what it is about; empty when called off.

    `published` are the words that administrators have set in place of the catalogue's, by language.
    `until` is how long the path of an invitation to choose a time, or of what is to be read or answered, leads there.
    `stop` is the path that stops such messages to this address; empty for staff. `delay` is how many minutes the
    clinician is late.
    """

    message: Message
    reader: Reader
    visit: Visit | None = None
    offered: OfferedTime | None = None
    clinician: str = ""
    clinic: Clinic | None = None
    path: str = ""
    until: datetime | None = None
    stop: str = ""
    delay: int = 0
    published: Mapping[str, Wording] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unsendable:
    """Nothing to send: it is no longer true, or there is nowhere to send it."""

    state: MessageState
    fault: str | None = None


UNTRUE, NOWHERE = Unsendable(MessageState.DROPPED), Unsendable(MessageState.DEAD, "no-address")
TOLD = Unsendable(MessageState.DROPPED, "told")  # another channel has brought it, and says so
NO_GATEWAY = Unsendable(MessageState.DEAD, "no-gateway")
STOPPED = Unsendable(MessageState.SUPPRESSED, "stopped")
BAD_ADDRESS = Unsendable(MessageState.DEAD, "bad-address")


@dataclass(frozen=True, slots=True)
class Unwritten:
    """Writing it failed; `fault` is the name of what went wrong."""

    fault: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """The reader is not to be woken for it, or has had enough for now."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Withheld:
    """Not handed over: its provider is away, and it has waited for that as long as another channel may take it."""

    fault: str = "away"


def alert_kind(kind: AlertKind, whom: Audience) -> MessageKind:
    """What somebody is told about an alert when it is their turn."""
    match kind:
        case AlertKind.WAITING:
            return K.WAITING_FOR_YOU if whom is Audience.CLINICIAN else K.WAITING_UNANSWERED
        case AlertKind.HELD_UP:
            return K.HELD_UP
        case AlertKind.QUEUED:
            return K.WAITING_UNANSWERED
        case AlertKind.LOCKED_LINK:
            return K.LINK_LOCKED
        case AlertKind.UNJOINABLE:
            return K.UNJOINABLE
        case AlertKind.HOUSE:
            return K.HOUSE_UNREADY


def reminder_times(visit: Visit, now: datetime, *, reminders: Iterable[int]) -> list[datetime]:
    """When to remind of a visit that was booked or moved now, the earliest first; `reminders` are minutes before it.

    Not of what was told just now: half of that time must have passed, two hours at the most.
    """
    waits = [timedelta(minutes=each) for each in reminders]
    times = [(visit.starts_at - wait, min(wait / 2, LONGEST_NOTICE)) for wait in waits]
    return [at for at, notice in times if at - now >= notice]


def still_true(message: Message, visit: Visit, now: datetime, *, reminders: Iterable[int]) -> bool:
    """Whether what a message about a visit says is still so: nobody is invited to a visit that was called off.

    `reminders` are minutes before a visit of this kind, as they are planned now.
    """
    match message.kind:
        case K.CANCELLATION:
            return visit.status is VisitStatus.CANCELLED
        case K.REMINDER:
            booked = visit.status in (VisitStatus.BOOKED, VisitStatus.ARRIVED)
            until = _reminded_again(message, visit, reminders)
            return booked and until is not None and now < until
        case K.JOIN_NOW:
            expected = visit.status in (*TO_COME, VisitStatus.ADMITTING)
            return expected and message.due_at == visit.starts_at and now < visit.closes_at
        case K.RUNNING_LATE:
            return visit.status in TO_COME and now < visit.closes_at
        case _:
            return visit.status is not VisitStatus.CANCELLED and now < visit.closes_at


def _reminded_again(message: Message, visit: Visit, reminders: Iterable[int]) -> datetime | None:
    """Until when a reminder is worth sending: the next one or the visit; None when it is of a time no longer true."""
    times = [visit.starts_at - timedelta(minutes=each) for each in reminders]
    if message.visit_at != visit.starts_at and message.due_at not in times:
        return None
    return min(at for at in (*times, visit.starts_at) if at > message.due_at)


def next_try(message: Message, now: datetime, *, since: datetime, patience: timedelta) -> datetime | None:
    """When to try again: 15 s, 30 s, 1 min … 1 h; None once patience has run out."""
    if now - since >= patience:
        return None
    return now + min(FIRST_WAIT * (1 << min(message.tries, 10)), LONGEST_WAIT)
