"""Which words there are: for what kind of message, whom and which channel, and what may be said in them. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.notifications.rules import OF_ALERTS, OF_QUESTIONS, OF_VISITS, Channel, MessageKind
from telehealth.notifications.wording import Frame, Wording

K = MessageKind
BUDGET = 3  # parts of a text message on the air, with the longest of what may stand in it


class Whom(StrEnum):
    """Who reads it: the patient, somebody who takes part with them, or who works here."""

    PATIENT = "patient"
    COMPANION = "companion"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Words:
    """Which words: one text in four languages."""

    kind: MessageKind
    whom: Whom
    channel: Channel

    @property
    def name(self) -> str:
        """What it is called in addresses, such as invitation-patient-email."""
        return f"{self.kind}-{self.whom}-{self.channel}"

    @property
    def frame(self) -> Frame:
        known = _TEXTED if self.channel is Channel.SMS else _PLACES[self.whom] | _OWN.get(self.kind, frozenset())
        known |= _NEEDED.get(self.kind, frozenset())
        timed = self.kind in OF_VISITS or self.kind is K.OFFER
        known = known if timed else known - _OF_TIMES
        linked = self.kind is not K.CANCELLATION
        needed = _NEEDED.get(self.kind) or frozenset({*({"link"} if linked else ()), *({"when"} if timed else ())})
        return Frame(
            known=known if linked else known - {"link", "how"},
            needed=needed,
            open_to=frozenset({"when"} if timed else ()),
            has_subject=self.channel is Channel.EMAIL,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One version of words in one language; `published_by` is an account."""

    id: UUID
    words: Words
    language: str
    version: int
    wording: Wording
    published_at: datetime
    published_by: UUID | None
    retired_at: datetime | None


_OF_TIMES = frozenset({"when", "clinician"})
_TEXTED = frozenset({"clinic", "when", "link"})
_PLACES = {
    Whom.PATIENT: frozenset({"greeting", "clinic", "phone", "when", "clinician", "link"}),
    Whom.COMPANION: frozenset({"greeting", "clinic", "phone", "when", "clinician", "link", "how"}),
    Whom.STAFF: frozenset({"greeting", "when", "link"}),
}
_OWN = {
    K.OFFER: frozenset({"there", "instead_of", "kept_until", "answer_until"}),
    K.TIME_TO_CHOOSE: frozenset({"until"}),
    K.AFTER_VISIT_SUMMARY: frozenset({"until"}),
    **dict.fromkeys(OF_QUESTIONS, frozenset({"until"})),
}
_NEEDED = {K.JOIN_NOW: frozenset({"link"}), K.RUNNING_LATE: frozenset({"link", "delay"})}
_TO_PATIENTS = (
    *(K.INVITATION, K.MOVED, K.CANCELLATION, K.REMINDER, K.JOIN_NOW, K.RUNNING_LATE),
    *(K.TIME_TO_CHOOSE, K.OFFER, K.AFTER_VISIT_SUMMARY, K.QUESTIONS_ASKED, K.QUESTIONS_OPEN),
)
_TO_COMPANIONS = (K.INVITATION, K.MOVED, K.CANCELLATION)
_OF_TASKS = (K.FOLLOW_UP_DUE, K.FOLLOW_UP_OPEN, K.FOLLOW_UP_OVERDUE)
ALL = (
    *(Words(kind, Whom.PATIENT, channel) for kind in _TO_PATIENTS for channel in (Channel.EMAIL, Channel.SMS)),
    *(Words(kind, Whom.COMPANION, Channel.EMAIL) for kind in _TO_COMPANIONS),
    *(Words(kind, Whom.STAFF, Channel.EMAIL) for kind in (*_TO_COMPANIONS, *_OF_TASKS, *sorted(OF_ALERTS))),
)

NAMED = {each.name: each for each in ALL}


def whom(role: Role) -> Whom:
    """Who reads what goes to that role."""
    match role:
        case Role.PATIENT:
            return Whom.PATIENT
        case Role.GUEST:
            return Whom.COMPANION
        case _:
            return Whom.STAFF
