"""What happened to an after-visit summary."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.visits.lifecycle.events import visit_topic


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReleased(Event):
    """There is something new for the patient to read. `number` counts the releases of a visit from 1."""

    summary_id: UUID
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    number: int

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id),)
