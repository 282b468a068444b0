"""Calendar invitations (RFC 5545, RFC 5546): REQUEST and CANCEL with SEQUENCE and VTIMEZONE, no clinical words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

from telehealth.notifications.ports import Invite, Method
from telehealth.scheduling.calendars.rules import own_uid
from telehealth.scheduling.calendars.zones import describe
from telehealth.visits.lifecycle.rules import Visit

PRODUCT = "-//telehealth//visits//EN"
AROUND = timedelta(days=200)  # the clock changes before and after a visit


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What stands in a calendar beside the time. `link` leads this one attendee to the visit; empty when cancelled.

    `domain` is our own host, which the UID ends in: by that we know the visit when a calendar brings it back.
    """

    title: str
    text: str
    link: str
    organizer: str
    attendee: str
    zone: ZoneInfo
    domain: str


def invite(visit: Visit, occasion: Occasion, *, method: Method, now: datetime) -> Invite:
    """SEQUENCE is the visit's revision: every step raises it, so the later message wins (RFC 5546, section 2.1.4)."""
    calendar = Calendar()
    calendar.add("PRODID", PRODUCT)
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", method.value)
    day = visit.starts_at.astimezone(occasion.zone).date()
    calendar.add_component(describe(occasion.zone, day - AROUND, day + AROUND))
    calendar.add_component(_event(visit, occasion, method=method, now=now))
    return Invite(method, calendar.to_ical().decode())


def _event(visit: Visit, occasion: Occasion, *, method: Method, now: datetime) -> Event:
    event = Event()
    event.add("UID", own_uid(visit.id, occasion.domain))
    event.add("SEQUENCE", visit.revision)
    event.add("DTSTAMP", now)
    event.add("DTSTART", _local(visit.starts_at, occasion.zone))
    event.add("DTEND", _local(visit.ends_at, occasion.zone))
    event.add("SUMMARY", occasion.title)
    event.add("STATUS", "CANCELLED" if method is Method.CANCEL else "CONFIRMED")
    event.add("CLASS", "PRIVATE")
    event.add("ORGANIZER", vCalAddress(f"mailto:{occasion.organizer}"))
    event.add("ATTENDEE", _attendee(occasion.attendee), encode=False)
    if occasion.link:
        event.add("DESCRIPTION", occasion.text)
        event.add("LOCATION", occasion.link)
        event.add("URL", occasion.link)
    return event


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    """On the clock of the zone; in UTC where the clock shows it again, which reads as the first (section 3.3.5)."""
    local = instant.astimezone(zone)
    return instant.astimezone(UTC) if local.fold else local


def _attendee(address: str) -> vCalAddress:
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["PARTSTAT"] = vText("NEEDS-ACTION")
    attendee.params["RSVP"] = vText("FALSE")
    return attendee
