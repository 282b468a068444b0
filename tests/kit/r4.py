"""Whether a resource is valid FHIR R4: asked of pyfhircheck, with the definitions that it ships, and of fhirkit."""

import json
from collections.abc import Mapping
from functools import cache

import fhirkit
from pyfhircheck import Validator
from pyfhircheck.models import Severity

# Of http://hl7.org/fhir/R4/valueset-encounter-status.html pyfhircheck 0.2 lacks the last two.
MISTAKEN = tuple(f"Code '{code}' is not in required ValueSet" for code in ("entered-in-error", "unknown"))


@cache
def _validator() -> Validator:
    return Validator()


def faults(resource: Mapping[str, object]) -> list[str]:
    """What is wrong with it; nothing when it may be sent."""
    report = _validator().validate_resource(dict(resource))
    mistaken = MISTAKEN if resource.get("resourceType") == "Encounter" else ()
    errors = [each.message for each in report.issues if each.severity is Severity.ERROR]
    found = [each for each in errors if not each.startswith(mistaken)]
    more = fhirkit.validate(json.dumps(resource))
    return found + [f"{each.path}: {each.message}" for each in more if each.severity == "error"]
