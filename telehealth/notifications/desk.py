"""The desk's page of where a patient is reached, and of what does not arrive there. Without scripts too."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import Stale
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.notifications import bounces
from telehealth.notifications.forms import ContactForm
from telehealth.notifications.ports import Texter
from telehealth.notifications.rules import Channel
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.visits.lifecycle import queries as visits


async def contact_page(call: Call, patient: UUID) -> Response:
    """Where a patient is reached."""
    return await _page(call, patient)


async def save_contact(call: Call, patient: UUID, body: ContactForm) -> Response:
    """Write down another address, or that the one that is there is right."""
    values, errors = body.read()
    if errors:
        return await _page(call, patient, typed=body.shown(), errors=errors)
    try:
        await call.run(registration.set_contact, PatientId(patient), seen=body.seen(), **values)
    except Stale:
        return await _page(call, patient, typed=body.shown(), stale=True)
    return call.redirect(f"/desk/{patient}?told=contact")


async def _page(
    call: Call,
    patient_id: UUID,
    *,
    typed: Mapping[str, Any] | None = None,
    errors: Sequence[FieldError] = (),
    stale: bool = False,
) -> Response:
    context = await call.run(_context, PatientId(patient_id), call.port(Texter).region)
    status = 422 if errors else 409 if stale else 200
    form = typed or {**context["seen"], "confirmed": ()}
    return call.render("contact.html", status=status, form=form, errors=list(errors), stale=stale, **context)


async def _context(unit: Unit, patient_id: PatientId, region: str) -> dict[str, Any]:
    reader = await visits.reader(unit)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    seen = {"email": patient.email or "", "phone": patient.phone or ""}
    written = {Channel.EMAIL: seen["email"], Channel.SMS: seen["phone"]}
    found = await bounces.failing(unit, written, region)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "patient": {name: getattr(patient, name) for name in ("id", "name", "birth_date", "language")},
        "seen": seen,
        "failed": {channel: found.get(channel) for channel in Channel},
    }
