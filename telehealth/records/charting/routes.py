"""The ways to a note: read, save, sign, and the signed summary."""

from enum import StrEnum
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Refusal, Stale
from telehealth.http.accepting import preferred
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.fhir import MEDIA_TYPE as FHIR_TYPE
from telehealth.http.fhir import resource_response
from telehealth.http.operation import Documented, operation, page
from telehealth.http.sse import EVENTS
from telehealth.records.charting import (
    administration,
    amending,
    cosignatures,
    cosigning,
    pages,
    queries,
    service,
    sheets,
)
from telehealth.records.charting.bundles import document_bundle
from telehealth.records.charting.cosignatures import Awaited
from telehealth.records.charting.ports import SupervisorTasks
from telehealth.records.charting.queries import Note
from telehealth.records.charting.rules import NoteRetracted
from telehealth.records.charting.schemas import (
    AddendumView,
    Amend,
    AwaitedView,
    NotePreview,
    NoteView,
    PreviewNote,
    Retract,
    ReturnNote,
    SaveNote,
    SummaryView,
    VersionsView,
    VersionView,
)
from telehealth.records.charting.sheets import NotToBeDrawn
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.amendments import NotToBeAmended, NotToBeRetracted
from telehealth.records.notes.rules import (
    AlreadySigned,
    AwaitsCosignature,
    NotAwaited,
    NothingToSign,
    NotSigned,
    NotToBeSigned,
)


class Form(StrEnum):
    """What a signed version may be read as; the first is what is given when nothing is asked for."""

    JSON = "application/json"
    FHIR = FHIR_TYPE
    PDF = "application/pdf"
    TEXT = "text/plain"


BY_ACCEPT = {"Vary": "Accept"}


async def read_note(call: Call, visit: UUID) -> Reply[NoteView]:
    """The visit's note, for its author; empty with version 0 before the first save."""
    return _shown(await call.run(queries.open_note, visit))


async def save_note(call: Call, visit: UUID, body: SaveNote) -> Reply[NoteView]:
    """Save the draft over the version named by If-Match; the first with `If-None-Match: *` or version 0."""
    return _shown(
        await call.run(service.save_draft, visit, version=required_match(call), content=body.content, kind=body.kind)
    )


async def preview_note(call: Call, body: PreviewNote) -> NotePreview:  # noqa: ARG001 -- it asks for nothing
    """The words as they will be read once they are signed. Nothing is kept, and nobody's data is read."""
    return NotePreview(html=pages.drawn(body.content))


async def sign_note(call: Call, visit: UUID) -> Reply[NoteView]:
    """Sign the version named by If-Match. It is frozen and goes to the patient record by itself; a trainee's awaits a
    co-signature first (state `preliminary`).
    """
    to, tasks = call.port(Destinations).names, call.port(SupervisorTasks)
    return _shown(await call.run(service.sign, visit, version=required_match(call), destinations=to, tasks=tasks))


async def read_awaited(call: Call, visit: UUID) -> Reply[AwaitedView]:
    """What a trainee signed, for one of their supervisors."""
    return _awaited(await call.run(cosignatures.awaited, visit))


async def cosign_note(call: Call, visit: UUID) -> Reply[AwaitedView]:
    """Co-sign what a trainee signed, as the version named by If-Match: it is final and goes to the patient record."""
    to, tasks = call.port(Destinations).names, call.port(SupervisorTasks)
    return _awaited(await call.run(service.cosign, visit, version=required_match(call), destinations=to, tasks=tasks))


async def return_note(call: Call, visit: UUID, body: ReturnNote) -> Reply[AwaitedView]:
    """Return it to the trainee: it is a draft again, with that reason."""
    tasks, version = call.port(SupervisorTasks), required_match(call)
    return _awaited(await call.run(service.give_back, visit, version=version, reason=body.reason, tasks=tasks))


async def withdraw_note(call: Call, visit: UUID) -> Reply[NoteView]:
    """The trainee takes the signature back before anybody has co-signed: it is a draft again."""
    tasks = call.port(SupervisorTasks)
    return _shown(await call.run(service.withdraw, visit, version=required_match(call), tasks=tasks))


async def read_versions(call: Call, visit: UUID) -> VersionsView:
    """What its author has signed, in that order, with how each stands and how far it is."""
    found = await call.run(queries.versions, visit)
    return VersionsView(items=[VersionView.model_validate(each) for each in found])


async def amend_note(call: Call, visit: UUID, body: Amend) -> Reply[NoteView]:
    """Begin an addendum or a replacement of the signed note; it is saved and signed as the note was."""
    return _shown(await call.run(service.amend, visit, version=required_match(call), relation=body.relation))


async def discard_amendment(call: Call, visit: UUID) -> Reply[NoteView]:
    """Give up the amendment that is being drafted. What was signed stays as it is."""
    return _shown(await call.run(service.discard, visit, version=required_match(call)))


async def retract_note(call: Call, visit: UUID, body: Retract) -> Reply[NoteView]:
    """Take a signed version back as entered in error, for that reason."""
    return _shown(
        await call.run(
            service.retract,
            visit,
            version=required_match(call),
            signed=body.version,
            reason=body.reason,
            destinations=call.port(Destinations).names,
        )
    )


async def read_summary(call: Call, visit: UUID) -> Reply[SummaryView] | Response:
    """The visit's note as it stands, addenda too: JSON, its text, a FHIR document or a PDF, by Accept."""
    match preferred(call.header("accept") or "", tuple(Form)):
        case Form.FHIR:
            bundle = document_bundle(await call.run(queries.signed_document, visit))
            return resource_response(bundle, headers=BY_ACCEPT)
        case Form.PDF:
            content = await sheets.pdf(await call.run(queries.signed_document, visit), call.locale)
            return sheets.saved(content, "note.pdf", vary="Accept, Accept-Language")
        case Form.TEXT:
            found = await call.run(queries.summary, visit)
            return Response("\n".join(each.text for each in found.all), media_type="text/plain", headers=BY_ACCEPT)
        case _:
            found = await call.run(queries.summary, visit)
            addenda = [AddendumView.model_validate(each) for each in found.addenda]
            view = SummaryView.model_validate(found.text).model_copy(update={"addenda": addenda})
            return Reply(view, headers=BY_ACCEPT)


def _awaited(note: Awaited) -> Reply[AwaitedView]:
    return Reply(AwaitedView.model_validate(note), headers={**etag(note.version), "Cache-Control": "no-store"})


def _shown(note: Note) -> Reply[NoteView]:
    return Reply(NoteView.model_validate(note), headers={**etag(note.version), "Cache-Control": "no-store"})


SUMMARY_FORMS = (
    Documented(200, "application/json", SummaryView),
    *(Documented(200, form.value) for form in Form if form is not Form.JSON),
)
NOTE = "/v1/visits/{visit:uuid}/note"
_CHANGING: tuple[type[Refusal], ...] = (NotFound, Stale, ConditionMissing)
OPERATIONS = (
    operation("GET", NOTE, read_note, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT, errors=(NotFound,)),
    operation(
        "PUT",
        NOTE,
        save_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(NotFound, Stale, ConditionMissing, AlreadySigned, AwaitsCosignature),
    ),
    operation("POST", "/v1/notes/preview", preview_note, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    operation(
        "POST",
        f"{NOTE}/sign",
        sign_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(NotFound, Stale, ConditionMissing, NotToBeSigned, NothingToSign),
    ),
    operation(
        "GET", f"{NOTE}/cosign", read_awaited, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT, errors=(NotFound,)
    ),
    operation(
        "POST",
        f"{NOTE}/cosign",
        cosign_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotAwaited, NotToBeSigned),
    ),
    operation(
        "POST",
        f"{NOTE}/return",
        return_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotAwaited, NothingToSign),
    ),
    operation(
        "POST",
        f"{NOTE}/withdraw",
        withdraw_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotAwaited),
    ),
    operation(
        "GET", f"{NOTE}/versions", read_versions, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT, errors=(NotFound,)
    ),
    operation(
        "POST",
        f"{NOTE}/amend",
        amend_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotSigned, NotToBeAmended),
    ),
    operation(
        "POST",
        f"{NOTE}/discard",
        discard_amendment,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotSigned, AlreadySigned, AwaitsCosignature),
    ),
    operation(
        "POST",
        f"{NOTE}/retract",
        retract_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(*_CHANGING, NotSigned, NotToBeRetracted, NothingToSign),
    ),
    operation(
        "GET",
        "/v1/visits/{visit:uuid}/room",
        pages.follow_room,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        answers=EVENTS,
    ),
    operation(
        "GET",
        "/v1/visits/{visit:uuid}/summary",
        read_summary,
        needs=Scope.SUMMARIES_READ,
        purpose=Purpose.TREATMENT,
        errors=(NotFound, NoteRetracted, NotToBeDrawn),
        answers=SUMMARY_FORMS,
    ),
)
ROOM, _CARE = "/visits/{visit:uuid}", Purpose.TREATMENT
_SUPERVISORS, _NAMING = administration.PAGE, Scope.LICENCES_WRITE
PAGES = (
    page("GET", _SUPERVISORS, administration.supervisors_page, needs=_NAMING, errors=(NotFound,), stays=("clinician",)),
    page("POST", _SUPERVISORS, administration.name_supervisors, needs=_NAMING, errors=(NotFound,)),
    page("GET", ROOM, pages.room, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note", pages.save_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/preview", pages.preview_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/amend", amending.amend_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/discard", amending.discard_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/retract", amending.retract_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/withdraw", cosigning.withdraw_on_page, needs=Scope.NOTES_WRITE, purpose=_CARE),
    page("GET", f"{ROOM}/cosign", cosigning.cosign_page, needs=Scope.NOTES_WRITE, purpose=_CARE),
    page("POST", f"{ROOM}/cosign", cosigning.cosign_on_page, needs=Scope.NOTES_WRITE, purpose=_CARE),
    page("POST", f"{ROOM}/cosign/return", cosigning.return_on_page, needs=Scope.NOTES_WRITE, purpose=_CARE),
    page("POST", f"{ROOM}/sign", pages.sign_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
)
