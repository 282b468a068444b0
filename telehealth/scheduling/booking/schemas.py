"""What booking says and hears on the wire."""

from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.http.schemas import Instant, Message
from telehealth.people.schemas import Jurisdiction, Zone
from telehealth.scheduling.booking.rules import (
    MOST_ROLES_OF_A_KIND,
    REMINDERS,
    Asked,
    Audience,
    Hold,
    RoleNeed,
    Slot,
    VisitType,
    has_crowded_roles,
)

LONGEST_SEARCH = timedelta(days=366)
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
OptionalWord = Annotated[str, Field(max_length=64, pattern=r"^([A-Za-z0-9][A-Za-z0-9._:-]*)?$")]
Offer = Annotated[str, Field(min_length=16, max_length=2000)]
Day = Annotated[date, Field(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
Duration = Annotated[int, Field(ge=0, le=1440)]
Reminder = Annotated[int, Field(ge=5, le=20_160)]
MOST_REMINDERS = 5
Reminders = Annotated[list[Reminder], Field(max_length=MOST_REMINDERS)]


class Role(Message):
    """Somebody or something needed beside the clinician."""

    kind: Word
    pool: OptionalWord = ""
    skill: OptionalWord = ""
    count: Annotated[int, Field(ge=1, le=10)] = 1


class VisitTypeForm(Message):
    """A kind of visit. Durations in minutes, the horizon in local dates of the clinician, a cap of 0 is none.

    At most five roles are of one kind. `reminders` are minutes before the start; none is no reminder. Visits that are
    booked keep theirs until they move.
    """

    code: Word
    name: Annotated[str, Field(min_length=1, max_length=120)]
    minutes: Annotated[int, Field(ge=5, le=1440)]
    buffer_before: Duration = 0
    buffer_after: Duration = 0
    buffers_inside_hours: bool = False
    grid: Annotated[int, Field(ge=1, le=1440)] = 15
    offset: Annotated[int, Field(ge=0, le=1439)] = 0
    grid_tz: Annotated[str, Field(max_length=64)] = ""
    notice: Annotated[int, Field(ge=0, le=527_040)] = 0
    horizon_days: Annotated[int, Field(ge=0, le=730)] = 90
    opens_before: Duration = 30
    closes_after: Duration = 60
    cap_per_day: Annotated[int, Field(ge=0, le=1000)] = 0
    cap_per_week: Annotated[int, Field(ge=0, le=5000)] = 0
    seats: Annotated[int, Field(ge=1, le=200)] = 1
    modality: Literal["video", "audio", "chat", "in_person"] = "video"
    roles: Annotated[list[Role], Field(max_length=10, default_factory=list)]
    first_of_day_only: bool = False
    needs_licence: bool = False
    overbook_limit: Annotated[int, Field(ge=0, le=10)] = 0
    overbook_threshold: Annotated[int, Field(ge=1, le=1000)] = 80
    grace: Annotated[int, Field(ge=1, le=60)] = 5
    patient_no_show_after: Annotated[int, Field(ge=1, le=1440)] = 15
    provider_no_show_after: Annotated[int, Field(ge=1, le=1440)] = 30
    no_show_automatic: bool = False
    reminders: Reminders = Field(default_factory=lambda: [*REMINDERS])

    @model_validator(mode="after")
    def _fill(self) -> Self:
        if has_crowded_roles(each.kind for each in self.roles):
            raise ValueError(f"at most {MOST_ROLES_OF_A_KIND} roles can be of one kind: give one role a count")
        return self

    def visit_type(self, visit_type_id: VisitTypeId) -> VisitType:
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "roles"}
        roles = tuple(RoleNeed(each.kind, each.pool, each.skill, each.count) for each in self.roles)
        fields["reminders"] = tuple(sorted(set(self.reminders), reverse=True))
        return VisitType(id=visit_type_id, roles=roles, **fields)


class VisitTypeView(VisitTypeForm):
    id: UUID

    @model_validator(mode="after")
    def _fill(self) -> Self:
        return self  # what was stored is shown as it is


class VisitTypes(Message):
    items: list[VisitTypeView]

    @classmethod
    def of(cls, kinds: list[VisitType]) -> Self:
        return cls(items=[VisitTypeView.model_validate(kind) for kind in kinds])


class SearchSlots(Message):
    """Free times in [start, end), a year at most. Without clinicians, anyone's.

    `any_of` looks for one of the clinicians, `all_of` for all of them at once, the first giving the visit. `also` are
    further resources that must be free. With a patient, only when the patient is free and may be treated; a
    jurisdiction stands for what the patient attested. Staff may ask for `staff`, which the minimum notice does not
    bind. `time_zone` adds the local time there.
    """

    visit_type_id: UUID
    clinician_ids: Annotated[list[UUID], Field(max_length=50, default_factory=list)]
    mode: Literal["any_of", "all_of"] = "any_of"
    also: Annotated[list[UUID], Field(max_length=20, default_factory=list)]
    patient_id: UUID | None = None
    jurisdiction: Jurisdiction | None = None
    audience: Audience = Audience.PATIENT
    start: Instant
    end: Instant
    time_zone: Zone | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 20
    cursor: Annotated[str, Field(max_length=200)] | None = None

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        check_search(self.start, self.end)
        return self

    @property
    def asked(self) -> Asked:
        together = self.mode == "all_of"
        return Asked(
            visit_type_id=VisitTypeId(self.visit_type_id),
            clinician_ids=[ClinicianId(each) for each in (self.clinician_ids[:1] if together else self.clinician_ids)],
            also=(*self.also, *(self.clinician_ids[1:] if together else ())),
            patient_id=None if self.patient_id is None else PatientId(self.patient_id),
            jurisdiction=self.jurisdiction,
            audience=self.audience,
        )

    @property
    def span(self) -> Interval[datetime]:
        return Interval(self.start, self.end)


def check_search(start: datetime, end: datetime) -> None:
    """Raises ValueError for an end before the start, or more than a year after it."""
    if end < start:
        raise ValueError("the end is before the start")
    if end - start > LONGEST_SEARCH:
        raise ValueError("at most 366 days can be searched at once")


class SlotView(Message):
    """A free time. `offer` books it as it was found; `local_start` is its reading in the zone that was asked for."""

    clinician_id: UUID
    start: Instant
    end: Instant
    seats_left: int
    local_start: str | None = None
    offer: str

    @classmethod
    def of(cls, slot: Slot, offer: str, zone: str | None) -> Self:
        local = slot.start.astimezone(parse_zone(zone)).strftime("%Y-%m-%dT%H:%M") if zone else None
        return cls(
            clinician_id=slot.clinician_id,
            start=slot.start,
            end=slot.end,
            seats_left=slot.seats_left,
            local_start=local,
            offer=offer,
        )


class Slots(Message):
    """`next` continues the list when it was cut at the limit."""

    items: list[SlotView]
    next: str | None = None


class DaysQuery(Message):
    """How many free times begin on each date of `time_zone`, both dates included."""

    visit_type_id: UUID
    clinician_id: UUID | None = None
    patient_id: UUID | None = None
    jurisdiction: Jurisdiction | None = None
    first: Day
    last: Day
    time_zone: Zone

    @model_validator(mode="after")
    def _make_sense(self) -> Self:
        if self.last < self.first or self.last - self.first > LONGEST_SEARCH:
            raise ValueError("the last date is before the first, or more than a year after it")
        return self

    @property
    def asked(self) -> Asked:
        return Asked(
            visit_type_id=VisitTypeId(self.visit_type_id),
            clinician_ids=() if self.clinician_id is None else (ClinicianId(self.clinician_id),),
            patient_id=None if self.patient_id is None else PatientId(self.patient_id),
            jurisdiction=self.jurisdiction,
        )


class DayCount(Message):
    date: date
    count: int


class Days(Message):
    """Dates without free times are absent."""

    items: list[DayCount]


class HoldTime(Message):
    """Keep a time for a patient: an offer of a search, or a kind of visit, clinicians and a start."""

    patient_id: UUID
    offer: Offer | None = None
    visit_type_id: UUID | None = None
    clinician_ids: Annotated[list[UUID], Field(max_length=50, default_factory=list)]
    start: Instant | None = None
    seconds: Annotated[int, Field(ge=30, le=900)] = 300

    @model_validator(mode="after")
    def _name_a_time(self) -> Self:
        if (self.offer is None) == (self.visit_type_id is None or self.start is None):
            raise ValueError("either an offer, or a visit type and a start")
        return self


class HoldView(Message):
    id: UUID
    expires_at: Instant
    visit_type_id: UUID
    patient_id: UUID
    clinician_id: UUID
    start: Instant
    end: Instant

    @classmethod
    def of(cls, hold: Hold) -> Self:
        return cls.model_validate(hold)
