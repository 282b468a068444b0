"""Files on pages: the patient's own page for them, and the forms of the clinician's room. All without scripts."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import Refusal
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.records.attachments import queries, service, uploads
from telehealth.records.attachments.ports import Limits
from telehealth.records.attachments.rules import (
    MEBIBYTE,
    FileTooLarge,
    NoFileStorage,
    NotToBeAttached,
    TooManyFiles,
    UnfitFile,
    may_attach,
)
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.participants.pages import elsewhere

FORGIVEN = (UnfitFile, FileTooLarge, TooManyFiles, NoFileStorage, NotToBeAttached)


async def own_files(call: Call) -> Response:
    """What the patient sent, and the way to send more."""
    if call.actor.elsewhere:
        return await elsewhere(call)
    return await _own_page(call)


async def send_file(call: Call) -> Response:
    """A photo or a document for the visit."""
    try:
        await uploads.take_form(call, await call.run(_own_visit))
    except FORGIVEN as refused:
        return await _own_page(call, refused)
    return call.redirect("/visit/files")


async def take_back_file(call: Call, attachment: UUID) -> Response:
    """Take away what was sent by mistake."""
    await call.run(service.remove, await call.run(_own_visit), attachment)
    return call.redirect("/visit/files")


async def attach_file(call: Call, visit: UUID) -> Response:
    """A file for the note, from the clinician's room."""
    await uploads.take_form(call, visit)
    return call.redirect(f"/visits/{visit}")


async def remove_file(call: Call, visit: UUID, attachment: UUID) -> Response:
    """Take away what was attached by mistake."""
    await call.run(service.remove, visit, attachment)
    return call.redirect(f"/visits/{visit}")


async def _own_page(call: Call, refused: Refusal | None = None) -> Response:
    preferred, context = await call.run(_own_context, call.port(Limits).largest)
    fault = "" if refused is None else refused.reason.value if isinstance(refused, UnfitFile) else refused.slug
    return call.render(
        "files.html", status=200 if refused is None else 422, preferred=preferred, fault=fault, **context
    )


async def _own_context(unit: Unit, largest: int) -> tuple[str, Mapping[str, Any]]:
    visit = await queries.visit_with_files(unit, own_visit_id(unit))
    patient, clinic = await people.patient(unit, visit.patient_id), await people.clinic(unit)
    return patient.language, {
        "visit": {"id": visit.id, "clinician_name": (await people.clinician(unit, visit.clinician_id)).name},
        "zone": parse_zone(patient.time_zone),
        "phone": clinic.phone or None,
        "files": await queries.files_of(unit, visit.id),
        "open": may_attach(Role.PATIENT, visit.status),
        "largest": largest,
        "megabytes": largest // MEBIBYTE,
    }


async def _own_visit(unit: Unit) -> UUID:
    return own_visit_id(unit)
