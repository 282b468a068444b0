"""Calendar invitations (RFC 5545, RFC 5546): REQUEST and CANCEL with SEQUENCE and VTIMEZONE, no clinical words."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vText

from telehealth.notifications.ports import Invite, Method
from telehealth.visits.rules import Visit

PRODUCT = "-//telehealth//visits//EN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What stands in a calendar beside the time. `link` leads this one attendee to the visit; empty when cancelled."""

    title: str
    text: str
    link: str
    organizer: str
    attendee: str
    zone: ZoneInfo


def invite(visit: Visit, occasion: Occasion, *, method: Method, now: datetime) -> Invite:
    """SEQUENCE is the visit's revision: every step raises it, so the later message wins (RFC 5546, section 2.1.4)."""
    calendar = Calendar()
    calendar.add("PRODID", PRODUCT)
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", method.value)
    calendar.add_component(_event(visit, occasion, method=method, now=now))
    calendar.add_missing_timezones()
    return Invite(method, calendar.to_ical().decode())


def _event(visit: Visit, occasion: Occasion, *, method: Method, now: datetime) -> Event:
    event = Event()
    event.add("UID", f"visit-{visit.id}")
    event.add("SEQUENCE", visit.revision)
    event.add("DTSTAMP", now)
    event.add("DTSTART", visit.starts_at.astimezone(occasion.zone))
    event.add("DTEND", visit.ends_at.astimezone(occasion.zone))
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


def _attendee(address: str) -> vCalAddress:
    attendee = vCalAddress(f"mailto:{address}")
    attendee.params["PARTSTAT"] = vText("NEEDS-ACTION")
    attendee.params["RSVP"] = vText("FALSE")
    return attendee
