"""Alerts that go from one to the next until somebody takes them on: the ladders, and when each rung is due. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import AccountId, AlertId, ClinicianId, PatientId, VisitId
from telehealth.visits.lifecycle.rules import VisitStatus

LONGEST_AFTER = 24 * 3600  # seconds
SHORTEST_REOPENING = 60  # seconds
MOST_RUNGS = 10
DAY_BEFORE, HOUR_BEFORE = timedelta(days=1), timedelta(hours=1)
TO_GET_READY = timedelta(minutes=5)  # for whoever comes late, or is sent back


class AlertKind(StrEnum):
    """`waiting`: a patient waits and nobody has let them in. `held_up`: one has come, their time has begun, and they
    are still not in the waiting room. `queued`: one without a time waits for whoever is free. `locked_link`: somebody
    gave too many wrong answers at their personal link. `unjoinable`: a visit to come that could not be joined as things
    stand. `house`: the house lacks what every visit needs; one alert, however many visits it affects.
    """

    WAITING = "waiting"
    HELD_UP = "held_up"
    QUEUED = "queued"
    LOCKED_LINK = "locked_link"
    UNJOINABLE = "unjoinable"
    HOUSE = "house"


class Audience(StrEnum):
    """`board`: boards of the front desk and of whose visit it is. `clinician`: who gives the visit. `pool`: everyone
    who may treat this patient there. `coordinator`: an address, or without one everyone at the front desk.
    """

    BOARD = "board"
    CLINICIAN = "clinician"
    POOL = "pool"
    COORDINATOR = "coordinator"


class Way(StrEnum):
    """How somebody is told. A board sounds as well."""

    BOARD = "board"
    MAIL = "mail"


class Closing(StrEnum):
    """Why an alert is over: the patient was seen to, or does not wait any more; what was wrong is mended; it was taken
    on and nothing is left to do; or the same is told anew because the visit is near.
    """

    OVER = "over"
    MENDED = "mended"
    TAKEN_ON = "taken_on"
    AGAIN = "again"


class Fault(StrEnum):
    """Why nobody could join: no personal link of the patient's side, no account of the clinician; and for every visit
    of the house, no TURN server.
    """

    NO_LINK = "no_link"
    NO_ACCOUNT = "no_account"
    NO_RELAY = "no_relay"


class AlreadyAcknowledged(Refusal):
    """`by` names the member of staff who was quicker, `at` is when."""

    kind, slug, title = Kind.CONFLICT, "already-acknowledged", "Somebody else has taken this on already"


class AlertOver(Refusal):
    kind, slug, title = Kind.GONE, "alert-over", "There is nothing left to do about this"


class UnfitLadder(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-ladder", "These steps cannot be followed"


@dataclass(frozen=True, slots=True)
class Rung:
    """Who is told when nobody has taken the alert on `after` so many seconds. `address` is for a coordinator alone."""

    after: int
    whom: Audience
    address: str | None = None

    @property
    def way(self) -> Way:
        return Way.BOARD if self.whom is Audience.BOARD else Way.MAIL


A = Audience
DEFAULT_LADDERS: Mapping[AlertKind, tuple[Rung, ...]] = MappingProxyType(
    {
        AlertKind.WAITING: (Rung(0, A.BOARD), Rung(120, A.CLINICIAN), Rung(240, A.POOL), Rung(360, A.COORDINATOR)),
        AlertKind.HELD_UP: (Rung(0, A.BOARD), Rung(180, A.COORDINATOR)),
        AlertKind.QUEUED: (Rung(0, A.BOARD), Rung(900, A.POOL), Rung(1800, A.COORDINATOR)),
        AlertKind.LOCKED_LINK: (Rung(0, A.BOARD), Rung(300, A.COORDINATOR)),
        AlertKind.UNJOINABLE: (Rung(0, A.BOARD), Rung(900, A.COORDINATOR)),
        AlertKind.HOUSE: (Rung(0, A.BOARD), Rung(900, A.COORDINATOR)),
    }
)
AUDIENCES: Mapping[AlertKind, frozenset[Audience]] = MappingProxyType(
    {
        AlertKind.WAITING: frozenset(A),
        # A colleague can let in who waits, but not bring them there: that is for the desk, and for whose visit it is.
        AlertKind.HELD_UP: frozenset(A) - {A.POOL},
        AlertKind.QUEUED: frozenset(A) - {A.CLINICIAN},  # nobody's visit yet
        AlertKind.LOCKED_LINK: frozenset(A),
        AlertKind.UNJOINABLE: frozenset(A),
        AlertKind.HOUSE: frozenset({A.BOARD, A.COORDINATOR}),
    }
)
# Seconds after which what was taken on and still stands is raised again. A locked link ends with being taken on.
REOPEN_AFTER: Mapping[AlertKind, int] = MappingProxyType(
    {
        AlertKind.WAITING: 600,
        AlertKind.HELD_UP: 600,
        AlertKind.QUEUED: 900,
        AlertKind.LOCKED_LINK: 600,
        AlertKind.UNJOINABLE: 4 * 3600,
        AlertKind.HOUSE: 3600,
    }
)


# Alerts about where a patient is for too long, and where that is.
STAYS: Mapping[AlertKind, VisitStatus] = MappingProxyType(
    {AlertKind.WAITING: VisitStatus.READY, AlertKind.HELD_UP: VisitStatus.ARRIVED}
)


@dataclass(frozen=True, slots=True)
class EscalationRules:
    """How every kind of alert goes from one to the next, and after how many seconds what was taken on, and still
    stands, is raised again.
    """

    ladders: Mapping[AlertKind, tuple[Rung, ...]]
    reopen_after: Mapping[AlertKind, int]

    def by_default(self, kind: AlertKind) -> bool:
        """Whether it goes as the house does it."""
        return self.ladders[kind] == DEFAULT_LADDERS[kind] and self.reopen_after[kind] == REOPEN_AFTER[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alert is about and since when: a visit, who gives it and when it begins; an entry in the queue and where
    its patient is (ISO 3166); or the house, and how many visits that affects.
    """

    since: datetime
    patient_id: PatientId | None = None
    affected: int | None = None
    visit_id: VisitId | None = None
    clinician_id: ClinicianId | None = None
    starts_at: datetime | None = None
    queue_entry_id: UUID | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`since` is when it began, `step` how many rungs are behind it, `next_at` when the next is due (see counts_from).

    Either of a visit or of an entry in the queue; of the house neither, no patient, and `affected` visits of the next
    day. `place` is where a patient in the queue said they are (ISO 3166). `resumed_from`: see `resumed`.
    """

    id: AlertId
    kind: AlertKind
    visit_id: VisitId | None
    queue_entry_id: UUID | None
    patient_id: PatientId | None
    affected: int | None
    place: str | None
    faults: tuple[Fault, ...]
    since: datetime
    raised_at: datetime
    resumed_from: datetime | None
    step: int
    next_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: AccountId | None
    closed_at: datetime | None
    closing: Closing | None

    @property
    def wants_someone(self) -> bool:
        return self.acknowledged_at is None and self.closed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Somebody was told of an alert; `role` and `recipient_id` are None for boards, and when there was nobody to tell.

    `address` is set for who is no clinician. `had_by` had taken it on without ending it, so that it was raised again.
    """

    at: datetime
    rung: int
    whom: Audience
    way: Way
    role: Role | None
    recipient_id: UUID | None
    address: str | None
    had_by: AccountId | None = None


@dataclass(frozen=True, slots=True)
class About:
    """Of the visit of an alert: when it begins, who gives it, and how often it has changed."""

    starts_at: datetime
    clinician_id: ClinicianId
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An alert as a board shows it: whom it is about, their visit, who has taken it on, who was told."""

    alert: Alert
    patient_name: str | None
    visit: About | None
    by: str | None
    own: bool
    tellings: tuple[Telling, ...]

    def may_be_taken_over_by(self, person_id: UUID | None) -> bool:
        """Somebody else's patient waits to be let in."""
        return self.alert.kind is AlertKind.WAITING and self.visit is not None and self.visit.clinician_id != person_id


def next_at(ladder: Sequence[Rung], step: int, since: datetime) -> datetime | None:
    """When the rung after the first `step` is due; None at the top of the ladder."""
    return since + timedelta(seconds=ladder[step].after) if step < len(ladder) else None


def counts_from(kind: AlertKind, since: datetime, starts_at: datetime | None) -> datetime:
    """What the rungs above the boards count from: nobody is late for a patient who is early."""
    return max(since, starts_at) if kind is AlertKind.WAITING and starts_at is not None else since


def resumed(ladder: Sequence[Rung], step: int, now: datetime) -> tuple[int, datetime]:
    """Where an alert goes on that is raised again `now`: the rung it had last, and from when the rungs count, so that
    this one is due now and the others as much later as ever.
    """
    last = min(max(step, 1), len(ladder)) - 1
    return last, now - timedelta(seconds=ladder[last].after)


def fingerprint(ladder: Sequence[Rung], reopen_after: int) -> str:
    """A short word for these steps, the same for the same steps."""
    steps = [(rung.after, str(rung.whom), rung.address) for rung in ladder]
    return sha256(repr((steps, reopen_after)).encode()).hexdigest()[:16]


def check_ladder(kind: AlertKind, ladder: Sequence[Rung]) -> None:
    """Raises UnfitLadder: a ladder begins on the boards at once and goes up in time, tells nobody whom such an alert
    has not, and only a coordinator has an address. `step` counts from 1, `fault` is a word.
    """
    for number, rung in enumerate(ladder, start=1):
        fault = _fault_of(kind, ladder, number - 1, rung)
        if fault:
            raise UnfitLadder(FAULTS[fault], step=number, fault=fault)
    if not ladder:
        raise UnfitLadder(FAULTS["first"], step=1, fault="first")


FAULTS: Mapping[str, str] = MappingProxyType(
    {
        "first": "the first step is the board, after 0 seconds",
        "order": "a step comes earlier than the one before it",
        "whom": "such an alert has nobody of that sort",
        "address": "only a coordinator has an address",
    }
)


def _fault_of(kind: AlertKind, ladder: Sequence[Rung], at: int, rung: Rung) -> str:
    if at == 0 and (rung.whom is not Audience.BOARD or rung.after != 0):
        return "first"
    if at > 0 and rung.after < ladder[at - 1].after:
        return "order"
    if rung.whom not in AUDIENCES[kind]:
        return "whom"
    return "address" if rung.address and rung.whom is not Audience.COORDINATOR else ""


def faults_of(*, has_link: bool, has_account: bool) -> tuple[Fault, ...]:
    """Why one visit to come could not be joined as things stand; empty when it could."""
    return (*(() if has_link else (Fault.NO_LINK,)), *(() if has_account else (Fault.NO_ACCOUNT,)))


def looked_at_since(starts_at: datetime, now: datetime) -> datetime | None:
    """From when an alert about a visit to come still counts: a day before, and anew an hour before; None when it is
    further away, or has begun.
    """
    if not now < starts_at <= now + DAY_BEFORE:
        return None
    return starts_at - (HOUR_BEFORE if starts_at <= now + HOUR_BEFORE else DAY_BEFORE)
