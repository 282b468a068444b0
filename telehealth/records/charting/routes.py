"""The ways to a note: read, save, sign, and the signed summary."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Refusal, Stale
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.operation import operation, page
from telehealth.http.sse import EVENTS
from telehealth.records.charting import amending, pages, queries, service
from telehealth.records.charting.queries import Note
from telehealth.records.charting.rules import NoteRetracted
from telehealth.records.charting.schemas import (
    AddendumView,
    Amend,
    NoteView,
    Retract,
    SaveNote,
    SummaryView,
    VersionsView,
    VersionView,
)
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.amendments import NotToBeAmended, NotToBeRetracted
from telehealth.records.notes.rules import AlreadySigned, NothingToSign, NotSigned, NotToBeSigned


async def read_note(call: Call, visit: UUID) -> Reply[NoteView]:
    """The visit's note, for its author; empty with version 0 before the first save."""
    return _shown(await call.run(queries.open_note, visit))


async def save_note(call: Call, visit: UUID, body: SaveNote) -> Reply[NoteView]:
    """Save the draft over the version named by If-Match; the first with `If-None-Match: *` or version 0."""
    return _shown(
        await call.run(service.save_draft, visit, version=required_match(call), content=body.content, kind=body.kind)
    )


async def sign_note(call: Call, visit: UUID) -> Reply[NoteView]:
    """Sign the version named by If-Match. It is frozen and goes to the patient record by itself."""
    return _shown(
        await call.run(service.sign, visit, version=required_match(call), destinations=call.port(Destinations).names)
    )


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


async def read_summary(call: Call, visit: UUID) -> SummaryView:
    """The visit's note as it stands: the text in force and what was appended to it."""
    found = await call.run(queries.summary, visit)
    addenda = [AddendumView.model_validate(each) for each in found.addenda]
    return SummaryView.model_validate(found.text).model_copy(update={"addenda": addenda})


def _shown(note: Note) -> Reply[NoteView]:
    return Reply(NoteView.model_validate(note), headers={**etag(note.version), "Cache-Control": "no-store"})


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
        errors=(NotFound, Stale, ConditionMissing, AlreadySigned),
    ),
    operation(
        "POST",
        f"{NOTE}/sign",
        sign_note,
        needs=Scope.NOTES_WRITE,
        purpose=Purpose.TREATMENT,
        errors=(NotFound, Stale, ConditionMissing, NotToBeSigned, NothingToSign),
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
        errors=(*_CHANGING, NotSigned, AlreadySigned),
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
        errors=(NotFound, NoteRetracted),
    ),
)
ROOM = "/visits/{visit:uuid}"
PAGES = (
    page("GET", ROOM, pages.room, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note", pages.save_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/amend", amending.amend_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/discard", amending.discard_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note/retract", amending.retract_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/sign", pages.sign_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
)
