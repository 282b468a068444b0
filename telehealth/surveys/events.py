"""What happened to surveys."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import PatientId, VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyPlanned(Event):
    """The patient is to be asked how the visit was, at `due_at`; `request_id` is what monitoring asks them."""

    request_id: UUID
    visit_id: VisitId
    patient_id: PatientId
    due_at: datetime
