"""A visit as the FHIR R4 Encounter and Appointment that a record service gets. Pure."""

from typing import assert_never

from telehealth.records.delivery.documents import Json, names
from telehealth.records.delivery.ports import VisitState
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import Identifier
from telehealth.records.delivery.statuses import CANCELLATION
from telehealth.records.notes.rules import instant
from telehealth.visits.lifecycle.rules import VisitStatus

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CANCELLATION_REASON = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"
VIRTUAL = {"system": ACT_CODE, "code": "VR", "display": "virtual"}
PERFORMER = {"system": PARTICIPATION, "code": "PPRF", "display": "primary performer"}


def visit_resource(visit: VisitState, *, patient: str, clinician: str | None = None) -> Json:
    """The resource to create. `patient` and `clinician` are literal references; without one it is by identifier."""
    performer = _clinician(visit, clinician)
    resource: Json = {
        "resourceType": visit.resource_type.value,
        "identifier": [_identifier(visit.visit)],
        **changing(visit),
    }
    match visit.resource_type:
        case ResourceType.ENCOUNTER:
            return resource | {
                "class": VIRTUAL,
                "subject": {"reference": patient},
                "participant": [{"type": [{"coding": [PERFORMER]}], "individual": performer}],
            }
        case ResourceType.APPOINTMENT:
            return resource | {
                "start": instant(visit.starts_at),
                "end": instant(visit.ends_at),
                "serviceType": [{"text": visit.visit_type}],
                "participant": [
                    {"actor": {"reference": patient}, "required": "required", "status": "accepted"},
                    {"actor": performer, "required": "required", "status": "accepted"},
                ],
            }
        case ResourceType.DOCUMENT_REFERENCE:
            raise ValueError("a visit is no document")
        case never:
            assert_never(never)


def changing(visit: VisitState) -> Json:
    """What changes as the visit goes on: its status; of an Encounter when both sides were in the call, of an
    Appointment why it came to nothing.
    """
    status: Json = {"status": visit.written_status}
    if visit.resource_type is ResourceType.APPOINTMENT:
        return status | _reason(visit.status)
    if visit.in_media is None or visit.status is VisitStatus.ENTERED_IN_ERROR:
        return status
    start, end = visit.in_media
    return status | {"period": {"start": instant(start)} | ({} if end is None else {"end": instant(end)})}


def updated(resource: Json, visit: VisitState) -> Json | None:
    """A resource as it was read, with what has changed since; None when it says all that already."""
    told = changing(visit)
    changed = {name: value for name, value in resource.items() if name != "cancelationReason"} | told
    return None if changed == resource else changed


def is_of(resource: Json, patient: str) -> bool:
    """Whether it is that patient's: of an Encounter the subject, of an Appointment one of those who take part."""
    if resource.get("resourceType") == ResourceType.ENCOUNTER:
        return names(resource.get("subject"), patient)
    given = resource.get("participant")
    parts = given if isinstance(given, list) else []
    return any(isinstance(each, dict) and names(each.get("actor"), patient) for each in parts)


def _reason(status: VisitStatus) -> Json:
    if status not in CANCELLATION:
        return {}
    code, text = CANCELLATION[status]
    return {"cancelationReason": {"coding": [{"system": CANCELLATION_REASON, "code": code}], "text": text}}


def _clinician(visit: VisitState, literal: str | None) -> Json:
    reference: Json = {"reference": literal} if literal else {"identifier": _identifier(visit.clinician)}
    return {"type": "Practitioner", **reference, "display": visit.clinician_name}


def _identifier(identifier: Identifier) -> Json:
    return {"system": identifier.system, "value": identifier.value}
