"""What this server can do, truthfully: a CapabilityStatement (FHIR R4, section 5.1)."""

from typing import Any

from telehealth import __version__
from telehealth.exchange.rules import ResourceType

FHIR_VERSION = "4.0.1"
RELEASED = "2026-03-01"
SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"

# Name, type and meaning of each search parameter, the same for every type.
SEARCH_PARAMETERS = (
    ("_id", "token", "Ids, separated by commas"),
    ("_lastUpdated", "date", "When it last changed; eq, ge, gt, le, lt; UTC when no offset is given"),
    ("patient", "reference", "Patient/id or id; with :identifier the patient's system|value"),
    ("date", "date", "Appointment.start, the start of Encounter.period, DocumentReference.date"),
    ("status", "token", "Codes, separated by commas"),
)


def capability_statement(public_url: str) -> dict[str, Any]:
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": RELEASED,
        "kind": "instance",
        "software": {"name": "telehealth", "version": __version__},
        "implementation": {"description": "Virtual visits and their signed notes", "url": f"{public_url}/fhir"},
        "fhirVersion": FHIR_VERSION,
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": _security(public_url),
                "resource": [_resource(each) for each in ResourceType],
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


def _resource(resource_type: ResourceType) -> dict[str, Any]:
    return {
        "type": resource_type.value,
        "interaction": [{"code": "read"}, {"code": "search-type"}],
        "versioning": "versioned",
        "readHistory": False,
        "searchParam": [
            {"name": name, "type": kind, "documentation": meaning} for name, kind, meaning in SEARCH_PARAMETERS
        ],
    }
