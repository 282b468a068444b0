"""What happened to a follow-up task."""

from dataclasses import dataclass
from uuid import UUID

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId

FOLLOW_UPS_TOPIC = "follow-ups"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUpEvent(Event):
    """Wakes the boards of tasks, that of the clinician who owns it, and the pages of the visit it came from.

    `clinician_id` gave the visit. `pool` and `owner_id` say whose the task is; an event without `pool` is of a task
    that is the clinician's own. `asks_patient`: the patient is asked to do or answer something, and told so.
    """

    task_id: TaskId
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    pool: str = ""
    owner_id: UUID | None = None
    asks_patient: bool = False

    def topics(self) -> tuple[str, ...]:
        owner = self.owner_id or self.clinician_id
        return (f"clinician:{owner}", f"visit:{self.visit_id}", FOLLOW_UPS_TOPIC)

    @property
    def owner(self) -> ClinicianId | None:
        """The clinician whose task it is; None when it is for a pool or the desk."""
        if not self.pool:
            return self.clinician_id
        return ClinicianId(self.owner_id) if self.owner_id is not None and self.pool == "clinicians" else None


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


class FollowUpAssigned(FollowUpEvent):
    """Somebody took it, or was given it."""

    __slots__ = ()


class FollowUpNoted(FollowUpEvent):
    """Somebody wrote something down about it, or ticked a line of its checklist."""

    __slots__ = ()


class FollowUpDone(FollowUpEvent):
    __slots__ = ()


class FollowUpSkipped(FollowUpEvent):
    """It was not done, and somebody said why."""

    __slots__ = ()


class FollowUpCancelled(FollowUpEvent):
    __slots__ = ()


class FollowUpReopened(FollowUpEvent):
    """Closing it was a slip."""

    __slots__ = ()
