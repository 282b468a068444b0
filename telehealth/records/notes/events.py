"""What happened to a note."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.visits.lifecycle.events import clinician_topic, visit_topic


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteEvent(Event):
    """Wakes the pages of the visit and the clinician's board. `version` counts signed versions from 1."""

    note_id: NoteId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    version: int

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id), clinician_topic(self.clinician_id))


class CosignatureChanged(NoteEvent):
    """A trainee has signed what is to be `version`, or a supervisor or the trainee has put it back to the draft."""

    __slots__ = ()


class NoteSigned(NoteEvent):
    __slots__ = ()
