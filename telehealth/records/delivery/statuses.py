"""How a visit stands in the words of FHIR R4, as Appointment and as Encounter. Tables a site can read; pure."""

from collections.abc import Mapping

from telehealth.records.delivery.profiles import ResourceType
from telehealth.visits.lifecycle.rules import VisitStatus

S = VisitStatus

APPOINTMENT_STATUS: Mapping[VisitStatus, str] = {
    S.REQUESTED: "proposed",
    S.HELD: "pending",
    S.BOOKED: "booked",
    S.ARRIVED: "arrived",
    S.READY: "checked-in",
    S.ADMITTING: "checked-in",
    S.IN_PROGRESS: "checked-in",
    S.INTERRUPTED: "checked-in",
    S.ENDED: "fulfilled",
    S.COMPLETED: "fulfilled",
    S.CANCELLED: "cancelled",
    S.EXPIRED: "cancelled",
    S.PATIENT_NO_SHOW: "noshow",
    S.PROVIDER_NO_SHOW: "cancelled",
    S.LEFT_UNSEEN: "cancelled",
    S.INCOMPLETE: "cancelled",
    S.ENTERED_IN_ERROR: "entered-in-error",
}
# Codes of http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason; a plain cancellation has none.
CANCELLATION: Mapping[VisitStatus, tuple[str, str]] = {
    S.PROVIDER_NO_SHOW: ("prov", "Nobody admitted the patient"),
    S.LEFT_UNSEEN: ("other", "The patient left without being seen"),
    S.INCOMPLETE: ("other", "No clinical contact was possible"),
    S.EXPIRED: ("other", "The time was held and not booked"),
}
# A visit is an Encounter from the patient's arrival on; one that never got so far is none, except a no-show.
ENCOUNTER_STATUS: Mapping[VisitStatus, str] = {
    S.ARRIVED: "arrived",
    S.READY: "arrived",
    S.ADMITTING: "arrived",
    S.IN_PROGRESS: "in-progress",
    S.INTERRUPTED: "in-progress",
    S.ENDED: "finished",
    S.COMPLETED: "finished",
    S.PATIENT_NO_SHOW: "cancelled",
    S.PROVIDER_NO_SHOW: "cancelled",
    S.LEFT_UNSEEN: "cancelled",
    S.INCOMPLETE: "cancelled",
    S.ENTERED_IN_ERROR: "entered-in-error",
}
# In the record it stays once it was written there, whatever the visit becomes.
WRITTEN_ENCOUNTER: Mapping[VisitStatus, str] = {
    **ENCOUNTER_STATUS,
    S.BOOKED: "planned",
    S.CANCELLED: "cancelled",
}
UNSEEN = frozenset({S.PATIENT_NO_SHOW, S.PROVIDER_NO_SHOW, S.LEFT_UNSEEN, S.INCOMPLETE})
# When the record first hears of a visit: of its Encounter once the call is on, of its Appointment once that is over.
FIRST_WRITTEN: Mapping[ResourceType, frozenset[VisitStatus]] = {
    ResourceType.ENCOUNTER: UNSEEN | {S.IN_PROGRESS, S.INTERRUPTED, S.ENDED, S.COMPLETED},
    ResourceType.APPOINTMENT: UNSEEN | {S.ENDED, S.COMPLETED, S.CANCELLED},
}


def written_status(resource_type: ResourceType, status: VisitStatus) -> str:
    """The status in the record. An Encounter that is there is still to come as long as nobody arrived."""
    if resource_type is ResourceType.ENCOUNTER:
        return WRITTEN_ENCOUNTER.get(status, "planned")
    return APPOINTMENT_STATUS[status]


def to_be_written(resource_type: ResourceType, status: VisitStatus, *, already: bool) -> bool:
    """Whether the record is told; `already`: it has heard of the visit before."""
    return already or status in FIRST_WRITTEN[resource_type]
