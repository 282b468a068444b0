"""What happens in the queue."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.visits.lifecycle.events import FRONT_DESK_TOPIC, clinician_topic, visit_topic

QUEUE_TOPIC = "queue"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMoved(Event):
    """Someone came into the queue, left it, was taken from it, or lost or got back the connection."""

    entry_id: VisitId

    def topics(self) -> tuple[str, ...]:
        return (QUEUE_TOPIC, visit_topic(self.entry_id))


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientTold(Event):
    """Staff have something to say to who waits: a message, or that it begins later."""

    visit_id: VisitId

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id), QUEUE_TOPIC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClinicianLate(Event):
    """A clinician is late by so many minutes, none when they are in time again."""

    clinician_id: ClinicianId
    minutes: int

    def topics(self) -> tuple[str, ...]:
        return (clinician_topic(self.clinician_id), FRONT_DESK_TOPIC, QUEUE_TOPIC)
