"""The ways to a note: read, save, sign, and the signed summary."""

from uuid import UUID

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import ConditionMissing, NotFound, Stale
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, required_match
from telehealth.http.operation import operation, page
from telehealth.http.sse import EVENTS
from telehealth.records.charting import pages, queries, service
from telehealth.records.charting.queries import Note
from telehealth.records.charting.schemas import NoteView, SaveNote, SummaryView
from telehealth.records.delivery.ports import Destinations
from telehealth.records.notes.rules import AlreadySigned, NothingToSign, NotToBeSigned


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


async def read_summary(call: Call, visit: UUID) -> SummaryView:
    """The latest signed version of the visit's note."""
    return SummaryView.model_validate(await call.run(queries.summary, visit))


def _shown(note: Note) -> Reply[NoteView]:
    return Reply(NoteView.model_validate(note), headers={**etag(note.version), "Cache-Control": "no-store"})


NOTE = "/v1/visits/{visit:uuid}/note"
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
        errors=(NotFound,),
    ),
)
ROOM = "/visits/{visit:uuid}"
PAGES = (
    page("GET", ROOM, pages.room, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/note", pages.save_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
    page("POST", f"{ROOM}/sign", pages.sign_on_page, needs=Scope.NOTES_WRITE, purpose=Purpose.TREATMENT),
)
