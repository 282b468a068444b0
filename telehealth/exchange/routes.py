"""The ways integrations pull: the feed of signed summaries, and FHIR R4."""

from asyncio import to_thread
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID

from starlette.responses import Response

from telehealth.access.rules import NoGrant
from telehealth.core.actors import Scope
from telehealth.core.errors import NotFound, Refusal
from telehealth.exchange import bookings, queries
from telehealth.exchange.bundles import address, bundle, check_format, understand, unknown
from telehealth.exchange.capability import capability_statement
from telehealth.exchange.resources import drawn, questionnaire, questionnaire_status
from telehealth.exchange.rules import ResourceType, UnfitSearch, parse_ids
from telehealth.exchange.schemas import (
    LARGEST_PAGE,
    FeedSummary,
    PatientSearch,
    QuestionnaireSearch,
    ResponseSearch,
    Search,
    SummaryFeed,
    SummaryQuery,
    TaskSearch,
)
from telehealth.http.call import Call
from telehealth.http.fhir import resource_response
from telehealth.http.operation import PUBLIC, Documented, Handler, Operation, interaction, invocation, operation
from telehealth.http.paging import CursorKey, Cursors
from telehealth.monitoring import queries as monitoring
from telehealth.records.charting import queries as records
from telehealth.records.charting.bundles import document_bundle
from telehealth.records.charting.rules import NoteRetracted
from telehealth.scheduling.booking.rules import SLOT_REFUSALS, CalendarBusy, HoldExpired
from telehealth.scheduling.calendars.rules import FEED_PATH, domain_of


async def list_summaries(call: Call, query: SummaryQuery) -> SummaryFeed:
    """Signed summaries of the patients a grant names, in an order that misses none."""
    cursors = _cursors(call, "summaries")
    after = None if query.after is None else cursors.read(query.after)
    found = await call.run(queries.summaries, after=after, limit=query.limit)
    return SummaryFeed(
        items=[FeedSummary.model_validate(each) for each in found],
        next=cursors.write(queries.written(found[-1])) if found else query.after,
        more=len(found) == query.limit,
    )


async def subscribe(call: Call, secret: str) -> Response:
    """A clinician's visits as iCalendar, for whoever knows the secret address. Names no patient."""
    agenda = await call.run(queries.agenda, secret)
    title = call.locale.gettext("Video visit")
    etag = agenda.etag(title)
    headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
    known = [each.strip().removeprefix("W/") for each in (call.header("if-none-match") or "").split(",")]
    if etag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    url = call.kit.public_url
    content = await to_thread(agenda.written, url, domain=domain_of(url), title=title)
    return Response(content, media_type="text/calendar", headers=headers)


async def metadata(call: Call) -> Response:
    """What this FHIR server can do."""
    return resource_response(capability_statement(call.kit.public_url))


async def search_appointments(call: Call, query: Search) -> Response:
    """Find appointments."""
    return await _search(call, ResourceType.APPOINTMENT, query)


async def read_appointment(call: Call, appointment: UUID) -> Response:
    """One appointment."""
    return await _read(call, ResourceType.APPOINTMENT, appointment)


async def search_encounters(call: Call, query: Search) -> Response:
    """Find encounters: visits the patient has arrived for."""
    return await _search(call, ResourceType.ENCOUNTER, query)


async def read_encounter(call: Call, encounter: UUID) -> Response:
    """One encounter."""
    return await _read(call, ResourceType.ENCOUNTER, encounter)


async def search_documents(call: Call, query: Search) -> Response:
    """Find signed notes."""
    return await _search(call, ResourceType.DOCUMENT_REFERENCE, query)


async def read_document(call: Call, document: UUID) -> Response:
    """One signed note."""
    return await _read(call, ResourceType.DOCUMENT_REFERENCE, document)


async def search_tasks(call: Call, query: TaskSearch) -> Response:
    """Find follow-up tasks."""
    return await _search(call, ResourceType.TASK, query)


async def read_task(call: Call, task: UUID) -> Response:
    """One follow-up task."""
    return await _read(call, ResourceType.TASK, task)


async def search_responses(call: Call, query: ResponseSearch) -> Response:
    """Find what patients answered from home."""
    return await _search(call, ResourceType.QUESTIONNAIRE_RESPONSE, query)


async def read_response(call: Call, response: UUID) -> Response:
    """The answers to one asking."""
    return await _read(call, ResourceType.QUESTIONNAIRE_RESPONSE, response)


async def search_questionnaires(call: Call, query: QuestionnaireSearch) -> Response:
    """Find what patients are asked from home, in all versions."""
    check_format(query)
    left_out, cursors = unknown(query, call.header("prefer")), _cursors(call, "Questionnaire")
    after = None if query.cursor is None else UUID(cursors.read(query.cursor))
    every = await call.run(monitoring.all_versions, after=after, limit=LARGEST_PAGE)
    ids, codes = None if query.id is None else parse_ids(query.id), (query.status or "active,retired").split(",")
    wanted = [each for each in every if (ids is None or each.id in ids) and questionnaire_status(each) in codes]
    found = wanted[: query.limit]
    last = found[-1] if len(found) < len(wanted) else every[-1] if len(every) == LARGEST_PAGE else None
    following = None if last is None else cursors.write(str(last.id))
    base, resources = address(call.kit.public_url, "Questionnaire"), [questionnaire(each) for each in found]
    return resource_response(bundle(base, resources, search=query, left_out=left_out, following=following))


async def read_questionnaire(call: Call, questions: UUID) -> Response:
    """One version of what patients are asked from home."""
    found = (await call.run(monitoring.forms, [questions])).get(questions)
    if found is None:
        raise NotFound
    return resource_response(questionnaire(found))


async def compose_document(call: Call, composition: UUID) -> Response:
    """A signed note as a document: its Composition with all it refers to ($document)."""
    return resource_response(document_bundle(await call.run(records.composed, composition)))


async def _search(call: Call, resource_type: ResourceType, query: PatientSearch) -> Response:
    cursors = _cursors(call, resource_type)
    left_out = unknown(query, call.header("prefer"))
    wanted = understand(query, cursors)
    found = await call.run(queries.search, resource_type, wanted)
    resources, last = drawn(found), queries.last_position(found)
    following = cursors.write(last) if last and len(resources) == wanted.limit else None
    base = address(call.kit.public_url, resource_type)
    return resource_response(bundle(base, resources, search=query, left_out=left_out, following=following))


async def _read(call: Call, resource_type: ResourceType, resource_id: UUID) -> Response:
    (resource,) = drawn(await call.run(queries.read, resource_type, resource_id))
    meta = resource["meta"]
    changed = format_datetime(datetime.fromisoformat(meta["lastUpdated"]), usegmt=True)
    return resource_response(resource, headers={"ETag": f'W/"{meta["versionId"]}"', "Last-Modified": changed})


def _cursors(call: Call, listing: str) -> Cursors:
    return Cursors(call.port(CursorKey), listing)


def _published(name: str, handler: Handler, media_type: str) -> Operation:
    answers = (Documented(200, media_type), Documented(304, media_type))
    return operation("GET", f"{bookings.LINKS}/{name}", handler, needs=PUBLIC, errors=(NotFound,), answers=answers)


_APPOINTMENT, _ENCOUNTER, _DOCUMENT = (
    Scope.FHIR_APPOINTMENT,
    Scope.FHIR_ENCOUNTER,
    Scope.FHIR_DOCUMENT_REFERENCE,
)
_QUESTIONNAIRE, _RESPONSE = Scope.FHIR_QUESTIONNAIRE, Scope.FHIR_QUESTIONNAIRE_RESPONSE
_FOUND, _SHOWN = (NoGrant, UnfitSearch), (NoGrant,)
_CREATE, _SCHEDULE, _SLOT = Scope.FHIR_APPOINTMENT_CREATE, Scope.FHIR_SCHEDULE, Scope.FHIR_SLOT
_TAKING: tuple[type[Refusal], ...] = (NoGrant, NotFound, CalendarBusy, *SLOT_REFUSALS)
_NDJSON, FIND = bookings.NDJSON, "/fhir/Appointment/$find"
OPERATIONS = (
    operation(
        "GET",
        FEED_PATH,
        subscribe,
        needs=PUBLIC,
        errors=(NotFound,),
        answers=(Documented(200, "text/calendar"), Documented(304, "text/calendar")),
    ),
    operation("GET", "/v1/summaries", list_summaries, needs=Scope.SUMMARIES_READ, errors=(NoGrant,)),
    interaction("/fhir/metadata", metadata, needs=PUBLIC),
    interaction("/fhir/Appointment", search_appointments, needs=_APPOINTMENT, errors=_FOUND),
    interaction("/fhir/Appointment/{appointment:uuid}", read_appointment, needs=_APPOINTMENT, errors=_SHOWN),
    interaction("/fhir/Encounter", search_encounters, needs=_ENCOUNTER, errors=_FOUND),
    interaction("/fhir/Encounter/{encounter:uuid}", read_encounter, needs=_ENCOUNTER, errors=_SHOWN),
    interaction("/fhir/DocumentReference", search_documents, needs=_DOCUMENT, errors=_FOUND),
    interaction("/fhir/DocumentReference/{document:uuid}", read_document, needs=_DOCUMENT, errors=_SHOWN),
    interaction(
        "/fhir/Composition/{composition:uuid}/$document",
        compose_document,
        needs=_DOCUMENT,
        errors=(NoGrant, NoteRetracted),
    ),
    interaction("/fhir/Task", search_tasks, needs=Scope.FHIR_TASK, errors=_FOUND),
    interaction("/fhir/Task/{task:uuid}", read_task, needs=Scope.FHIR_TASK, errors=_SHOWN),
    interaction("/fhir/QuestionnaireResponse", search_responses, needs=_RESPONSE, errors=_FOUND),
    interaction("/fhir/QuestionnaireResponse/{response:uuid}", read_response, needs=_RESPONSE, errors=_SHOWN),
    interaction("/fhir/Questionnaire", search_questionnaires, needs=_QUESTIONNAIRE, errors=(UnfitSearch,)),
    interaction("/fhir/Questionnaire/{questions:uuid}", read_questionnaire, needs=_QUESTIONNAIRE),
    interaction("/fhir/Schedule", bookings.search_schedules, needs=_SCHEDULE, errors=(UnfitSearch,)),
    interaction("/fhir/Schedule/{schedule_id:uuid}", bookings.read_schedule, needs=_SCHEDULE),
    interaction("/fhir/Slot", bookings.search_slots, needs=_SLOT, errors=(UnfitSearch,)),
    interaction("/fhir/Slot/{slot_id}", bookings.read_slot, needs=_SLOT),
    interaction(FIND, bookings.find_appointments_by_query, needs=_SLOT, errors=(NoGrant, NotFound)),
    invocation(FIND, bookings.find_appointments, needs=_SLOT, errors=(NoGrant, NotFound)),
    invocation("/fhir/Appointment/$hold", bookings.hold_appointment, needs=_CREATE, errors=_TAKING, keyed=True),
    invocation(
        "/fhir/Appointment/$book",
        bookings.book_appointment,
        needs=_CREATE,
        errors=(*_TAKING, HoldExpired),
        keyed=True,
    ),
    _published("$bulk-publish", bookings.bulk_publish, "application/json"),
    _published("locations.ndjson", bookings.published_locations, _NDJSON),
    _published("schedules.ndjson", bookings.published_schedules, _NDJSON),
    _published("slots.ndjson", bookings.published_slots, _NDJSON),
)
