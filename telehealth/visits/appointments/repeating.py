"""What visits that repeat say and hear on the wire."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from telehealth.core.ids import PatientId, VisitTypeId
from telehealth.http.schemas import Instant, Message
from telehealth.people.schemas import Jurisdiction, Zone
from telehealth.scheduling.recurrence.rules import LONGEST_TEXT, MOST
from telehealth.visits.appointments.schemas import Resources, Risk, Team, team_of
from telehealth.visits.appointments.wishes import SeriesWish
from telehealth.visits.lifecycle.repeats import Policy
from telehealth.visits.lifecycle.schemas import CancelReason, VisitView


def _reading(text: str) -> str:
    datetime.fromisoformat(text)
    return text


LocalStart = Annotated[
    str,
    Field(pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$", examples=["2026-03-03T09:00"]),
    AfterValidator(_reading),
]
Rule = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT, examples=["FREQ=WEEKLY;COUNT=6"])]
Number = Annotated[int, Field(ge=1, le=MOST)]


class BookSeries(Message):
    """`local_start` is a clock time (YYYY-MM-DDTHH:MM) in `time_zone`, else in the clinician's, else in the clinic's.

    `rrule` is RFC 5545's (section 3.3.10): DAILY, WEEKLY or MONTHLY, with an end, at most 104 times within two years.
    `policy`: atomic books all or nothing, skip what is free. `no_show_risk` is each one's, as of a single visit.
    """

    patient_id: UUID
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    visit_type_id: UUID
    time_zone: Zone | None = None
    local_start: LocalStart
    rrule: Rule
    policy: Policy
    also: Resources = ()
    location: Jurisdiction | None = None
    no_show_risk: Risk = 0

    def wish(self) -> SeriesWish:
        asked = _wish(self, datetime.fromisoformat(self.local_start), self.policy)
        return replace(asked, no_show_risk=self.no_show_risk)


class SearchSeries(Message):
    """First starts in [start, end), at most 31 days, from which every occurrence is free."""

    patient_id: UUID
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    visit_type_id: UUID
    time_zone: Zone | None = None
    rrule: Rule
    start: Instant
    end: Instant
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    also: Resources = ()
    location: Jurisdiction | None = None

    @model_validator(mode="after")
    def _is_near(self) -> Self:
        if not timedelta() < self.end - self.start <= timedelta(days=31):
            raise ValueError("end is after start, by at most 31 days")
        return self

    def wish(self) -> SeriesWish:
        return _wish(self, self.start.replace(tzinfo=None), Policy.ATOMIC)


class CancelSeries(Message):
    """`reach` one and following begin with `occurrence`; all does not look at it."""

    reach: Literal["one", "following", "all"]
    occurrence: Number = 1
    reason: CancelReason


class MoveSeries(Message):
    """`occurrence` and all that follow move by as much on the clock as it takes that one to `local_start`."""

    occurrence: Number
    local_start: LocalStart
    clinician_id: UUID | None = None


class MissedView(Message):
    """An occurrence that could not be booked, the code why, and free starts instead."""

    occurrence: int
    local_start: str
    reason: str
    alternatives: list[datetime]


class SeriesView(Message):
    """A series with its visits, those called off among them; `skipped` is told once, when it is booked."""

    id: UUID
    patient_id: UUID
    clinician_id: UUID
    visit_type_id: UUID
    rrule: str
    time_zone: str
    local_start: str
    policy: Policy
    revision: int
    visits: list[VisitView]
    skipped: list[MissedView]


class FreeSeriesView(Message):
    """`local_start` can be booked as the beginning of the series; `starts` are all its instants."""

    clinician_id: UUID
    local_start: str
    starts: list[datetime]


class FreeSeriesList(Message):
    items: list[FreeSeriesView]


def _wish(asked: BookSeries | SearchSeries, local_start: datetime, policy: Policy) -> SeriesWish:
    return SeriesWish(
        patient_id=PatientId(asked.patient_id),
        visit_type_id=VisitTypeId(asked.visit_type_id),
        local_start=local_start,
        rrule=asked.rrule,
        policy=policy,
        time_zone=asked.time_zone,
        clinician_ids=team_of(asked.clinician_id, asked.clinician_ids),
        also=asked.also,
        location=asked.location,
    )
