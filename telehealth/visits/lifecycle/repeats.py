"""Visits that repeat, as they were agreed. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, SeriesId, VisitTypeId


class Policy(StrEnum):
    """What becomes of a series of which not every time is free: nothing at all, or what is left of it."""

    ATOMIC = "atomic"
    SKIP = "skip"


class SeriesConflict(Refusal):
    """`conflicts` lists the numbers of the occurrences that cannot be booked, `details` why and what is free."""

    kind, slug, title = Kind.CONFLICT, "series-conflict", "Not every time of this series can be booked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Visits that repeat, as they were agreed: `rrule` (RFC 5545, section 3.3.10) from `local_start` in `time_zone`."""

    id: SeriesId
    patient_id: PatientId
    clinician_id: ClinicianId
    visit_type_id: VisitTypeId
    rrule: str
    time_zone: str
    local_start: str
    policy: Policy
    revision: int
    changed_at: datetime
