"""The ways in to times: calendars and slots, the operations that find, hold and book, and what everyone may see."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.exchange import links, openings, service
from telehealth.exchange.bundles import address, answered, bundle, check_format, unknown
from telehealth.exchange.choices import Choice, Sought, read_slot_name
from telehealth.exchange.openings import STATUSES, SlotsWanted, Timetable
from telehealth.exchange.parameters import BOOK, HOLD, FindQuery, Parameters, chosen, sought
from telehealth.exchange.ports import Publication, SchedulingLinks
from telehealth.exchange.resources import Json, appointment, held, proposed, schedule, slot
from telehealth.exchange.rules import VISIT_TYPE_SYSTEM, instant, parse_codes, parse_dates, parse_references
from telehealth.exchange.schemas import ScheduleSearch, SlotSearch
from telehealth.http.call import Call
from telehealth.http.fhir import BASE_PATH, issue, resource_response
from telehealth.http.paging import CursorKey, Cursors
from telehealth.records.delivery.rules import CLINICIAN_SYSTEM
from telehealth.scheduling.availability.queries import MOST_RESOURCES

NDJSON = "application/fhir+ndjson"
LINKS = "/scheduling-links"
OPEN_TO_ALL: Mapping[str, str] = {
    "Cache-Control": f"public, max-age={links.FRESH_FOR.seconds}",
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
}


async def search_schedules(call: Call, query: ScheduleSearch) -> Response:
    """Find the calendars of clinicians."""
    check_format(query)
    left_out, cursors = unknown(query, call.header("prefer")), _cursors(call, "Schedule")
    after = None if query.cursor is None else UUID(cursors.read(query.cursor))
    everyone = await call.run(openings.timetables, after=after, limit=MOST_RESOURCES)
    found = [each for each in everyone if _is_wanted(each, query)][: query.limit]
    following = cursors.write(str(found[-1].host.id)) if len(found) == query.limit else None
    base = address(call.kit.public_url, "Schedule")
    drawn = [schedule(each) for each in found]
    return resource_response(bundle(base, drawn, search=query, left_out=left_out, following=following))


async def read_schedule(call: Call, schedule_id: UUID) -> Response:
    """The calendar of one clinician."""
    return resource_response(schedule(await call.run(openings.timetable, schedule_id)))


async def search_slots(call: Call, query: SlotSearch) -> Response:
    """Find times that clinicians offer, free or busy as of now."""
    check_format(query)
    left_out, cursors = unknown(query, call.header("prefer")), _cursors(call, "Slot")
    wanted = _understood(query, cursors)
    found = await call.run(openings.places, wanted)
    following = None
    if len(found) == wanted.limit:
        start, name = found[-1].order
        following = cursors.write(f"{start.isoformat()} {name}")
    base = address(call.kit.public_url, "Slot")
    drawn = [slot(each) for each in found]
    return resource_response(bundle(base, drawn, search=query, left_out=left_out, following=following))


async def read_slot(call: Call, slot_id: str) -> Response:
    """One time, free or busy as of now."""
    name = read_slot_name(slot_id)
    if name is None:
        raise NotFound
    return resource_response(slot(await call.run(openings.place, name)))


async def find_appointments(call: Call, body: Parameters) -> Response:
    """Find times that can be booked (Argonaut Scheduling, Appointment/$find)."""
    found = await call.run(_find, sought(body))
    return resource_response(answered(address(call.kit.public_url, "Appointment"), found))


async def find_appointments_by_query(call: Call, query: FindQuery) -> Response:
    """The same with its parameters in the query."""
    return await find_appointments(call, query.parameters())


async def hold_appointment(call: Call, body: Parameters) -> Response:
    """Keep a time for a patient for five minutes (Argonaut Scheduling, Appointment/$hold)."""
    found, until = await call.run(_hold, _choice(call, body, HOLD))
    told = issue("informational", f"Held until {instant(until)}", severity="information")
    return resource_response(answered(address(call.kit.public_url, "Appointment"), [found], told))


async def book_appointment(call: Call, body: Parameters) -> Response:
    """Book a time, or what is held (Argonaut Scheduling, Appointment/$book)."""
    found = await call.run(_book, _choice(call, body, BOOK))
    return resource_response(answered(address(call.kit.public_url, "Appointment"), [found]))


async def bulk_publish(call: Call) -> Response:
    """Where the free times are that everyone may see (SMART Scheduling Links)."""
    publication = await _publication(call)
    content = links.manifest(publication, f"{call.kit.public_url}{LINKS}")
    return _public(call, content, "application/json")


async def published_locations(call: Call) -> Response:
    """The clinic, for SMART Scheduling Links."""
    return _public(call, (await _publication(call)).files[links.LOCATIONS], NDJSON)


async def published_schedules(call: Call) -> Response:
    """What can be booked, for SMART Scheduling Links."""
    return _public(call, (await _publication(call)).files[links.SCHEDULES], NDJSON)


async def published_slots(call: Call) -> Response:
    """The free times of four weeks, for SMART Scheduling Links."""
    return _public(call, (await _publication(call)).files[links.SLOTS], NDJSON)


def _is_wanted(timetable: Timetable, query: ScheduleSearch) -> bool:
    host = timetable.host
    named = None if query.actor_identifier is None else parse_codes(query.actor_identifier, CLINICIAN_SYSTEM)
    return (
        (query.id is None or host.id in parse_references(query.id, "Schedule"))
        and (query.actor is None or host.id in parse_references(query.actor, "Practitioner"))
        and (named is None or str(host.id) in named)
        and (query.active is None or query.active == ("false" if host.retired else "true"))
    )


def _understood(query: SlotSearch, cursors: Cursors) -> SlotsWanted:
    after = None
    if query.cursor is not None:
        start, name = cursors.read(query.cursor).split()
        after = datetime.fromisoformat(start), name
    return SlotsWanted(
        clinician_ids=None if query.schedule is None else parse_references(query.schedule, "Schedule"),
        codes=None if query.service_type is None else parse_codes(query.service_type, VISIT_TYPE_SYSTEM),
        span=parse_dates(query.start),
        statuses=STATUSES if query.status is None else {each.rpartition("|")[2] for each in query.status.split(",")},
        after=after,
        limit=query.limit,
    )


async def _find(unit: Unit, asked: Sought) -> list[Json]:
    found = await service.find(unit, asked)
    cast = await openings.cast_of(unit, {each.slot.clinician_id for each in found})
    return [proposed(each, cast) for each in found]


async def _hold(unit: Unit, choice: Choice) -> tuple[Json, datetime]:
    hold, kind = await service.hold(unit, choice)
    cast = await openings.cast_of(unit, {hold.clinician_id}, hold.patient_id)
    return held(hold, kind, cast), hold.expires_at


async def _book(unit: Unit, choice: Choice) -> Json:
    visit = await service.book(unit, choice)
    return appointment(visit, await openings.cast_of(unit, {ClinicianId(visit.clinician_id)}, visit.patient_id))


def _choice(call: Call, body: Parameters, names: Iterable[str]) -> Choice:
    return chosen(body, f"{call.kit.public_url}{BASE_PATH}/", names)


async def _publication(call: Call) -> Publication:
    """What is published, not older than a minute; made by one request while others wait. Raises NotFound when off."""
    port = call.port(SchedulingLinks)
    if not port.on:
        raise NotFound
    async with port.lock:
        now = call.kit.unit_of_work.clock.now()
        if port.latest is None or not links.is_fresh(port.latest, now):
            found = await call.run(openings.published, port.codes)
            port.latest = links.renewed(port.latest, found, port.booking_url, now)
        return port.latest


def _public(call: Call, content: bytes, media_type: str) -> Response:
    tag = links.entity_tag(content)
    headers = {**OPEN_TO_ALL, "ETag": tag}
    known = {each.strip().removeprefix("W/") for each in (call.header("if-none-match") or "").split(",")}
    if known & {tag, "*"}:
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=media_type, headers=headers)


def _cursors(call: Call, listing: str) -> Cursors:
    return Cursors(call.port(CursorKey), listing)
