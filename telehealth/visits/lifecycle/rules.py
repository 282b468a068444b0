"""The visit lifecycle as data, and the decisions taken from it. Pure: no clock, no database."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, SeriesId, VisitId, VisitTypeId
from telehealth.visits.lifecycle import events as happened

ANSWER_WITHIN = timedelta(seconds=60)  # an admitted patient and the clinician find each other in this time, or wait on
CORRECTABLE_FOR = timedelta(hours=24)


class VisitStatus(StrEnum):
    REQUESTED = "requested"
    HELD = "held"
    BOOKED = "booked"
    ARRIVED = "arrived"
    READY = "ready"
    ADMITTING = "admitting"
    IN_PROGRESS = "in_progress"
    INTERRUPTED = "interrupted"
    ENDED = "ended"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    PATIENT_NO_SHOW = "patient_no_show"
    PROVIDER_NO_SHOW = "provider_no_show"
    LEFT_UNSEEN = "left_unseen"
    INCOMPLETE = "incomplete"
    ENTERED_IN_ERROR = "entered_in_error"


class Command(StrEnum):
    REQUEST = "request"
    HOLD = "hold"
    EXPIRE = "expire"
    RELEASE = "release"
    BOOK = "book"
    RESCHEDULE = "reschedule"
    ARRIVE = "arrive"
    CHECK = "check"
    ATTEST = "attest"
    WAIVE = "waive"
    WITHDRAW = "withdraw"
    AWAY = "away"
    BACK = "back"
    MAKE_READY = "make_ready"
    ADMIT = "admit"
    NO_ANSWER = "no_answer"
    PUT_BACK = "put_back"
    HAND_OVER = "hand_over"
    CONNECT = "connect"
    DROP = "drop"
    RESUME = "resume"
    END = "end"
    COMPLETE = "complete"
    CANCEL = "cancel"
    PATIENT_NO_SHOW = "patient_no_show"
    PROVIDER_NO_SHOW = "provider_no_show"
    LEAVE = "leave"
    FAIL = "fail"
    MARK_ERROR = "mark_error"
    CORRECT = "correct"


class DeviceCheck(StrEnum):
    """How the patient's camera, microphone and network did; `waived` when they go on without."""

    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    FAILED = "failed"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Checked:
    """What one check of the patient's devices and network found; `report` as the page told it."""

    at: datetime
    verdict: DeviceCheck
    report: Mapping[str, Any]


S, R, C = VisitStatus, Role, Command
WAITING = frozenset({S.ARRIVED, S.READY})
IN_CALL = frozenset({S.ADMITTING, S.IN_PROGRESS, S.INTERRUPTED})
UNFINISHED = WAITING | IN_CALL | {S.ENDED}
BEFORE_CALL = frozenset({S.REQUESTED, S.HELD, S.BOOKED, S.ARRIVED, S.READY, S.ADMITTING})
OVER = frozenset(S) - BEFORE_CALL - IN_CALL
TO_HAND_OVER = (S.BOOKED, S.ARRIVED, S.READY, S.ADMITTING, S.IN_PROGRESS, S.INTERRUPTED)
ENDINGS = OVER - {S.ENDED}
CORRECTABLE = frozenset({S.PATIENT_NO_SHOW, S.PROVIDER_NO_SHOW, S.LEFT_UNSEEN, S.INCOMPLETE})
VALID = frozenset(S) - {S.ENTERED_IN_ERROR}
DESK = frozenset({R.FRONT_DESK, R.SYSTEM})
PATIENT_SIDE = frozenset({R.PATIENT, R.FRONT_DESK})  # the front desk does it for who is on the phone
CALL_PARTIES = frozenset({R.CLINICIAN, R.PATIENT, R.SYSTEM})  # signalling acts for whoever is connected
ANYONE = STAFF | {R.PATIENT, R.INTEGRATION}


class NotNow(Refusal):
    """`allowed` lists the commands that are possible in the present state, for this actor."""

    kind, slug, title = Kind.CONFLICT, "not-now", "This is not possible in the visit's present state"


class JurisdictionMismatch(Refusal):
    """`alternatives` names the clinicians who may treat there now, and whether another time may be chosen."""

    kind, slug, title = Kind.CONFLICT, "jurisdiction-mismatch", "The clinician is not licensed where the patient is"


class LinkOver(Refusal):
    kind, slug, title = Kind.GONE, "link-over", "This link was for a visit that is over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit; joining is possible in [opens_at, closes_at).

    `location` is the jurisdiction (ISO 3166) the patient said at check-in they are in, `licensed_there` whether the
    clinician might treat them there when they said so; None as long as nobody had to say. `planned_location` is where
    they were to be when it was booked, if that was said.
    `local_start` (YYYY-MM-DDTHH:MM) is the clock time that was meant in `time_zone`, by the zone rules of `tzdata`.
    `team` are the clinicians any of whom would do: none named is anyone, None is this one alone. `also` are further
    resources. `occurrence` counts a series from 1. `waived_location` is the place for which the clinician set the
    licence aside, "" before the patient had said one. `away_since` is since when a waiting patient's page is gone.
    `grace` and the two `..._no_show_after` are minutes, as the kind of visit had them when it was booked or moved;
    `no_show_automatic`: the system itself writes down who did not come.
    """

    id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    visit_type_id: VisitTypeId
    visit_type: str
    status: VisitStatus
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime
    closes_at: datetime
    time_zone: str
    revision: int
    changed_at: datetime
    check: DeviceCheck | None = None
    waiting_since: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    location: str | None = None
    location_attested_at: datetime | None = None
    licensed_there: bool | None = None
    local_start: str = ""
    tzdata: str = ""
    planned_location: str | None = None
    team: tuple[ClinicianId, ...] | None = None
    also: tuple[UUID, ...] = ()
    overbooked: bool = False
    series_id: SeriesId | None = None
    occurrence: int | None = None
    waived_location: str | None = None
    away_since: datetime | None = None
    grace: int = 5
    patient_no_show_after: int = 15
    provider_no_show_after: int = 30
    no_show_automatic: bool = False

    @property
    def place_waived(self) -> bool:
        """The clinician takes the patient where they are now, licence or not."""
        return self.waived_location is not None and self.waived_location == (self.location or "")

    @property
    def misplaced(self) -> bool:
        """The patient said they are where the clinician may not treat them."""
        return self.licensed_there is False and not self.place_waived

    @property
    def minutes(self) -> int:
        return int((self.ends_at - self.starts_at).total_seconds() // 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What guards look at. The facts below `earlier` are gathered by whoever gives the command (`steps.change`, facts);
    None is what nobody gathered: it lets nobody pass.
    """

    now: datetime
    opens_at: datetime
    closes_at: datetime
    starts_at: datetime
    changed_at: datetime
    grace: timedelta = timedelta(minutes=5)
    patient_no_show_after: timedelta = timedelta(minutes=15)
    provider_no_show_after: timedelta = timedelta(minutes=30)
    away_since: datetime | None = None
    check: DeviceCheck | None = None
    reason: str = ""
    earlier: VisitStatus | None = None
    identified: bool | None = None
    time_free: bool | None = None
    service_open: bool | None = None
    consent_current: bool | None = None
    intake_done: bool | None = None
    location_licensed: bool | None = None
    heir_licensed: bool | None = None
    both_sides_in_media: bool | None = None
    note_in_record: bool | None = None
    clinician_there: bool | None = None


KEPT = ("opens_at", "closes_at", "starts_at", "changed_at", "away_since", "check")
POLICY = ("grace", "patient_no_show_after", "provider_no_show_after")


def situation_of(visit: Visit, now: datetime, *, reason: str = "", earlier: VisitStatus | None = None) -> Situation:
    kept = {name: getattr(visit, name) for name in KEPT}
    policy: dict[str, Any] = {name: timedelta(minutes=getattr(visit, name)) for name in POLICY}
    licensed = False if visit.misplaced else None
    return Situation(now=now, reason=reason, earlier=earlier, location_licensed=licensed, **kept, **policy)


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition by name; `holds` decides it from the situation alone, `fact` is what has to be gathered for it."""

    name: str
    holds: Callable[[Situation], bool]
    fact: str | None = None

    def is_open(self, situation: Situation) -> bool:
        """Nobody has looked yet whether it holds."""
        return self.fact is not None and getattr(situation, self.fact) is None


def _found(fact: str, name: str | None = None) -> Guard:
    return Guard(name or fact, lambda s: getattr(s, fact) is True, fact)


SERVICE_OPEN = _found("service_open")
TIME_FREE = _found("time_free")
IN_WINDOW = Guard("inside_join_window", lambda s: s.opens_at <= s.now < s.closes_at)
IDENTIFIED = _found("identified", "identity_passed")
CONSENT = _found("consent_current")
LICENSED = _found("location_licensed")
HEIR_LICENSED = _found("heir_licensed")  # of who is named with the command
INTAKE = _found("intake_done")
CHECKED = Guard("devices_checked_or_waived", lambda s: s.check is not None)
BOTH_SIDES = _found("both_sides_in_media")
GRACE_OVER = Guard("grace_over", lambda s: s.now >= s.changed_at + s.grace)
ANSWER_OVER = Guard("answer_time_over", lambda s: s.now >= s.changed_at + ANSWER_WITHIN)
PRESENT = Guard("not_away_already", lambda s: s.away_since is None)
GONE = Guard("away", lambda s: s.away_since is not None)
GONE_LONG = Guard(
    "away_beyond_grace", lambda s: s.away_since is not None and s.now >= max(s.away_since, s.starts_at) + s.grace
)
NOTE_IN_RECORD = _found("note_in_record")
REASON_GIVEN = Guard("reason_given", lambda s: bool(s.reason))
NO_SHOW_TIME = Guard("no_show_time_over", lambda s: s.now >= s.starts_at + s.patient_no_show_after)
CLINICIAN_THERE = _found("clinician_there")
NOBODY_CAME = Guard("nobody_admitted", lambda s: s.now >= s.starts_at + s.provider_no_show_after)
IN_TIME = Guard("in_time_to_correct", lambda s: s.now <= s.changed_at + CORRECTABLE_FOR)


@dataclass(frozen=True, slots=True)
class Transition:
    """One row of the machine. No source means that the visit begins here; `to` None means the state before."""

    command: Command
    sources: frozenset[VisitStatus | None]
    to: VisitStatus | None
    who: frozenset[Role]
    event: type[happened.VisitEvent]
    guards: tuple[Guard, ...] = ()
    frees_time: bool = False


def _row(
    command: Command,
    change: tuple[Iterable[VisitStatus | None], VisitStatus | None],
    who: Iterable[Role],
    event: type[happened.VisitEvent],
    *guards: Guard,
    frees_time: bool = False,
) -> Transition:
    sources, to = change
    return Transition(command, frozenset(sources), to, frozenset(who), event, guards, frees_time)


TRANSITIONS: tuple[Transition, ...] = (
    _row(C.REQUEST, ({None}, S.REQUESTED), ANYONE, happened.VisitRequested, SERVICE_OPEN),
    _row(C.HOLD, ({None, S.REQUESTED}, S.HELD), ANYONE, happened.VisitHeld, TIME_FREE, LICENSED),
    _row(C.EXPIRE, ({S.HELD}, S.EXPIRED), {R.SYSTEM}, happened.VisitExpired, frees_time=True),
    _row(C.RELEASE, ({S.HELD}, S.EXPIRED), ANYONE, happened.VisitExpired, frees_time=True),
    _row(C.BOOK, ({None, S.REQUESTED, S.HELD}, S.BOOKED), ANYONE, happened.VisitBooked, TIME_FREE),
    _row(C.RESCHEDULE, ({S.BOOKED}, S.BOOKED), ANYONE, happened.VisitRescheduled, TIME_FREE),
    _row(C.ARRIVE, ({S.BOOKED}, S.ARRIVED), PATIENT_SIDE, happened.PatientArrived, IN_WINDOW, IDENTIFIED),
    *(_row(C.CHECK, ({each}, each), PATIENT_SIDE, happened.DeviceChecked) for each in (S.ARRIVED, S.READY)),
    *(_row(C.ATTEST, ({each}, each), PATIENT_SIDE, happened.LocationAttested) for each in (S.ARRIVED, S.READY)),
    *(
        _row(C.WAIVE, ({each}, each), STAFF, happened.GateWaived, REASON_GIVEN)
        for each in (S.BOOKED, S.ARRIVED, S.READY)
    ),
    _row(C.WITHDRAW, ({S.READY, S.ADMITTING}, S.ARRIVED), {R.PATIENT}, happened.ConsentWithdrawn),
    *(
        _row(C.WITHDRAW, ({each}, each), {R.PATIENT}, happened.ConsentWithdrawn)
        for each in (S.BOOKED, S.ARRIVED, S.IN_PROGRESS, S.INTERRUPTED)
    ),
    *(_row(C.AWAY, ({each}, each), {R.SYSTEM}, happened.PatientAway, PRESENT) for each in (S.ARRIVED, S.READY)),
    *(_row(C.BACK, ({each}, each), {R.PATIENT, R.SYSTEM}, happened.PatientBack, GONE) for each in (S.ARRIVED, S.READY)),
    _row(C.MAKE_READY, ({S.ARRIVED}, S.READY), PATIENT_SIDE, happened.PatientReady, CONSENT, LICENSED, INTAKE, CHECKED),
    _row(C.ADMIT, ({S.READY}, S.ADMITTING), {R.CLINICIAN}, happened.VisitAdmitted, LICENSED),
    _row(C.NO_ANSWER, ({S.ADMITTING}, S.READY), {R.CLINICIAN}, happened.NobodyAnswered),
    _row(C.NO_ANSWER, ({S.ADMITTING}, S.READY), {R.SYSTEM}, happened.NobodyAnswered, ANSWER_OVER),
    _row(C.PUT_BACK, ({S.ADMITTING}, S.READY), {R.CLINICIAN}, happened.PatientPutBack),
    *(_row(C.HAND_OVER, ({each}, each), STAFF, happened.VisitTakenOver, HEIR_LICENSED) for each in TO_HAND_OVER),
    _row(C.CONNECT, ({S.ADMITTING}, S.IN_PROGRESS), CALL_PARTIES, happened.VisitStarted, BOTH_SIDES),
    _row(C.DROP, ({S.IN_PROGRESS}, S.INTERRUPTED), CALL_PARTIES, happened.VisitInterrupted),
    _row(C.RESUME, ({S.INTERRUPTED}, S.IN_PROGRESS), CALL_PARTIES, happened.VisitResumed, BOTH_SIDES),
    _row(C.END, ({S.IN_PROGRESS, S.INTERRUPTED}, S.ENDED), {R.CLINICIAN}, happened.VisitEnded),
    _row(C.END, ({S.INTERRUPTED}, S.ENDED), {R.SYSTEM}, happened.VisitEnded, GRACE_OVER),
    _row(C.COMPLETE, ({S.ENDED}, S.COMPLETED), {R.SYSTEM}, happened.VisitCompleted, NOTE_IN_RECORD),
    _row(C.CANCEL, (BEFORE_CALL, S.CANCELLED), ANYONE, happened.VisitCancelled, REASON_GIVEN, frees_time=True),
    _row(C.PATIENT_NO_SHOW, ({S.BOOKED}, S.PATIENT_NO_SHOW), STAFF - {R.SYSTEM}, happened.PatientMissed, NO_SHOW_TIME),
    _row(
        C.PATIENT_NO_SHOW,
        ({S.BOOKED}, S.PATIENT_NO_SHOW),
        {R.SYSTEM},
        happened.PatientMissed,
        NO_SHOW_TIME,
        CLINICIAN_THERE,
    ),
    _row(C.PROVIDER_NO_SHOW, (WAITING, S.PROVIDER_NO_SHOW), STAFF, happened.ClinicianMissed, NOBODY_CAME),
    _row(C.LEAVE, (WAITING, S.LEFT_UNSEEN), STAFF - {R.SYSTEM} | {R.PATIENT}, happened.PatientLeft),
    _row(C.LEAVE, (WAITING, S.LEFT_UNSEEN), {R.SYSTEM}, happened.PatientLeft, GONE_LONG),
    _row(C.FAIL, (IN_CALL, S.INCOMPLETE), {R.CLINICIAN, R.SYSTEM}, happened.VisitFailed, REASON_GIVEN),
    _row(C.MARK_ERROR, (VALID, S.ENTERED_IN_ERROR), DESK, happened.VisitMarkedAsError, REASON_GIVEN, frees_time=True),
    _row(C.CORRECT, (CORRECTABLE, None), STAFF, happened.VisitCorrected, IN_TIME, REASON_GIVEN),
)

GIVEN_WITH_IT = frozenset({REASON_GIVEN, HEIR_LICENSED})


@dataclass(frozen=True, slots=True)
class Decision:
    """What a command does: from where to where, by which row of the machine."""

    transition: Transition
    before: VisitStatus | None
    after: VisitStatus


def decide(command: Command, status: VisitStatus | None, role: Role, situation: Situation) -> Decision:
    """The transition of that command. Raises NotNow with the commands allowed instead and the guard that failed."""
    rows = [row for row in TRANSITIONS if row.command is command and status in row.sources and role in row.who]
    failed = [_failed_guard(row, situation) for row in rows]
    for row, guard in zip(rows, failed, strict=True):
        if guard is None:
            return Decision(row, status, _target(row, situation))
    extras = {"reason": failed[0].name} if failed and failed[0] else {}
    raise NotNow(allowed=[each.value for each in allowed(status, role, situation)], **extras)


def allowed(status: VisitStatus | None, role: Role, situation: Situation) -> tuple[Command, ...]:
    """The commands this actor may give now. What is given with the command, a reason or an heir, is no obstacle, nor is
    what is looked at only then.
    """
    rows = [row for row in TRANSITIONS if status in row.sources and role in row.who]
    return tuple(dict.fromkeys(row.command for row in rows if not _is_barred(row, situation)))


def expect(command: Command, status: VisitStatus | None, role: Role, situation: Situation) -> None:
    """That the command can be given once its facts are gathered. Raises NotNow."""
    if command not in allowed(status, role, situation):
        decide(command, status, role, situation)


def _is_barred(row: Transition, situation: Situation) -> bool:
    failed = [guard for guard in row.guards if not guard.holds(situation)]
    return not all(guard in GIVEN_WITH_IT or guard.is_open(situation) for guard in failed)


def _failed_guard(row: Transition, situation: Situation) -> Guard | None:
    return next((guard for guard in row.guards if not guard.holds(situation)), None)


def _target(row: Transition, situation: Situation) -> VisitStatus:
    target = row.to or situation.earlier
    if target is None:
        raise AssertionError("unreachable: an ending comes after something else, and who corrects it says what")
    return target
