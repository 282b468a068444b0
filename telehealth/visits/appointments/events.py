"""What happens before there is a visit."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import PatientId


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToChoose(Event):
    """A patient is invited to choose a time for a visit."""

    invitation_id: UUID
    patient_id: PatientId
