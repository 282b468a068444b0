"""The ways in to availability: hours, overrides, absences and journeys of clinicians, resources, holidays."""

from uuid import UUID

from telehealth.core.actors import Role, Scope
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.http.operation import operation, page
from telehealth.people import queries as people
from telehealth.scheduling.availability import administration, pages, queries, service
from telehealth.scheduling.availability.checks import InvalidDates, InvalidHours, TooManyEntries
from telehealth.scheduling.availability.rules import TimeOff
from telehealth.scheduling.availability.schemas import (
    AddTimeOff,
    DayHours,
    Hours,
    Journeys,
    Overrides,
    OverrideView,
    TimeOffList,
    TimeOffView,
    parse_day,
)


async def read_hours(call: Call, clinician: UUID) -> Reply[Hours]:
    """A clinician's weekly hours; none in the clinician's own zone when nothing was published yet."""
    published = await call.run(pages.published_hours, ClinicianId(clinician))
    return Reply(Hours.of(published.hours), headers=etag(published.revision))


async def publish_hours(call: Call, clinician: UUID, body: Hours) -> Reply[Hours]:
    """Replace your weekly hours. Visits already booked stay. If-Match guards against a change made elsewhere."""
    hours = body.weekly()
    revision = await call.run(service.publish_hours, clinician, hours, revision=if_match(call))
    return Reply(Hours.of(hours), headers=etag(revision))


async def list_overrides(call: Call, clinician: UUID) -> Reply[Overrides]:
    """The dates on which a clinician's hours are others than every week."""
    found = await call.run(pages.resource_of, ClinicianId(clinician))
    return Reply(Overrides.of(found), headers=etag(found.version))


async def put_override(call: Call, clinician: UUID, day: str, body: DayHours) -> Reply[OverrideView]:
    """Set your hours of one date, in place of the weekly ones; no windows: closed. Visits already booked stay."""
    override = body.override(parse_day(day))
    version = await call.run(service.put_override, clinician, override, version=if_match(call))
    return Reply(OverrideView.of(override), headers=etag(version))


async def drop_override(call: Call, clinician: UUID, day: str) -> None:
    """Have your weekly hours on this date again."""
    await call.run(service.drop_override, clinician, parse_day(day), version=if_match(call))


async def list_time_off(call: Call, clinician: UUID) -> TimeOffList:
    """When a clinician is away; why, for those whom it concerns."""
    found = await call.run(_time_off, ClinicianId(clinician))
    return TimeOffList(items=[TimeOffView.of(each) for each in found])


async def add_time_off(call: Call, clinician: UUID, body: AddTimeOff) -> TimeOffView:
    """Be away, for all visit types or for some. Visits already booked stay."""
    added: TimeOff = await call.run(service.add_time_off, clinician, body.time_off())
    return TimeOffView.of(added)


async def remove_time_off(call: Call, clinician: UUID, absence: UUID) -> None:
    """Be there after all."""
    await call.run(service.remove_time_off, clinician, absence)


async def list_travel(call: Call, clinician: UUID) -> Reply[Journeys]:
    """The dates on which a clinician's hours are meant in another zone."""
    found = await call.run(pages.resource_of, ClinicianId(clinician))
    return Reply(Journeys.of(found.travel), headers=etag(found.version))


async def set_travel(call: Call, clinician: UUID, body: Journeys) -> Reply[Journeys]:
    """Replace your journeys. If-Match guards against a change made elsewhere."""
    journeys = body.travel()
    version = await call.run(service.set_travel, clinician, journeys, version=if_match(call))
    return Reply(Journeys.of(journeys), headers=etag(version))


async def _time_off(unit: Unit, clinician_id: ClinicianId) -> list[TimeOff]:
    await people.clinician(unit, clinician_id)
    found = await queries.time_off(unit, clinician_id)
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        return [TimeOff(each.span, each.first, each.last, each.only, id=each.id) for each in found]
    return found


OF_CLINICIAN, OF_RESOURCE = "/v1/clinicians/{clinician:uuid}", "/v1/resources/{resource:uuid}"
CALENDARS, CALENDAR = "/v1/holiday-calendars", "/v1/holiday-calendars/{calendar:uuid}"
_DAY, _ABSENCE = "/overrides/{day}", "/time-off/{absence:uuid}"
_SEE, _OWN, _ALL = Scope.CLINICIANS_READ, Scope.HOURS_WRITE, Scope.RESOURCES_WRITE
_HOURS, _DATES = (InvalidHours, Stale), (InvalidDates, TooManyEntries)
_OVERRIDE, _TRAVEL = (InvalidHours, TooManyEntries, Stale), (InvalidDates, Stale)
_of = administration
OPERATIONS = (
    operation("GET", f"{OF_CLINICIAN}/hours", read_hours, needs=_SEE),
    operation("PUT", f"{OF_CLINICIAN}/hours", publish_hours, needs=_OWN, errors=_HOURS),
    operation("GET", f"{OF_CLINICIAN}/overrides", list_overrides, needs=_SEE),
    operation("PUT", f"{OF_CLINICIAN}{_DAY}", put_override, needs=_OWN, errors=_OVERRIDE),
    operation("DELETE", f"{OF_CLINICIAN}{_DAY}", drop_override, needs=_OWN, status=204, errors=(Stale,)),
    operation("GET", f"{OF_CLINICIAN}/time-off", list_time_off, needs=_SEE),
    operation("POST", f"{OF_CLINICIAN}/time-off", add_time_off, needs=_OWN, status=201, errors=_DATES),
    operation("DELETE", f"{OF_CLINICIAN}{_ABSENCE}", remove_time_off, needs=_OWN, status=204),
    operation("GET", f"{OF_CLINICIAN}/travel", list_travel, needs=_SEE),
    operation("PUT", f"{OF_CLINICIAN}/travel", set_travel, needs=_OWN, errors=_TRAVEL),
    operation("GET", "/v1/resources", _of.list_resources, needs=_SEE),
    operation("POST", "/v1/resources", _of.add_resource, needs=_ALL, status=201, errors=(InvalidHours, NotFound)),
    operation("PUT", OF_RESOURCE, _of.change_resource, needs=_ALL, errors=(Stale,)),
    operation("DELETE", OF_RESOURCE, _of.retire_resource, needs=_ALL, status=204, errors=(Stale,)),
    operation("GET", f"{OF_RESOURCE}/hours", _of.read_resource_hours, needs=_SEE),
    operation("PUT", f"{OF_RESOURCE}/hours", _of.publish_resource_hours, needs=_ALL, errors=_HOURS),
    operation("PUT", f"{OF_RESOURCE}{_DAY}", _of.put_resource_override, needs=_ALL, errors=_OVERRIDE),
    operation(
        "DELETE",
        f"{OF_RESOURCE}{_DAY}",
        _of.drop_resource_override,
        needs=_ALL,
        status=204,
        errors=(Stale,),
    ),
    operation("POST", f"{OF_RESOURCE}/time-off", _of.add_resource_time_off, needs=_ALL, status=201, errors=_DATES),
    operation("DELETE", f"{OF_RESOURCE}{_ABSENCE}", _of.remove_resource_time_off, needs=_ALL, status=204),
    operation("GET", CALENDARS, _of.list_holiday_calendars, needs=_SEE),
    operation("POST", CALENDARS, _of.add_holiday_calendar, needs=_ALL, status=201, errors=(InvalidDates,)),
    operation("PUT", CALENDAR, _of.replace_holiday_calendar, needs=_ALL, errors=_TRAVEL),
    operation("DELETE", CALENDAR, _of.drop_holiday_calendar, needs=_ALL, status=204, errors=(Stale,)),
)
PAGES = (
    page("GET", "/hours", pages.hours_page, needs=_OWN),
    page("POST", "/hours", pages.save_hours, needs=_OWN),
    page("POST", "/hours/day", pages.save_day, needs=_OWN),
    page("POST", "/hours/day/remove", pages.drop_day, needs=_OWN),
    page("POST", "/hours/away", pages.save_away, needs=_OWN),
    page("POST", "/hours/away/remove", pages.drop_away, needs=_OWN),
    page("POST", "/hours/travel", pages.save_trip, needs=_OWN),
    page("POST", "/hours/travel/remove", pages.drop_trip, needs=_OWN),
)
