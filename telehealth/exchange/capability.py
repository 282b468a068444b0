"""What this server can do, truthfully: a CapabilityStatement (FHIR R4, section 5.1)."""

from typing import Any

from telehealth import __version__
from telehealth.exchange.rules import ResourceType

FHIR_VERSION = "4.0.1"
RELEASED = "2026-03-01"
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

# Name, type and meaning of each search parameter: the same for every type about patients, others for times.
Parameters = tuple[tuple[str, str, str], ...]
OF_PATIENTS: Parameters = (
    ("_id", "token", "Ids, separated by commas"),
    ("_lastUpdated", "date", "When it last changed; eq, ge, gt, le, lt; UTC when no offset is given"),
    ("patient", "reference", "Patient/id or id; with :identifier the patient's system|value"),
    ("status", "token", "Codes, separated by commas"),
)
SEARCH_PARAMETERS: Parameters = (
    *OF_PATIENTS,
    ("date", "date", "Appointment.start, the start of Encounter.period, DocumentReference.date"),
)
TASK_PARAMETERS: Parameters = (*OF_PATIENTS, ("authored-on", "date", "Task.authoredOn"))
RESPONSE_PARAMETERS: Parameters = (*OF_PATIENTS, ("authored", "date", "QuestionnaireResponse.authored"))
QUESTIONNAIRE_PARAMETERS: Parameters = (
    ("_id", "token", "Ids, separated by commas"),
    ("status", "token", "active, retired, separated by commas"),
)
SCHEDULE_PARAMETERS: Parameters = (
    ("_id", "token", "Ids, separated by commas"),
    ("actor", "reference", "Practitioner/id or id; with :identifier the practitioner's system|value"),
    ("active", "token", "true or false"),
)
SLOT_PARAMETERS: Parameters = (
    ("schedule", "reference", "Schedule/id or id, separated by commas"),
    ("start", "date", "eq, ge, gt, le, lt; UTC when no offset is given; from now on when there is none"),
    ("status", "token", "free, busy, separated by commas"),
    ("service-type", "token", "Codes of visit types, separated by commas"),
)
ARGONAUT = "http://fhir.org/guides/argonaut-scheduling/OperationDefinition/appointment"
OPERATIONS = (
    ("find", "Times that can be booked; needs system/Slot.rs"),
    ("hold", "Keeps a time for five minutes; takes an Idempotency-Key; needs system/Appointment.c"),
    ("book", "Books a time or a hold; takes an Idempotency-Key; needs system/Appointment.c"),
)


def capability_statement(public_url: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "telehealth", "version": __version__},
        "implementation": {
            "description": "Virtual visits, their signed notes, follow-up tasks, and what patients answer from home",
            "url": f"{public_url}/fhir",
        },
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(public_url),
                "resource": [
                    *(_resource(each, _parameters(each)) | VERSIONED | _operations(each) for each in ResourceType),
                    COMPOSITION,
                    _resource("Questionnaire", QUESTIONNAIRE_PARAMETERS) | VERSIONED,
                    _resource("Schedule", SCHEDULE_PARAMETERS) | COMPUTED,
                    _resource("Slot", SLOT_PARAMETERS) | COMPUTED,
                ],
            }
        ],
    }


def _security(public_url: str) -> dict[str, Any]:
    token = {"url": "token", "valueUri": f"{public_url}/oauth/token"}
    return {
        "extension": [{"url": OAUTH_URIS, "extension": [token]}],
        "cors": False,
        "service": [{"coding": [{"system": SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}],
        "description": "SMART Backend Services; what is found depends on the grants of the client.",
    }


VERSIONED: dict[str, Any] = {"versioning": "versioned", "readHistory": False}
COMPUTED: dict[str, Any] = {"versioning": "no-version"}


def _parameters(resource_type: ResourceType) -> Parameters:
    special = {ResourceType.TASK: TASK_PARAMETERS, ResourceType.QUESTIONNAIRE_RESPONSE: RESPONSE_PARAMETERS}
    return special.get(resource_type, SEARCH_PARAMETERS)


def _resource(resource_type: str, parameters: Parameters) -> dict[str, Any]:
    return {
        "type": str(resource_type),
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "searchParam": [{"name": name, "type": kind, "documentation": meaning} for name, kind, meaning in parameters],
    }


# A note is read whole, by the id of the version that made it what it is: $document is all there is.
COMPOSITION: dict[str, Any] = {
    "type": "Composition",
    "operation": [
        {
            "name": "document",
            "definition": "http://hl7.org/fhir/OperationDefinition/Composition-document",
            "documentation": "The id of a current DocumentReference, the last that was signed; needs its scope",
        }
    ],
}


def _operations(resource_type: ResourceType) -> dict[str, Any]:
    if resource_type is not ResourceType.APPOINTMENT:
        return {}
    return {
        "operation": [
            {"name": name, "definition": f"{ARGONAUT}-{name}", "documentation": meaning} for name, meaning in OPERATIONS
        ]
    }
