"""The ways in to calendars: a clinician's outside calendars, what staff has to look at, one's own address."""

from uuid import UUID

from telehealth.core.actors import Scope
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.scheduling.calendars import queries, service
from telehealth.scheduling.calendars.rules import FEED_PATH, TooManyCalendars, UnfitAddress
from telehealth.scheduling.calendars.schemas import AddCalendar, CalendarLink, Calendars, CalendarView


async def list_calendars(call: Call, clinician: UUID) -> Calendars:
    """A clinician's outside calendars, and how reading them goes."""
    return await call.run(_list, ClinicianId(clinician))


async def add_calendar(call: Call, clinician: UUID, body: AddCalendar) -> CalendarView:
    """Keep your hours free of what is in another calendar. It is read every few minutes, for the first time at once."""
    return await call.run(_add, ClinicianId(clinician), body)


async def remove_calendar(call: Call, clinician: UUID, feed: UUID) -> None:
    """Forget an outside calendar: what it closed is open again."""
    await call.run(service.remove_feed, ClinicianId(clinician), feed)


async def list_calendar_alerts(call: Call) -> Calendars:
    """Outside calendars that need someone: unread for too long, or not understood in part."""
    return await call.run(_attention)


async def read_calendar_feed(call: Call, clinician: UUID) -> CalendarLink:
    """Whether your visits can be subscribed to, and since when."""
    found = await call.run(queries.link, ClinicianId(clinician))
    return CalendarLink(created_at=found.created_at)


async def open_calendar_feed(call: Call, clinician: UUID) -> CalendarLink:
    """A new secret address to subscribe to your visits; the one before ends."""
    secret = await call.run(service.open_link, ClinicianId(clinician))
    found = await call.run(queries.link, ClinicianId(clinician))
    address = f"{call.kit.public_url}{FEED_PATH.format(secret=secret)}"
    return CalendarLink(created_at=found.created_at, address=address)


async def close_calendar_feed(call: Call, clinician: UUID) -> None:
    """End the secret address of your visits."""
    await call.run(service.close_link, ClinicianId(clinician))


async def _list(unit: Unit, clinician_id: ClinicianId) -> Calendars:
    found = await queries.feeds(unit, clinician_id)
    return Calendars(items=[CalendarView.of(each, unit.now) for each in found])


async def _add(unit: Unit, clinician_id: ClinicianId, asked: AddCalendar) -> CalendarView:
    added = await service.add_feed(unit, clinician_id, name=asked.name, address=asked.address)
    return CalendarView.of(added, unit.now)


async def _attention(unit: Unit) -> Calendars:
    return Calendars(items=[CalendarView.of(each, unit.now) for each in await queries.attention(unit)])


_CALENDARS = "/v1/clinicians/{clinician:uuid}/calendars"
_FEED = "/v1/clinicians/{clinician:uuid}/calendar-feed"
OPERATIONS = (
    operation("GET", _CALENDARS, list_calendars, needs=Scope.CLINICIANS_READ),
    operation(
        "POST",
        _CALENDARS,
        add_calendar,
        needs=Scope.HOURS_WRITE,
        status=201,
        errors=(UnfitAddress, TooManyCalendars),
    ),
    operation("DELETE", _CALENDARS + "/{feed:uuid}", remove_calendar, needs=Scope.HOURS_WRITE, status=204),
    operation("GET", "/v1/calendar-alerts", list_calendar_alerts, needs=Scope.CLINICIANS_READ),
    operation("GET", _FEED, read_calendar_feed, needs=Scope.HOURS_WRITE),
    operation("POST", _FEED, open_calendar_feed, needs=Scope.HOURS_WRITE),
    operation("DELETE", _FEED, close_calendar_feed, needs=Scope.HOURS_WRITE, status=204),
)
