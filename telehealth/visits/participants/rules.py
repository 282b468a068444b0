"""Who takes part in a visit, how far each has come, and what lets them in. Pure: no clock, no database."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.people.rules import words
from telehealth.visits.lifecycle.joining import JoinReason, join_reason
from telehealth.visits.lifecycle.parts import (
    BY_PATIENT,
    LET_IN,
    LIVING,
    NO_LINK,
    PATIENT_SIDE,
    PRESENT,
    Circumstances,
    ParticipantKind,
    ParticipantState,
    Step,
    allowed,
    decide,
)
from telehealth.visits.lifecycle.rules import IN_CALL, OVER, Visit, VisitStatus

MOST_COMPANIONS = 8  # besides the patient and the clinician, those put out not counted
MOST_BY_PATIENT = 4  # whom the patient's side may invite in all: the clinic's mail is sent for them
K, S, R = ParticipantKind, ParticipantState, Role
BY_STAFF = frozenset(K) - {K.PATIENT}


class NotToBeInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-to-be-invited", "Nobody can be invited to this visit now"


class TooManyInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "too-many-invited", "No more people can be invited to this visit"


class NoAuthority(Refusal):
    kind, slug, title = Kind.CONFLICT, "no-authority", "This person may not act for the patient at that time"


class AlreadyInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-invited", "This person is invited to the visit already"


# How the patient's side and the clinician follow their visit. Companions are let in one by one.

_FOLLOWED: Mapping[VisitStatus, tuple[Step, ...]] = {
    VisitStatus.READY: (Step.WAIT,),
    VisitStatus.ADMITTING: (Step.WAIT, Step.ADMIT),
    VisitStatus.IN_PROGRESS: (Step.WAIT, Step.ADMIT, Step.CONNECT),
    VisitStatus.INTERRUPTED: (Step.WAIT, Step.ADMIT, Step.CONNECT, Step.DISCONNECT),
}


def following(
    circumstances: Circumstances, state: ParticipantState, visit: VisitStatus, *, checked: bool = False
) -> tuple[Step, ...]:
    """The steps to where the visit puts somebody who takes part in it, `checked` when its devices are; none when they
    are there.

    A visit that is over has nobody in it. Who has not come yet, or is out, stays as they are.
    """
    if visit in OVER:
        return (Step.LEAVE,) if state in PRESENT else ()
    host = circumstances.host and visit in IN_CALL
    if not host and (circumstances.kind not in PATIENT_SIDE or state not in PRESENT | {S.LEFT}):
        return ()
    steps: list[Step] = []
    states = [state]
    for step in ((Step.CHECK,) if checked else ()) + _FOLLOWED.get(visit, ()):
        if step in allowed(states[-1], R.SYSTEM, circumstances):
            steps, states = [*steps, step], [*states, decide(step, states[-1], R.SYSTEM, circumstances)]
            been = states.index(states[-1])  # there already: the way round is none
            steps, states = steps[:been], states[: been + 1]
    return tuple(steps)


# The identity step


class Identity(StrEnum):
    """What a personal link asks for."""

    BIRTH_DATE = "birth_date"
    NAME = "name"
    NOTHING = "nothing"


LINK_PATHS = {Identity.BIRTH_DATE: "/join/", Identity.NAME: "/invited/"}


def identity_of(kind: ParticipantKind) -> Identity:
    """The patient and who acts for them give the patient's date of birth, others the name they were invited by.

    Whoever has no link is not asked here: of a phone leg whoever calls them asks.
    """
    if kind in PATIENT_SIDE:
        return Identity.BIRTH_DATE
    return Identity.NOTHING if kind in NO_LINK else Identity.NAME


def answers_to(typed: str, invited: str) -> bool:
    """Whether what was typed is the invited name: whole words of it, in any order, two of them where it has two."""
    given, name = words(typed), list(words(invited))
    for word in given:
        if word not in name:
            return False
        name.remove(word)
    return len(given) >= min(2, len(words(invited))) > 0


# Participants


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """Somebody invited to one visit. `person_id` is the patient, the clinician, or who acts for the patient.

    `name`, `email` and `language` (BCP 47) are a companion's own; those of the others are kept with them. `phone` is
    told where a phone leg is called from, and sealed elsewhere.
    """

    id: ParticipantId
    visit_id: VisitId
    kind: ParticipantKind
    state: ParticipantState
    since: datetime
    person_id: UUID | None = None
    name: str = ""
    email: str | None = None
    language: str = "en"
    phone: str | None = None
    invited_as: Role = Role.SYSTEM
    verified_at: datetime | None = None
    reads_until: datetime | None = None
    locked_until: datetime | None = None

    @property
    def host(self) -> bool:
        return self.kind is K.CLINICIAN and self.person_id is not None

    @property
    def companion(self) -> bool:
        """Neither the patient nor who gives the visit."""
        return self.kind is not K.PATIENT and not self.host

    @property
    def acts_as_patient(self) -> bool:
        return self.kind in PATIENT_SIDE

    @property
    def living(self) -> bool:
        return self.state in LIVING

    def reads(self, now: datetime) -> bool:
        """Whether there is something for them to read after the visit."""
        return self.reads_until is not None and now < self.reads_until

    @property
    def has_link(self) -> bool:
        return not self.host and self.kind not in NO_LINK

    def circumstances(self, *, authority: bool = True) -> Circumstances:
        own = self.invited_as is Role.PATIENT
        return Circumstances(kind=self.kind, host=self.host, authority=authority, own=own)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """One entry of somebody's history in a visit: the step, who took it, from which state to which.

    `actor_id` is an account or a participant; null for the house itself and for who held the link at the identity step.
    """

    participant_id: ParticipantId
    name: str
    kind: ParticipantKind
    seq: int
    at: datetime
    step: Step
    role: Role
    actor_id: UUID | None
    before: ParticipantState | None
    after: ParticipantState


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """Whom to invite. A proxy is named by `related_person_id` alone, a phone leg has a `phone`."""

    kind: ParticipantKind
    name: str = ""
    email: str | None = None
    phone: str | None = None
    language: str = "en"
    related_person_id: UUID | None = None


def check_room(role: Role, kind: ParticipantKind, invited: Iterable[Participant]) -> None:
    """Whether that role may invite one more of that kind to where those are. Raises NotToBeInvited, TooManyInvited."""
    companions = [each for each in invited if each.companion]
    if kind not in (BY_PATIENT if role is Role.PATIENT else BY_STAFF):
        raise NotToBeInvited
    by_patient = sum(each.invited_as is Role.PATIENT for each in companions)
    if role is Role.PATIENT and by_patient >= MOST_BY_PATIENT:
        raise TooManyInvited
    if sum(each.living for each in companions) >= MOST_COMPANIONS:
        raise TooManyInvited


INVITABLE = frozenset({VisitStatus.BOOKED, VisitStatus.ARRIVED, VisitStatus.READY}) | IN_CALL


class Attendance(StrEnum):
    """Where a companion's page stands."""

    EARLY = "early"
    WAITING = "waiting"
    LET_IN = "let_in"
    LEFT = "left"
    OVER = "over"


def attendance_of(state: ParticipantState, visit: Visit, now: datetime) -> Attendance:
    reason = join_reason(visit, now)
    if reason not in {JoinReason.OPEN, JoinReason.TOO_EARLY}:
        return Attendance.OVER
    if state is S.LEFT:
        return Attendance.LEFT
    if state in LET_IN:
        return Attendance.LET_IN
    return Attendance.EARLY if reason is JoinReason.TOO_EARLY else Attendance.WAITING
