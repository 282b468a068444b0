"""What administrators keep: interpreters, rooms and other resources, everyone's pools and skills, holidays."""

from uuid import UUID

from telehealth.core.errors import NotFound
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.conditions import etag, if_match
from telehealth.scheduling.availability import queries, service
from telehealth.scheduling.availability.queries import PublishedHours
from telehealth.scheduling.availability.rules import HolidayCalendar, ResourceEntry, TimeOff
from telehealth.scheduling.availability.schemas import (
    AddResource,
    AddTimeOff,
    DayHours,
    HolidayCalendars,
    Holidays,
    HolidaysView,
    Hours,
    OverrideView,
    ResourceFields,
    Resources,
    ResourceView,
    TimeOffView,
    parse_day,
)


async def list_resources(call: Call) -> Resources:
    """Everyone and everything a visit may need, clinicians included once they have published hours."""
    return Resources(items=[ResourceView.of(each) for each in await call.run(queries.resources)])


async def add_resource(call: Call, body: AddResource) -> Reply[ResourceView]:
    """Add an interpreter, a room or another thing."""
    return _shown(await call.run(_add_resource, body))


async def change_resource(call: Call, resource: UUID, body: ResourceFields) -> Reply[ResourceView]:
    """Replace what a resource is. Its zone is that of its hours. If-Match guards against a change made elsewhere."""
    return _shown(await call.run(service.change_resource, body.entry(resource), version=if_match(call)))


async def retire_resource(call: Call, resource: UUID) -> None:
    """Offer it no more; what is booked stays."""
    await call.run(service.retire_resource, resource, version=if_match(call))


async def read_resource_hours(call: Call, resource: UUID) -> Reply[Hours]:
    """A resource's weekly hours."""
    published = await call.run(_hours, resource)
    return Reply(Hours.of(published.hours), headers=etag(published.revision))


async def publish_resource_hours(call: Call, resource: UUID, body: Hours) -> Reply[Hours]:
    """Replace a resource's weekly hours. Visits already booked stay."""
    hours = body.weekly()
    revision = await call.run(service.publish_hours, resource, hours, revision=if_match(call))
    return Reply(Hours.of(hours), headers=etag(revision))


async def put_resource_override(call: Call, resource: UUID, day: str, body: DayHours) -> Reply[OverrideView]:
    """Set the hours of one date of a resource."""
    override = body.override(parse_day(day))
    version = await call.run(service.put_override, resource, override, version=if_match(call))
    return Reply(OverrideView.of(override), headers=etag(version))


async def drop_resource_override(call: Call, resource: UUID, day: str) -> None:
    """Give one date of a resource its weekly hours again."""
    await call.run(service.drop_override, resource, parse_day(day), version=if_match(call))


async def add_resource_time_off(call: Call, resource: UUID, body: AddTimeOff) -> TimeOffView:
    """Close a resource for some time, for all visit types or for some."""
    added: TimeOff = await call.run(service.add_time_off, resource, body.time_off())
    return TimeOffView.of(added)


async def remove_resource_time_off(call: Call, resource: UUID, absence: UUID) -> None:
    """Open the time again."""
    await call.run(service.remove_time_off, resource, absence)


async def list_holiday_calendars(call: Call) -> HolidayCalendars:
    """The calendars of days on which people are closed."""
    found = await call.run(queries.holiday_calendars)
    return HolidayCalendars(items=[HolidaysView.of(each) for each in found])


async def add_holiday_calendar(call: Call, body: Holidays) -> Reply[HolidaysView]:
    """Add a calendar of holidays, for everyone or to be attached to resources."""
    return _days(await call.run(_add_calendar, body))


async def replace_holiday_calendar(call: Call, calendar: UUID, body: Holidays) -> Reply[HolidaysView]:
    """Replace a calendar of holidays. If-Match guards against a change made elsewhere."""
    return _days(await call.run(service.set_holidays, body.calendar(calendar), revision=if_match(call)))


async def drop_holiday_calendar(call: Call, calendar: UUID) -> None:
    """Remove a calendar; its days are ordinary again."""
    await call.run(service.drop_holidays, calendar, revision=if_match(call))


def _shown(entry: ResourceEntry) -> Reply[ResourceView]:
    return Reply(ResourceView.of(entry), headers=etag(entry.version))


def _days(calendar: HolidayCalendar) -> Reply[HolidaysView]:
    return Reply(HolidaysView.of(calendar), headers=etag(calendar.revision))


async def _add_resource(unit: Unit, body: AddResource) -> ResourceEntry:
    return await service.add_resource(unit, body.entry(unit.new_id(), body.kind, body.time_zone))


async def _add_calendar(unit: Unit, body: Holidays) -> HolidayCalendar:
    return await service.add_holidays(unit, body.calendar(unit.new_id()))


async def _hours(unit: Unit, resource_id: UUID) -> PublishedHours:
    published = await queries.hours(unit, resource_id)
    if published is None:
        raise NotFound
    return published
