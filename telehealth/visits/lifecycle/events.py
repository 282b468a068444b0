"""What happened to a visit. One event for each command of the lifecycle, written in the transaction of the command."""

from dataclasses import dataclass

from telehealth.core.events import Event
from telehealth.core.ids import ClinicianId, PatientId, VisitId


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitEvent(Event):
    """Wakes the pages of the visit, the clinician's board and the front desk's board.

    `told_by` is another visit of the same series whose message stands for this one's too; or the visit itself, when
    everyone knows.
    """

    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    told_by: VisitId | None = None

    def topics(self) -> tuple[str, ...]:
        return (visit_topic(self.visit_id), clinician_topic(self.clinician_id), FRONT_DESK_TOPIC)


FRONT_DESK_TOPIC = "front-desk"


def visit_topic(visit_id: VisitId) -> str:
    return f"visit:{visit_id}"


def clinician_topic(clinician_id: ClinicianId) -> str:
    return f"clinician:{clinician_id}"


class VisitRequested(VisitEvent):
    __slots__ = ()


class VisitHeld(VisitEvent):
    __slots__ = ()


class VisitExpired(VisitEvent):
    __slots__ = ()


class VisitBooked(VisitEvent):
    __slots__ = ()


class VisitRescheduled(VisitEvent):
    __slots__ = ()


class VisitHandedOver(VisitEvent):
    """Another clinician gives the visit now; `clinician_id` is the one who no longer does."""

    __slots__ = ()


class VisitTakenOver(VisitEvent):
    """`clinician_id` gives the visit from now on; whoever gave it before hears VisitHandedOver."""

    __slots__ = ()


class VisitCancelled(VisitEvent):
    __slots__ = ()


class PatientArrived(VisitEvent):
    __slots__ = ()


class DeviceChecked(VisitEvent):
    __slots__ = ()


class LocationAttested(VisitEvent):
    """The patient said where they are."""

    __slots__ = ()


class GateWaived(VisitEvent):
    """Staff let the patient wait without one of the things that stand before it."""

    __slots__ = ()


class ConsentWithdrawn(VisitEvent):
    """The patient took back what they had agreed to."""

    __slots__ = ()


class PatientAway(VisitEvent):
    """The page of a waiting patient is gone."""

    __slots__ = ()


class PatientBack(VisitEvent):
    __slots__ = ()


class NobodyAnswered(VisitEvent):
    """The patient was admitted, and the two did not find each other: the patient waits on, in the same place."""

    __slots__ = ()


class PatientPutBack(VisitEvent):
    """The clinician let an admitted patient wait on."""

    __slots__ = ()


class PatientReady(VisitEvent):
    __slots__ = ()


class VisitAdmitted(VisitEvent):
    __slots__ = ()


class VisitStarted(VisitEvent):
    __slots__ = ()


class VisitInterrupted(VisitEvent):
    __slots__ = ()


class VisitResumed(VisitEvent):
    __slots__ = ()


class VisitEnded(VisitEvent):
    __slots__ = ()


class VisitCompleted(VisitEvent):
    __slots__ = ()


class PatientMissed(VisitEvent):
    """The patient never came."""

    __slots__ = ()


class ClinicianMissed(VisitEvent):
    """The patient came and nobody admitted them; it never counts against the patient."""

    __slots__ = ()


class PatientLeft(VisitEvent):
    """The patient was there and went without being seen."""

    __slots__ = ()


class VisitFailed(VisitEvent):
    """No clinical contact was possible."""

    __slots__ = ()


class VisitMarkedAsError(VisitEvent):
    __slots__ = ()


class VisitCorrected(VisitEvent):
    __slots__ = ()
