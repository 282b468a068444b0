"""What a visit says and hears on the wire, and the form of its identity step."""

from datetime import date, datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from telehealth.core.actors import Role
from telehealth.http.schemas import Message
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.lifecycle.checks import judge_check
from telehealth.visits.lifecycle.drawing import diagram
from telehealth.visits.lifecycle.joining import JoinReason
from telehealth.visits.lifecycle.rules import (
    TRANSITIONS,
    Checked,
    Command,
    DeviceCheck,
    Visit,
    VisitStatus,
    allowed,
    situation_of,
)

CancelReason = Literal["patient_request", "clinician_unavailable", "technical", "duplicate", "other"]
Word = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
EARLIEST_YEAR = 1850
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]


class CancelVisit(Message):
    reason: CancelReason


class HandOver(Message):
    """`override` is why the visit may lie over other time of the clinician who takes it."""

    clinician_id: UUID
    override: Annotated[str, Field(max_length=500)] = ""


class MarkNoShow(Message):
    """Who did not come."""

    who: Literal["patient", "clinician"]


class FailVisit(Message):
    reason: Literal["technical", "clinical"]


class MarkError(Message):
    reason: Literal["wrong_patient", "duplicate", "wrong_time", "test", "other"]


class CorrectVisit(Message):
    reason: Literal["came_after_all", "marked_by_mistake", "connection_back", "other"]


class VisitView(Message):
    """A visit as staff see it. `allowed` lists the commands that whoever asks may give now.

    `location` is where the patient said at check-in they are (ISO 3166); `licensed_there` false: the clinician may not
    treat them there, the time is kept, and staff find another clinician or another time.
    """

    id: UUID
    patient_id: UUID
    clinician_id: UUID
    visit_type: str
    status: VisitStatus
    starts_at: datetime
    ends_at: datetime
    opens_at: datetime
    closes_at: datetime
    time_zone: str
    local_start: str
    overbooked: bool
    series_id: UUID | None
    occurrence: int | None
    revision: int
    check: DeviceCheck | None
    waiting_since: datetime | None
    away_since: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    location: str | None
    licensed_there: bool | None
    allowed: list[Command]

    @classmethod
    def of(cls, visit: Visit, role: Role, now: datetime) -> Self:
        fields = {name: getattr(visit, name) for name in cls.model_fields if name != "allowed"}
        return cls(**fields, allowed=list(allowed(visit.status, role, situation_of(visit, now))))


class GuestVisitView(Message):
    """A visit as its patient sees it. `licensed_there` false: the clinician may not treat them where they are, and
    `misplaced` true, unless the clinician takes them all the same.
    """

    id: UUID
    status: VisitStatus
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    check: DeviceCheck | None
    location: str | None
    licensed_there: bool | None
    misplaced: bool


class AttestLocation(Message):
    """The country (ISO 3166-1) or subdivision (ISO 3166-2) the patient is in, such as US-CA."""

    jurisdiction: Jurisdiction


class JoinView(Message):
    """Whether to join now; if not, why, from when, and whom to call. `elsewhere`: the same link was opened on another
    device since, and the visit goes on there.
    """

    status: VisitStatus
    can_join: bool
    opens_at: datetime
    closes_at: datetime
    reason: JoinReason
    what_to_do: str
    fallback_phone: str
    elsewhere: bool


Way = Literal["open", "blocked"]


class WaysReport(Message):
    """Which ways led to the media node: straight, or over a TURN server; null for a server the clinic has not."""

    udp: Way | None = None
    turn_udp: Way | None = None
    turn_tcp: Way | None = None
    turn_tls: Way | None = None


class NetworkReport(Message):
    """Round trip and jitter in milliseconds, loss from 0 to 1, kilobits per second, as the browser measured them."""

    rtt_ms: Annotated[float, Field(ge=0, le=600_000)] | None = None
    jitter_ms: Annotated[float, Field(ge=0, le=600_000)] | None = None
    loss: Annotated[float, Field(ge=0, le=1)] | None = None
    kbps_up: Annotated[int, Field(ge=0, le=10**6)] | None = None
    kbps_down: Annotated[int, Field(ge=0, le=10**6)] | None = None
    ways: WaysReport | None = None
    verdict: Literal["good", "fair", "poor", "none"]


class CheckReport(Message):
    """What the patient's page found: `ok`, `off`, `silent`, `unchecked`, or the code of a fault."""

    camera: Word
    microphone: Word
    speaker: Word
    network: NetworkReport | None = None

    def judged(self) -> DeviceCheck:
        verdict = None if self.network is None else self.network.verdict
        return judge_check((self.camera, self.microphone, self.speaker), verdict)


class CheckView(Message):
    """A check of a visit's patient, as it was told."""

    at: datetime
    verdict: DeviceCheck
    report: CheckReport

    @classmethod
    def of(cls, found: Checked) -> Self:
        return cls(at=found.at, verdict=found.verdict, report=CheckReport.model_validate(found.report))


class ChecksView(Message):
    """The newest first."""

    items: list[CheckView]


class TransitionView(Message):
    """One row of the machine; `to` null is the state before the last change, a null source the beginning."""

    command: Command
    sources: list[VisitStatus | None]
    to: VisitStatus | None
    who: list[Role]
    guards: list[str]
    event: str


class LifecycleView(Message):
    """The visit lifecycle, from the table that decides; `diagram` is Mermaid."""

    statuses: list[VisitStatus]
    transitions: list[TransitionView]
    diagram: str

    @classmethod
    def of_table(cls) -> Self:
        rows = [
            TransitionView(
                command=row.command,
                sources=sorted(row.sources, key=str),
                to=row.to,
                who=sorted(row.who),
                guards=[guard.name for guard in row.guards],
                event=row.event.__name__,
            )
            for row in TRANSITIONS
        ]
        return cls(statuses=list(VisitStatus), transitions=rows, diagram=diagram())


# Forms

Typed = Annotated[str, Field(max_length=200)]


class BirthForm(Message):
    """Three boxes, as typed."""

    birth_day: Typed = ""
    birth_month: Typed = ""
    birth_year: Typed = ""

    def shown(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in type(self).model_fields}

    def birth_date(self, today: date) -> date | None:
        """The date in the boxes; None when it is incomplete, no date, or not one of anybody's birth."""
        parts = [each.strip() for each in (self.birth_year, self.birth_month, self.birth_day)]
        if not all(part.isdecimal() and len(part) <= 4 for part in parts):
            return None
        try:
            found = date(*map(int, parts))
        except ValueError:
            return None
        return found if found.year >= EARLIEST_YEAR and found <= today else None

    @property
    def fault(self) -> Literal["incomplete", "impossible"]:
        """Why that is no date of birth, when it is none."""
        filled = all(each.strip() for each in (self.birth_day, self.birth_month, self.birth_year))
        return "impossible" if filled else "incomplete"
