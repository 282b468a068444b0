"""Visits, signed notes, tasks and times as FHIR R4 resources. Pure: values in, JSON out. No link lets anyone join."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, assert_never

from telehealth.core.ids import ClinicianId, PatientId
from telehealth.exchange.openings import BUSY, FREE, Place, Proposal, Timetable
from telehealth.exchange.queries import Appointments, Cast, Documents, Encounters, Found, Responses, Tasks
from telehealth.exchange.rules import (
    ANSWERED,
    DOCUMENT_VERSION,
    FORM_SYSTEM,
    MEASURED,
    RESPONSE_SYSTEM,
    SERIES_SYSTEM,
    TASK_KIND_SYSTEM,
    TASK_POOL_SYSTEM,
    TASK_STATE_SYSTEM,
    TASK_SYSTEM,
    VISIT_TYPE_SYSTEM,
    instant,
    task_status,
)
from telehealth.followups.parts import Facing, FollowUp, Pool, TaskStatus
from telehealth.followups.rules import made_by
from telehealth.monitoring.rules import Form, Response
from telehealth.people.rules import Clinician
from telehealth.records.charting.queries import Summary
from telehealth.records.delivery.documents import CATEGORY, CONTENT_TYPE, LOINC
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM, VISIT_SYSTEM, Identifier, document_identifiers
from telehealth.records.delivery.statuses import APPOINTMENT_STATUS, CANCELLATION, ENCOUNTER_STATUS
from telehealth.records.notes.rules import TITLES
from telehealth.scheduling.booking.rules import Hold, VisitType
from telehealth.visits.gates.filling import stored
from telehealth.visits.lifecycle.rules import Visit, VisitStatus

ACT_CODE = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
CANCELLATION_REASON = "http://terminology.hl7.org/CodeSystem/appointment-cancellation-reason"

CODING = ("system", "version", "code", "display")

Json = dict[str, Any]


def drawn(found: Found) -> list[Json]:
    """The resources of a search or a read."""
    match found:
        case Appointments(visits, cast):
            return [appointment(each, cast) for each in visits]
        case Encounters(visits, cast):
            return [encounter(each, cast) for each in visits]
        case Documents(summaries, cast):
            return [document_reference(each, cast) for each in summaries]
        case Tasks(tasks, begun, cast):
            return [task(each, cast, begun=each.visit_id in begun) for each in tasks]
        case Responses(responses, begun, cast):
            return [response(each, cast, begun=each.request.visit_id in begun) for each in responses]
        case never:
            assert_never(never)


def appointment(visit: Visit, cast: Cast) -> Json:
    resource: Json = {
        "resourceType": "Appointment",
        "id": str(visit.id),
        "meta": _meta(visit),
        "identifier": [{"system": VISIT_SYSTEM, "value": str(visit.id)}],
        "status": APPOINTMENT_STATUS[visit.status],
        "serviceType": [visit_type(visit.visit_type)],
        "start": instant(visit.starts_at),
        "end": instant(visit.ends_at),
        "minutesDuration": visit.minutes,
        "participant": [
            {"actor": _patient(cast, visit.patient_id), "required": "required", "status": "accepted"},
            {"actor": _clinician(cast, visit.clinician_id), "required": "required", "status": "accepted"},
        ],
    }
    if visit.status in CANCELLATION:
        code, text = CANCELLATION[visit.status]
        resource["cancelationReason"] = {"coding": [{"system": CANCELLATION_REASON, "code": code}], "text": text}
    return resource


def encounter(visit: Visit, cast: Cast) -> Json:
    performer = {"system": PARTICIPATION, "code": "PPRF", "display": "primary performer"}
    resource: Json = {
        "resourceType": "Encounter",
        "id": str(visit.id),
        "meta": _meta(visit),
        "identifier": [{"system": VISIT_SYSTEM, "value": str(visit.id)}],
        "status": ENCOUNTER_STATUS[visit.status],
        "class": {"system": ACT_CODE, "code": "VR", "display": "virtual"},
        "subject": _patient(cast, visit.patient_id),
        "participant": [{"type": [{"coding": [performer]}], "individual": _clinician(cast, visit.clinician_id)}],
        "appointment": [{"reference": f"Appointment/{visit.id}"}],
    }
    if visit.started_at is not None and visit.status is not VisitStatus.ENTERED_IN_ERROR:
        end = {} if visit.ended_at is None else {"end": instant(visit.ended_at)}
        resource["period"] = {"start": instant(visit.started_at)} | end
    return resource


def document_reference(summary: Summary, cast: Cast) -> Json:
    """One version as it stands now. One that retracts has no status and is none: who asks leaves it out."""
    identifiers, status = document_identifiers(summary.note_id, summary.version), summary.status
    if status is None:
        raise ValueError("a version that retracts is no document")
    return {
        "resourceType": "DocumentReference",
        "id": str(summary.id),
        "meta": {"versionId": DOCUMENT_VERSION[status], "lastUpdated": instant(summary.changed_at)},
        "masterIdentifier": _identifier(identifiers.version),
        "identifier": [_identifier(identifiers.version), _identifier(identifiers.note)],
        "status": status,
        "docStatus": summary.doc_status,
        "type": {
            "coding": [{"system": LOINC, "code": summary.kind, "display": TITLES[summary.kind]}],
            "text": TITLES[summary.kind],
        },
        "category": [{"coding": [{"system": CATEGORY, "code": "clinical-note", "display": "Clinical Note"}]}],
        "subject": _patient(cast, summary.patient_id),
        "date": instant(summary.signed_at),
        "author": [_clinician(cast, summary.clinician_id) | {"display": summary.author_name}],
        **_authenticator(summary),
        **_relation(summary),
        "content": [{"attachment": _attachment(summary)}],
        "context": {"encounter": [{"reference": f"Encounter/{summary.visit_id}"}]},
    }


def _authenticator(summary: Summary) -> Json:
    if (cosigned := summary.cosigned) is None:
        return {}
    identifier = {"system": CLINICIAN_SYSTEM, "value": str(cosigned.by)}
    return {"authenticator": {"type": "Practitioner", "identifier": identifier, "display": cosigned.name}}


def _relation(summary: Summary) -> Json:
    if summary.relation is None or summary.relates_to is None:
        return {}
    related = document_identifiers(summary.note_id, summary.relates_to).version
    target = {"type": "DocumentReference", "identifier": _identifier(related)}
    return {"relatesTo": [{"code": summary.relation, "target": target}]}


def task(followup: FollowUp, cast: Cast, *, begun: bool) -> Json:
    """Asked for by a visit, which has an Encounter once it has `begun`. The texts are what staff wrote: a title that
    says what was measured or answered is left out, which is for who is granted that.
    """
    visit = {"reference": f"Encounter/{followup.visit_id}"} if begun else None
    state = {"coding": [{"system": TASK_STATE_SYSTEM, "code": followup.status}], "text": followup.status.value}
    resource: Json = {
        "resourceType": "Task",
        "id": str(followup.id),
        "meta": {"versionId": str(followup.revision), "lastUpdated": instant(followup.moved_at)},
        "identifier": [{"system": TASK_SYSTEM, "value": str(followup.id)}],
        "status": task_status(followup),
        "businessStatus": state,
        "intent": "instance-order" if followup.series_id else "order",
        "priority": followup.priority,
        "code": {"coding": [{"system": TASK_KIND_SYSTEM, "code": followup.kind}], "text": followup.kind.value},
        "focus": {"reference": f"Appointment/{followup.visit_id}"},
        "for": _patient(cast, followup.patient_id),
        "authoredOn": instant(followup.planned_at),
        "lastModified": instant(followup.moved_at),
        **_performer(followup, cast),
        "restriction": {"period": {"start": instant(followup.due_at), "end": instant(followup.ends_at)}},
    }
    ended = followup.closed_at if followup.status is TaskStatus.DONE else None
    told: Json = {
        "description": None if made_by(followup.origin) in MEASURED else followup.title,
        "encounter": visit,
        "statusReason": {"text": followup.reason} if followup.reason else None,
        "basedOn": [{"reference": f"Task/{followup.after_id}"}] if followup.after_id else None,
        "groupIdentifier": {"system": SERIES_SYSTEM, "value": str(followup.series_id)} if followup.series_id else None,
        "executionPeriod": {"end": instant(ended)} if ended else None,
    }
    return resource | {name: value for name, value in told.items() if value}


def _performer(followup: FollowUp, cast: Cast) -> Json:
    """The patient whose doing it is, or the person who has it; who among staff may take it stands beside."""
    pool = [{"coding": [{"system": TASK_POOL_SYSTEM, "code": followup.owner.pool}], "text": followup.owner.pool.value}]
    person = followup.owner.person_id if followup.owner.pool is Pool.CLINICIANS else None
    if followup.facing is Facing.PATIENT:
        return {"performerType": pool, "owner": _patient(cast, followup.patient_id)}
    return {"performerType": pool} | ({"owner": _clinician(cast, ClinicianId(person))} if person else {})


def response(answered: Response, cast: Cast, *, begun: bool) -> Json:
    """What a patient answered from home, group by group; what was not answered is absent."""
    answers = stored(answered.answers)
    encounter = {"encounter": {"reference": f"Encounter/{answered.request.visit_id}"}} if begun else {}
    return {
        "resourceType": "QuestionnaireResponse",
        "id": str(answered.id),
        "meta": {"versionId": "1", "lastUpdated": instant(answered.answered_at)},
        "identifier": {"system": RESPONSE_SYSTEM, "value": str(answered.id)},
        "questionnaire": f"urn:uuid:{answered.form.id}|{answered.form.version}",
        "status": ANSWERED,
        "subject": _patient(cast, answered.request.patient_id),
        **encounter,
        "authored": instant(answered.answered_at),
        "item": _answered(answered.form.content.resource["item"], answers),
    }


def _answered(items: Sequence[Json], answers: Mapping[str, bool | int | str]) -> list[Json]:
    found = []
    for each in items:
        inner = _answered(each.get("item", ()), answers)
        said = [_value(each, answers[each["linkId"]])] if each["linkId"] in answers else []
        text = {"text": each["text"]} if each.get("text") else {}
        parts = ({"item": inner} if inner else {}) | ({"answer": said} if said else {})
        if parts:
            found.append({"linkId": each["linkId"], **text, **parts})
    return found


def _value(item: Json, answer: bool | int | str) -> Json:
    """`value[x]` as the type of the question has it; a choice is the option that was offered."""
    match item["type"]:
        case "choice":
            offered = (each.get("valueCoding") or each["valueString"] for each in item["answerOption"])
            chosen = next(each for each in offered if answer in (each, isinstance(each, dict) and each["code"]))
            if isinstance(chosen, str):
                return {"valueString": chosen}
            return {"valueCoding": {name: chosen[name] for name in CODING if name in chosen}}
        case "decimal":
            return {"valueDecimal": float(answer)}
        case "text":
            return {"valueString": answer}
        case kind:
            return {f"value{kind.capitalize()}": answer}


def questionnaire(form: Form) -> Json:
    """One version. Its canonical address is the one that answers name."""
    return {
        **form.content.resource,
        "resourceType": "Questionnaire",
        "id": str(form.id),
        "meta": {
            "versionId": "2" if form.retired_at else "1",
            "lastUpdated": instant(form.retired_at or form.published_at),
        },
        "url": f"urn:uuid:{form.id}",
        "identifier": [{"system": FORM_SYSTEM, "value": form.code}],
        "version": str(form.version),
        "status": questionnaire_status(form),
        "date": instant(form.published_at),
    }


def questionnaire_status(form: Form) -> str:
    return "retired" if form.retired_at else "active"


def schedule(timetable: Timetable) -> Json:
    """As far ahead as the visit type that may be booked farthest."""
    host, days = timetable.host, max((kind.horizon_days for kind in timetable.kinds), default=0)
    types = [visit_type(kind.code, kind.name) for kind in timetable.kinds]
    return {
        "resourceType": "Schedule",
        "id": str(host.id),
        "active": not host.retired,
        **({"serviceType": types} if types else {}),
        "actor": [_practitioner(timetable.clinician)],
        "planningHorizon": {"start": instant(timetable.now), "end": instant(timetable.now + timedelta(days=days))},
    }


def slot(place: Place) -> Json:
    start, kind = place.name.start, place.kind
    return {
        "resourceType": "Slot",
        "id": place.name.written(),
        "serviceType": [visit_type(kind.code, kind.name)],
        "schedule": {"reference": f"Schedule/{place.name.clinician_id}"},
        "status": FREE if place.free else BUSY,
        "start": instant(start),
        "end": instant(start + timedelta(minutes=kind.minutes)),
    }


def proposed(proposal: Proposal, cast: Cast) -> Json:
    """An Appointment that might be: its id is good for $hold and $book, and nothing is there to be read by it."""
    found, name = proposal.slot, proposal.name.written()
    return _not_yet("proposed", name, proposal.kind, (found.start, found.end)) | {
        "slot": [{"reference": f"Slot/{name}"}],
        "participant": [
            {"actor": _clinician(cast, found.clinician_id), "required": "required", "status": "needs-action"}
        ],
    }


def held(hold: Hold, kind: VisitType, cast: Cast) -> Json:
    """An Appointment that is kept for the patient: its id is good for $book as long as it is."""
    return _not_yet("pending", str(hold.id), kind, (hold.start, hold.end)) | {
        "participant": [
            {"actor": _patient(cast, hold.patient_id), "required": "required", "status": "needs-action"},
            {"actor": _clinician(cast, hold.clinician_id), "required": "required", "status": "accepted"},
        ],
    }


def _not_yet(status: str, resource_id: str, kind: VisitType, span: tuple[datetime, datetime]) -> Json:
    return {
        "resourceType": "Appointment",
        "id": resource_id,
        "status": status,
        "serviceType": [visit_type(kind.code, kind.name)],
        "start": instant(span[0]),
        "end": instant(span[1]),
        "minutesDuration": kind.minutes,
    }


def visit_type(code: str, name: str = "") -> Json:
    display = {"display": name} if name else {}
    return {"coding": [{"system": VISIT_TYPE_SYSTEM, "code": code} | display], "text": name or code}


def _patient(cast: Cast, patient_id: PatientId) -> Json:
    """A logical reference (FHIR R4, section 2.3.0.2): the patient as the record service numbers them."""
    system, _, value = cast.patients[patient_id].identifier.partition("|")
    return {"type": "Patient", "identifier": {"system": system, "value": value}}


def _clinician(cast: Cast, clinician_id: ClinicianId) -> Json:
    return _practitioner(cast.clinicians[clinician_id])


def _practitioner(clinician: Clinician) -> Json:
    return {
        "type": "Practitioner",
        "identifier": {"system": CLINICIAN_SYSTEM, "value": str(clinician.id)},
        "display": clinician.name,
    }


def _attachment(summary: Summary) -> Json:
    content = summary.text.encode()
    checksum = hashlib.sha1(content, usedforsecurity=False).digest()  # what R4 defines Attachment.hash to be
    return {
        "contentType": CONTENT_TYPE,
        "data": base64.b64encode(content).decode(),
        "size": len(content),
        "hash": base64.b64encode(checksum).decode(),
        "title": TITLES[summary.kind],
        "creation": instant(summary.signed_at),
    }


def _meta(visit: Visit) -> Json:
    return {"versionId": str(visit.revision), "lastUpdated": instant(visit.changed_at)}


def _identifier(identifier: Identifier) -> Json:
    return {"system": identifier.system, "value": identifier.value}
