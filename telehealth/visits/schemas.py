"""What visits say and hear on the wire, and in the forms of their pages."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.people.rules import Patient
from telehealth.people.schemas import Email, Jurisdiction, Language, Name, Phone, Zone
from telehealth.visits.joining import JoinReason
from telehealth.visits.queue import Standing
from telehealth.visits.rules import (
    TRANSITIONS,
    Command,
    DeviceCheck,
    Visit,
    VisitStatus,
    allowed,
    judge_check,
    situation_of,
)

CancelReason = Literal["patient_request", "clinician_unavailable", "technical", "duplicate", "other"]
Word = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
Team = Annotated[tuple[UUID, ...], Field(max_length=200)]
Resources = Annotated[tuple[UUID, ...], Field(max_length=20)]
Reason = Annotated[str, Field(max_length=500)]
EARLIEST_YEAR = 1850
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]


def team_of(clinician_id: UUID | None, clinician_ids: Iterable[UUID]) -> tuple[ClinicianId, ...]:
    """Everyone named, once."""
    named = [*([clinician_id] if clinician_id else []), *clinician_ids]
    return tuple(ClinicianId(each) for each in dict.fromkeys(named))


class BookVisit(Message):
    """One of three: a search's `offer`, a `hold_id`, or a `visit_type_id` and `start` with clinicians any of whom do.

    `override` is why staff set the rules aside. `request` asks for the time without taking it; staff confirm.
    `no_show_risk` is the chance in percent that the patient stays away, for the rule of overbooking: a site's own model
    supplies it, staff and integrations alone may say it, and it goes with a time that is taken now.
    """

    patient_id: UUID
    offer: Annotated[str, Field(max_length=2000)] | None = None
    hold_id: UUID | None = None
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    visit_type_id: UUID | None = None
    start: Instant | None = None
    also: Resources = ()
    override: Reason = ""
    request: bool = False
    location: Jurisdiction | None = None
    no_show_risk: Annotated[int, Field(ge=0, le=100)] = 0

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        freely = self.visit_type_id is not None and self.start is not None
        if [self.offer is not None, self.hold_id is not None, freely].count(True) != 1:
            raise ValueError("one of offer, hold_id, or visit_type_id with start")
        if not freely and (self.visit_type_id or self.start or self.clinician_id or self.clinician_ids or self.also):
            raise ValueError("an offer and a hold say themselves what they are for")
        if self.hold_id is not None and (self.request or self.override):
            raise ValueError("a hold has its time already")
        if self.no_show_risk and (self.hold_id is not None or self.request):
            raise ValueError("the no-show risk goes with a time that is taken now")
        return self

    @property
    def team(self) -> tuple[ClinicianId, ...]:
        return team_of(self.clinician_id, self.clinician_ids)


class MoveVisit(Message):
    """Without clinicians the visit stays with its own. `location` is where the patient will be then (ISO 3166-1 or -2);
    without it counts what they attested for that time, else where they were to be before.
    """

    start: Instant
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    override: Reason = ""
    location: Jurisdiction | None = None

    @property
    def team(self) -> tuple[ClinicianId, ...]:
        return team_of(self.clinician_id, self.clinician_ids)


class CancelVisit(Message):
    reason: CancelReason


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
    started_at: datetime | None
    ended_at: datetime | None
    location: str | None
    licensed_there: bool | None
    allowed: list[Command]

    @classmethod
    def of(cls, visit: Visit, role: Role, now: datetime) -> Self:
        fields = {name: getattr(visit, name) for name in cls.model_fields if name != "allowed"}
        return cls(**fields, allowed=list(allowed(visit.status, role, situation_of(visit, now))))


class BookedView(Message):
    """`link` is the patient's own address for this visit; it asks for the date of birth. Null while only requested."""

    visit: VisitView
    link: str | None


class GuestVisitView(Message):
    """A visit as its patient sees it. `licensed_there` false: the clinician may not treat them where they are."""

    id: UUID
    status: VisitStatus
    starts_at: datetime
    ends_at: datetime
    time_zone: str
    check: DeviceCheck | None
    location: str | None
    licensed_there: bool | None


class AttestLocation(Message):
    """The country (ISO 3166-1) or subdivision (ISO 3166-2) the patient is in, such as US-CA."""

    jurisdiction: Jurisdiction


class JoinView(Message):
    """Whether to join now; if not, why, from when, and whom to call."""

    status: VisitStatus
    can_join: bool
    opens_at: datetime
    closes_at: datetime
    reason: JoinReason
    what_to_do: str
    fallback_phone: str


class NetworkReport(Message):
    """Round trip and jitter in milliseconds, loss from 0 to 1, as the browser measured them."""

    rtt_ms: Annotated[float, Field(ge=0, le=600_000)] | None = None
    jitter_ms: Annotated[float, Field(ge=0, le=600_000)] | None = None
    loss: Annotated[float, Field(ge=0, le=1)] | None = None
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


class BoardQuery(Message):
    """`day` is a local date of whoever asks; today without it."""

    day: Day | None = None


class BoardEntry(Message):
    visit: VisitView
    patient_name: str
    language: str

    @classmethod
    def of(cls, visit: VisitView, patient: Patient) -> Self:
        return cls(visit=visit, patient_name=patient.name, language=patient.language)


class BoardView(Message):
    """`version` changes with the board; the stream sends it."""

    version: str
    items: list[BoardEntry]


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
        arrows = [
            f"  {source or '[*]'} --> {row.to}: {row.command}"
            for row in rows
            if row.to is not None and row.command is not Command.MARK_ERROR
            for source in row.sources
        ]
        return cls(
            statuses=list(VisitStatus), transitions=rows, diagram="\n".join(["stateDiagram-v2", *dict.fromkeys(arrows)])
        )


# The queue


class Enqueue(Message):
    """`jurisdiction` is where the patient is now (ISO 3166-1 or -2); a higher `priority` is more urgent."""

    patient_id: UUID
    visit_type_id: UUID
    jurisdiction: Jurisdiction | None = None
    priority: Annotated[int, Field(ge=0, le=9)] = 0


class TakeNext(Message):
    """Of one kind of visit, or of any."""

    visit_type_id: UUID | None


class QueueQuery(Message):
    visit_type_id: UUID | None = None


class QueueEntryView(Message):
    """`position` 1 is next; `minutes` until they are seen is null while nobody serves the queue."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    priority: int
    came_at: datetime
    dropped_at: datetime | None
    taken_at: datetime | None
    left_at: datetime | None
    position: int | None
    minutes: float | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        entry = {name: getattr(standing.entry, name) for name in cls.model_fields if hasattr(standing.entry, name)}
        return cls(**entry, position=standing.position, minutes=standing.minutes)


class QueueView(Message):
    items: list[QueueEntryView]


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


class FindForm(BirthForm):
    name: Typed = ""


class NewPatientForm(BirthForm):
    given_name: Typed = ""
    family_name: Typed = ""
    email: Typed = ""
    phone: Typed = ""
    language: Typed = "en"
    zone: Typed = ""

    def read(self, today: date, first_box: str) -> tuple[dict[str, Any], list[FieldError]]:
        """What to register, and what is wrong with the form."""
        born = self.birth_date(today)
        errors = [] if born else [FieldError(first_box, "incomplete")]
        values: dict[str, Any] = {"birth_date": born}
        for field, (name, adapter, required) in PATIENT_FIELDS.items():
            typed = str(getattr(self, field)).strip()
            if not typed:
                errors += [FieldError(field, "required")] if required else []
                continue
            try:
                values[name] = adapter.validate_python(typed)
            except ValidationError:
                errors.append(FieldError(field, "invalid"))
        return values, errors


PATIENT_FIELDS: Mapping[str, tuple[str, TypeAdapter[str], bool]] = {
    "given_name": ("given", TypeAdapter(Name), True),
    "family_name": ("family", TypeAdapter(Name), True),
    "email": ("email", TypeAdapter(Email), True),
    "phone": ("phone", TypeAdapter(Phone), False),
    "language": ("language", TypeAdapter(Language), True),
    "zone": ("time_zone", TypeAdapter(Zone), True),
}
