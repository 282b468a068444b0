"""What happened to a follow-up task."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpEvent(Event):
    """Wakes the board of the clinician who owns the task, and the pages of the visit it came from."""

    task_id: TaskId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId

    def topics(self) -> tuple[str, ...]:
        return (f"clinician:{self.clinician_id}", f"visit:{self.visit_id}")


class FollowUpPlanned(FollowUpEvent):
    __slots__ = ()


class FollowUpDue(FollowUpEvent):
    __slots__ = ()


class FollowUpReminded(FollowUpEvent):
    """It was due for a while and nobody did it."""

    __slots__ = ()


class FollowUpEscalated(FollowUpEvent):
    """The reminder did not help either."""

    __slots__ = ()


class FollowUpDone(FollowUpEvent):
    __slots__ = ()


class FollowUpCancelled(FollowUpEvent):
    __slots__ = ()
