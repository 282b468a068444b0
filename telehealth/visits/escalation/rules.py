"""Alerts that go from one to the next until somebody takes them on: the ladders, and when each rung is due. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from types import MappingProxyType
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import AccountId, AlertId, ClinicianId, PatientId, VisitId

LONGEST_AFTER = 24 * 3600  # seconds
MOST_RUNGS = 10
DAY_BEFORE, HOUR_BEFORE = timedelta(days=1), timedelta(hours=1)


class AlertKind(StrEnum):
    """`waiting`: a patient waits and nobody has let them in. `queued`: one without a time waits for whoever is free.
    `locked_link`: somebody gave too many wrong answers at
    their personal link. `unjoinable`: a visit to come that could not be joined as things stand.
    """

    WAITING = "waiting"
    QUEUED = "queued"
    LOCKED_LINK = "locked_link"
    UNJOINABLE = "unjoinable"


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
    """Why nobody could join: no personal link of the patient's side, no account of the clinician, no TURN server."""

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
        AlertKind.QUEUED: (Rung(0, A.BOARD), Rung(900, A.POOL), Rung(1800, A.COORDINATOR)),
        AlertKind.LOCKED_LINK: (Rung(0, A.BOARD), Rung(300, A.COORDINATOR)),
        AlertKind.UNJOINABLE: (Rung(0, A.BOARD), Rung(900, A.COORDINATOR)),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What an alert is about and since when: a visit, who gives it and when it begins; or an entry in the queue and
    where its patient is (ISO 3166).
    """

    patient_id: PatientId
    since: datetime
    visit_id: VisitId | None = None
    clinician_id: ClinicianId | None = None
    starts_at: datetime | None = None
    queue_entry_id: UUID | None = None
    place: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """`since` is when it began, `step` how many rungs are behind it, `next_at` when the next is due (see counts_from).

    Either of a visit or of an entry in the queue. `place` is where a patient in the queue said they are (ISO 3166).
    """

    id: AlertId
    kind: AlertKind
    visit_id: VisitId | None
    queue_entry_id: UUID | None
    patient_id: PatientId
    place: str | None
    faults: tuple[Fault, ...]
    since: datetime
    raised_at: datetime
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

    `address` is set for who is no clinician.
    """

    at: datetime
    rung: int
    whom: Audience
    way: Way
    role: Role | None
    recipient_id: UUID | None
    address: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An alert as a board shows it: whom it is about, when their visit is, who has taken it on, who was told."""

    alert: Alert
    patient_name: str
    starts_at: datetime | None
    by: str | None
    own: bool
    tellings: tuple[Telling, ...]


def next_at(ladder: Sequence[Rung], step: int, since: datetime) -> datetime | None:
    """When the rung after the first `step` is due; None at the top of the ladder."""
    return since + timedelta(seconds=ladder[step].after) if step < len(ladder) else None


def counts_from(kind: AlertKind, since: datetime, starts_at: datetime | None) -> datetime:
    """What the rungs above the boards count from: nobody is late for a patient who is early."""
    return max(since, starts_at) if kind is AlertKind.WAITING and starts_at is not None else since


def check_ladder(ladder: Sequence[Rung]) -> None:
    """Raises UnfitLadder: a ladder begins on the boards at once and goes up in time, and only a coordinator has an
    address.
    """
    if not ladder or ladder[0].whom is not Audience.BOARD or ladder[0].after != 0:
        raise UnfitLadder("the first step is the board, after 0 seconds")
    if any(later.after < earlier.after for earlier, later in pairwise(ladder)):
        raise UnfitLadder("a step comes earlier than the one before it")
    if any(each.address and each.whom is not Audience.COORDINATOR for each in ladder):
        raise UnfitLadder("only a coordinator has an address")


def faults_of(*, has_link: bool, has_account: bool, lacking: Iterable[Fault] = ()) -> tuple[Fault, ...]:
    """Why a visit to come could not be joined as things stand; empty when it could."""
    found = set(lacking)
    found |= set() if has_link else {Fault.NO_LINK}
    found |= set() if has_account else {Fault.NO_ACCOUNT}
    return tuple(each for each in Fault if each in found)


def looked_at_since(starts_at: datetime, now: datetime) -> datetime | None:
    """From when an alert about a visit to come still counts: a day before, and anew an hour before; None when it is
    further away, or has begun.
    """
    if not now < starts_at <= now + DAY_BEFORE:
        return None
    return starts_at - (HOUR_BEFORE if starts_at <= now + HOUR_BEFORE else DAY_BEFORE)
