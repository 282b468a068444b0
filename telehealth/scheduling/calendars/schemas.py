"""What calendars say and hear on the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.scheduling.calendars.rules import LONGEST_ADDRESS, Feed, FeedState


class AddCalendar(Message):
    """`address` is where its owner shares it as iCalendar: https, http or webcal."""

    name: Annotated[str, Field(min_length=1, max_length=100)]
    address: Annotated[str, Field(min_length=1, max_length=LONGEST_ADDRESS)]


class CalendarAlert(Message):
    """Something that was not understood; the local days it may lie on are closed."""

    code: str
    detail: str


class CalendarView(Message):
    """`state` is waiting, current, failing (the last good copy still holds) or withheld (nobody books themselves in).

    `fault` is why the last read failed. The address is never shown, only its host.
    """

    id: UUID
    clinician_id: UUID
    name: str
    host: str
    state: FeedState
    fault: str | None
    failures: int
    alerts: list[CalendarAlert]
    read_at: Instant | None
    good_at: Instant | None

    @classmethod
    def of(cls, feed: Feed, now: datetime) -> "CalendarView":
        return cls(
            id=feed.id,
            clinician_id=feed.resource_id,
            name=feed.name,
            host=feed.host,
            state=feed.state(now),
            fault=feed.fault,
            failures=feed.failures,
            alerts=[CalendarAlert(code=each.code, detail=each.detail) for each in feed.alerts],
            read_at=feed.read_at,
            good_at=feed.good_at,
        )


class Calendars(Message):
    items: list[CalendarView]


class CalendarLink(Message):
    """`address` is told once, when it is made: whoever has it sees the clinician's visits, without names."""

    created_at: Instant | None
    address: str | None = None
