"""Who takes part in a visit, how far each has come, and what lets them in. Pure: no clock, no database."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.people.rules import words
from telehealth.visits.lifecycle.joining import JoinReason, join_reason
from telehealth.visits.lifecycle.rules import IN_CALL, OVER, Visit, VisitStatus

MOST_COMPANIONS = 8  # besides the patient and the clinician, those put out not counted
MOST_BY_PATIENT = 4  # whom the patient's side may invite in all: the clinic's mail is sent for them


class ParticipantKind(StrEnum):
    """As whom somebody takes part. A proxy acts for the patient; a phone leg is a voice without a page."""

    PATIENT = "patient"
    PROXY = "proxy"
    FAMILY = "family"
    CLINICIAN = "clinician"
    TRAINEE = "trainee"
    INTERPRETER = "interpreter"
    CARE_ASSISTANT = "care_assistant"
    PHONE = "phone"


K = ParticipantKind
PATIENT_SIDE = frozenset({K.PATIENT, K.PROXY})
BY_STAFF = frozenset({K.FAMILY, K.CLINICIAN, K.TRAINEE, K.INTERPRETER, K.CARE_ASSISTANT, K.PHONE, K.PROXY})
BY_PATIENT = frozenset({K.FAMILY, K.INTERPRETER, K.CARE_ASSISTANT})


class ParticipantState(StrEnum):
    INVITED = "invited"
    NOTIFIED = "notified"
    OPENED = "opened"
    VERIFIED = "verified"
    CHECKED = "checked"
    WAITING = "waiting"
    ADMITTED = "admitted"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    LEFT = "left"
    REMOVED = "removed"
    REVOKED = "revoked"


class Step(StrEnum):
    """What moves a participant on."""

    NOTIFY = "notify"
    OPEN = "open"
    VERIFY = "verify"
    CHECK = "check"
    WAIT = "wait"
    ADMIT = "admit"
    CONNECT = "connect"
    DISCONNECT = "disconnect"
    LEAVE = "leave"
    REMOVE = "remove"
    REVOKE = "revoke"
    INVITE_AGAIN = "invite_again"


S, R = ParticipantState, Role
EXPECTED = frozenset({S.INVITED, S.NOTIFIED, S.OPENED})
LET_IN = frozenset({S.ADMITTED, S.CONNECTED, S.DISCONNECTED})
PRESENT = frozenset({S.VERIFIED, S.CHECKED, S.WAITING}) | LET_IN
OUT = frozenset({S.REMOVED, S.REVOKED})
LIVING = frozenset(S) - OUT
GUESTS = frozenset({R.PATIENT, R.GUEST, R.SYSTEM})
HOSTS = frozenset({R.CLINICIAN, R.SYSTEM})


class StepRefused(Refusal):
    """`allowed` lists the steps that are possible for this participant now."""

    kind, slug, title = Kind.CONFLICT, "participant-not-now", "This is not possible for this participant now"


class NotToBeInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-to-be-invited", "Nobody can be invited to this visit now"


class TooManyInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "too-many-invited", "No more people can be invited to this visit"


class NoAuthority(Refusal):
    kind, slug, title = Kind.CONFLICT, "no-authority", "This person may not act for the patient at that time"


class AlreadyInvited(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-invited", "This person is invited to the visit already"


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What guards look at: `host` gives the visit, `authority` whether a proxy may act now, `own` whether the patient's
    side invited them.
    """

    kind: ParticipantKind
    host: bool = False
    authority: bool = True
    own: bool = False


@dataclass(frozen=True, slots=True)
class Guard:
    name: str
    holds: Callable[[Circumstances], bool]


AUTHORISED = Guard("authority_holds", lambda c: c.kind is not K.PROXY or c.authority)
# Who books for themselves invites the clinician and the patient as well: these are no guests of theirs.
OWN_GUEST = Guard("guest_of_the_patient", lambda c: c.own and c.kind in BY_PATIENT)
BY_PHONE = Guard("takes_part_by_phone", lambda c: c.kind is K.PHONE)
AS_HOST = Guard("gives_the_visit", lambda c: c.host)
NOT_HOST = Guard("does_not_give_the_visit", lambda c: not c.host)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the machine; `to` None leaves the state as it is."""

    step: Step
    sources: frozenset[ParticipantState]
    to: ParticipantState | None
    who: frozenset[Role]
    guards: tuple[Guard, ...] = ()


def _row(
    step: Step,
    sources: Iterable[ParticipantState],
    to: ParticipantState | None,
    who: Iterable[Role],
    *guards: Guard,
) -> Transition:
    return Transition(step, frozenset(sources), to, frozenset(who), guards)


# A personal link may be opened again, on this device or another one: it never sets back who is already further.
TRANSITIONS: tuple[Transition, ...] = (
    _row(Step.NOTIFY, {S.INVITED}, S.NOTIFIED, {R.SYSTEM}),
    _row(Step.OPEN, {S.INVITED, S.NOTIFIED}, S.OPENED, {R.ANONYMOUS, R.SYSTEM}),
    _row(Step.VERIFY, EXPECTED | {S.LEFT}, S.VERIFIED, {R.ANONYMOUS, R.SYSTEM}, AUTHORISED),
    _row(Step.VERIFY, PRESENT, None, {R.ANONYMOUS, R.SYSTEM}, AUTHORISED),
    _row(Step.VERIFY, EXPECTED | {S.LEFT}, S.VERIFIED, STAFF, BY_PHONE),
    _row(Step.CHECK, {S.VERIFIED, S.CHECKED}, S.CHECKED, GUESTS),
    _row(Step.WAIT, {S.VERIFIED, S.CHECKED, S.LEFT}, S.WAITING, GUESTS, AUTHORISED),
    _row(Step.WAIT, {S.VERIFIED}, S.WAITING, STAFF, BY_PHONE),
    _row(Step.WAIT, {S.ADMITTED}, S.WAITING, {R.SYSTEM}, AUTHORISED),
    _row(Step.ADMIT, {S.WAITING}, S.ADMITTED, HOSTS, AUTHORISED),
    _row(Step.ADMIT, EXPECTED | {S.LEFT}, S.ADMITTED, {R.SYSTEM}, AS_HOST),
    _row(Step.CONNECT, {S.ADMITTED, S.DISCONNECTED}, S.CONNECTED, {R.SYSTEM}),
    _row(Step.CONNECT, {S.ADMITTED, S.DISCONNECTED}, S.CONNECTED, STAFF, BY_PHONE),
    _row(Step.DISCONNECT, {S.CONNECTED}, S.DISCONNECTED, {R.SYSTEM}),
    _row(Step.DISCONNECT, {S.CONNECTED}, S.DISCONNECTED, STAFF, BY_PHONE),
    _row(Step.LEAVE, PRESENT, S.LEFT, GUESTS),
    _row(Step.LEAVE, PRESENT, S.LEFT, STAFF, BY_PHONE),
    _row(Step.REMOVE, PRESENT | {S.LEFT}, S.REMOVED, STAFF, NOT_HOST),
    _row(Step.REVOKE, LIVING, S.REVOKED, STAFF, NOT_HOST),
    _row(Step.REVOKE, LIVING, S.REVOKED, {R.PATIENT}, OWN_GUEST),
    _row(Step.INVITE_AGAIN, OUT, S.INVITED, STAFF, AUTHORISED),
)


def decide(step: Step, state: ParticipantState, role: Role, circumstances: Circumstances) -> ParticipantState:
    """The state that step leads to. Raises StepRefused with the steps allowed instead."""
    for row in TRANSITIONS:
        if row.step is step and _open(row, state, role, circumstances):
            return row.to or state
    raise StepRefused(allowed=[each.value for each in allowed(state, role, circumstances)])


def allowed(state: ParticipantState, role: Role, circumstances: Circumstances) -> tuple[Step, ...]:
    """The steps this role may give now."""
    return tuple(dict.fromkeys(row.step for row in TRANSITIONS if _open(row, state, role, circumstances)))


def _open(row: Transition, state: ParticipantState, role: Role, circumstances: Circumstances) -> bool:
    return state in row.sources and role in row.who and all(guard.holds(circumstances) for guard in row.guards)


# How the patient's side and the clinician follow their visit. Companions are let in one by one.

_FOLLOWED: Mapping[VisitStatus, tuple[Step, ...]] = {
    VisitStatus.READY: (Step.WAIT,),
    VisitStatus.ADMITTING: (Step.WAIT, Step.ADMIT),
    VisitStatus.IN_PROGRESS: (Step.WAIT, Step.ADMIT, Step.CONNECT),
    VisitStatus.INTERRUPTED: (Step.WAIT, Step.ADMIT, Step.CONNECT, Step.DISCONNECT),
}


def followed(
    circumstances: Circumstances, state: ParticipantState, visit: VisitStatus, *, checked: bool = False
) -> ParticipantState:
    """Where the visit puts somebody who takes part in it, `checked` when its devices are; again changes nothing.

    A visit that is over has nobody in it. Who has not come yet, or is out, stays as they are.
    """
    if visit in OVER:
        return S.LEFT if state in PRESENT else state
    host = circumstances.host and visit in IN_CALL
    if not host and (circumstances.kind not in PATIENT_SIDE or state not in PRESENT | {S.LEFT}):
        return state
    for step in ((Step.CHECK,) if checked else ()) + _FOLLOWED.get(visit, ()):
        if step in allowed(state, R.SYSTEM, circumstances):
            state = decide(step, state, R.SYSTEM, circumstances)
    return state


# The identity step


class Identity(StrEnum):
    """What a personal link asks for."""

    BIRTH_DATE = "birth_date"
    NAME = "name"
    NOTHING = "nothing"


LINK_PATHS = {Identity.BIRTH_DATE: "/join/", Identity.NAME: "/invited/"}


def identity_of(kind: ParticipantKind) -> Identity:
    """The patient and who acts for them give the patient's date of birth, others the name they were invited by.

    A phone leg has no link: whoever calls them asks.
    """
    if kind in PATIENT_SIDE:
        return Identity.BIRTH_DATE
    return Identity.NOTHING if kind is K.PHONE else Identity.NAME


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

    @property
    def has_link(self) -> bool:
        return not self.host and self.kind is not K.PHONE

    def circumstances(self, *, authority: bool = True) -> Circumstances:
        own = self.invited_as is Role.PATIENT
        return Circumstances(kind=self.kind, host=self.host, authority=authority, own=own)


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
