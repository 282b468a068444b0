"""A clinician's visits as a calendar to subscribe to (RFC 5545, RFC 7986).

It names no patient and says nothing of care: whoever looks at the clinician's telephone looks at it.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from telehealth.scheduling.calendars.rules import own_uid
from telehealth.scheduling.calendars.zones import describe
from telehealth.visits.lifecycle.rules import Visit, VisitStatus

PRODUCT = "-//telehealth//agenda//EN"
BEHIND, AHEAD = timedelta(days=30), timedelta(days=400)
CANCELLED_FOR = timedelta(days=30)  # so long a cancelled visit is still said to be cancelled, for who looks rarely
AGAIN_AFTER = timedelta(minutes=15)
S = VisitStatus
UNSHOWN = frozenset({S.REQUESTED, S.HELD, S.EXPIRED, S.ENTERED_IN_ERROR})


@dataclass(frozen=True, slots=True, kw_only=True)
class Agenda:
    """What a subscriber gets: the visits in order of time, in the clinician's zone."""

    visits: list[Visit]
    zone: ZoneInfo
    now: datetime

    def etag(self, title: str) -> str:
        """Another one when a visit comes, goes or changes, or the zone does."""
        told = [f"{title} {self.zone.key} {self.now.year}", *(f"{visit.id} {visit.revision}" for visit in self.visits)]
        return f'"{hashlib.sha256(" ".join(told).encode()).hexdigest()[:32]}"'

    def written(self, public_url: str, *, domain: str, title: str) -> bytes:
        calendar = Calendar()
        for name, value in (("PRODID", PRODUCT), ("VERSION", "2.0"), ("METHOD", "PUBLISH"), ("X-WR-CALNAME", title)):
            calendar.add(name, value)
        calendar.add("REFRESH-INTERVAL", AGAIN_AFTER, parameters={"VALUE": "DURATION"})
        first, last = (self.now + reach for reach in (-BEHIND, AHEAD))
        calendar.add_component(describe(self.zone, first.date().replace(month=1, day=1), last.date().replace(month=12)))
        for visit in self.visits:
            calendar.add_component(self._event(visit, f"{public_url}/visits/{visit.id}", domain=domain, title=title))
        content: bytes = calendar.to_ical()
        return content

    def _event(self, visit: Visit, link: str, *, domain: str, title: str) -> Event:
        event, gone = Event(), visit.status is VisitStatus.CANCELLED
        event.add("UID", own_uid(visit.id, domain))
        event.add("SEQUENCE", visit.revision)
        event.add("DTSTAMP", visit.changed_at)
        event.add("LAST-MODIFIED", visit.changed_at)
        event.add("DTSTART", visit.starts_at.astimezone(self.zone))
        event.add("DTEND", visit.ends_at.astimezone(self.zone))
        event.add("SUMMARY", title)
        event.add("STATUS", "CANCELLED" if gone else "CONFIRMED")
        event.add("TRANSP", "TRANSPARENT" if gone else "OPAQUE")
        event.add("CLASS", "PRIVATE")
        event.add("URL", link)
        return event
