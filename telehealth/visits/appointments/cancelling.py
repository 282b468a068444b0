"""Patients cancel their visit by themselves. It asks first, and works without scripts."""

from typing import Any

from starlette.responses import Response

from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.visits.appointments import service
from telehealth.visits.appointments.forms import CallOff
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.joining import may_call_off
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import NotNow, VisitStatus
from telehealth.visits.participants import service as participants

PATH = "/visit/cancel"


async def ask(call: Call) -> Response:
    """What it means to cancel, and the question; afterwards, that it is cancelled."""
    return call.render("cancel.html", refused=False, **await call.run(_context))


async def call_off(call: Call, body: CallOff) -> Response:
    """Cancel the visit. When that is not possible any more, say so and whom to call."""
    try:
        await call.run(_call_off, body.words)
    except NotNow:
        return call.render("cancel.html", status=409, refused=True, **await call.run(_context))
    return call.redirect(PATH)


async def _call_off(unit: Unit, words: str) -> None:
    await participants.require_booking(unit)
    await service.call_off(unit, own_visit_id(unit), words=words)


async def _context(unit: Unit) -> dict[str, Any]:
    await participants.require_booking(unit)
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    patient = await people.patient(unit, visit.patient_id)
    clinic = await people.clinic(unit)
    return {
        "preferred": patient.language,
        "visit": {
            "starts_at": visit.starts_at,
            "minutes": visit.minutes,
            "clinician_name": (await people.clinician(unit, visit.clinician_id)).name,
        },
        "zone": parse_zone(patient.time_zone),
        "cancelled": visit.status is VisitStatus.CANCELLED,
        "possible": may_call_off(visit, unit.actor.role, unit.now),
        "movable": visit.status is VisitStatus.BOOKED,
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }
