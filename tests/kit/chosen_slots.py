"""Times that a walk through the house asks for, and a FHIR slot as the house names it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from telehealth.exchange.choices import SlotName
from tests.kit.house import Residents

Json = dict[str, Any]


def soon(*, days: int = 0) -> str:
    """An instant on the grid of visits, so many days from now."""
    now = datetime.now(UTC) + timedelta(days=days, minutes=5)
    return now.replace(minute=now.minute // 5 * 5, second=0, microsecond=0).isoformat()


def slot_id(residents: Residents, *, days: int) -> str:
    return SlotName(
        visit_type_id=residents.visit_type.id,
        start=datetime.fromisoformat(soon(days=days)),
        clinician_id=residents.own.clinician.id,
    ).written()


def chosen_slot(residents: Residents, *, days: int) -> Json:
    return parameters(
        {"name": "appt-id", "valueUri": f"Appointment/{slot_id(residents, days=days)}"},
        {"name": "patient-id", "valueUri": f"Patient/{residents.own.patient.id}"},
    )


def parameters(*given: Json) -> Json:
    return {"resourceType": "Parameters", "parameter": list(given)}
