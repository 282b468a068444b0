"""Where a supervisor reads what a trainee signed, and co-signs or returns it. Works without scripts."""

from typing import Any
from uuid import UUID

from markupsafe import Markup
from starlette.responses import Response

from telehealth.core.errors import Refusal, Stale
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.records.charting import cosignatures, pages, service
from telehealth.records.charting.ports import SupervisorTasks
from telehealth.records.charting.schemas import CosignForm, ReturnForm
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.amendments import words_of
from telehealth.records.notes.rules import NotAwaited, NothingToSign, NotToBeSigned
from telehealth.visits.lifecycle import queries as visits

FORGIVEN: tuple[type[Refusal], ...] = (Stale, NotAwaited, NotToBeSigned, NothingToSign)


async def cosign_page(call: Call, visit: UUID) -> Response:
    """What a trainee signed, for one of their supervisors."""
    return call.render("cosign.html", **await call.run(_context, visit))


async def cosign_on_page(call: Call, visit: UUID, body: CosignForm) -> Response:
    """It is final, and goes to the record."""
    to, tasks = call.port(Destinations).names, call.port(SupervisorTasks)
    try:
        await call.run(service.cosign, visit, version=body.version, destinations=to, tasks=tasks)
    except FORGIVEN as refusal:
        return await _again(call, visit, refusal)
    return call.redirect(f"/visits/{visit}/cosign")


async def return_on_page(call: Call, visit: UUID, body: ReturnForm) -> Response:
    """The trainee has to write more. A reason that was typed is shown again when it is not taken."""
    tasks = call.port(SupervisorTasks)
    try:
        await call.run(service.give_back, visit, version=body.version, reason=body.reason, tasks=tasks)
    except FORGIVEN as refusal:
        return await _again(call, visit, refusal, reason=body.reason)
    return call.redirect(f"/visits/{visit}/cosign")


async def withdraw_on_page(call: Call, visit: UUID, body: CosignForm) -> Response:
    """The trainee takes the signature back."""
    try:
        await call.run(service.withdraw, visit, version=body.version, tasks=call.port(SupervisorTasks))
    except FORGIVEN as refusal:
        return await pages.shown_again(call, visit, refusal)
    return call.redirect(f"/visits/{visit}#note-title")


async def _again(call: Call, visit: UUID, refusal: Refusal, *, reason: str = "") -> Response:
    context = await call.run(_context, visit)
    return call.render("cosign.html", status=409, **{**context, "fault": refusal.title, "reason": reason})


async def _context(unit: Unit, visit_id: UUID) -> dict[str, Any]:
    note = await cosignatures.awaited(unit, visit_id)
    reader = await visits.reader(unit)
    patient = await people.patient(unit, note.patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "visit_id": note.visit_id,
        "patient_name": patient.name,
        "birth_date": patient.birth_date,
        "note": note,
        "words": _drawn(note.content),
        "in_force": [_drawn(words_of(each.text)) for each in note.in_force],
        "fault": "",
        "reason": "",
    }


def _drawn(words: str) -> Markup:
    return Markup(pages.drawn(words, top=3))  # noqa: S704 -- `html` has escaped it
