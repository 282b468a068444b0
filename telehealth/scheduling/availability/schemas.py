"""What availability says and hears on the wire."""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.scheduling.availability.checks import InvalidDates, InvalidHours
from telehealth.scheduling.availability.rules import (
    CLINICIAN,
    DAY,
    WHOLE,
    HolidayCalendar,
    Minutes,
    Override,
    Resource,
    ResourceEntry,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
    order,
    to_instant,
    to_minute,
    to_minute_up,
)

CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
ClockTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
EndTime = Annotated[str, Field(pattern=r"^(([0-3][0-9]|4[0-7]):[0-5][0-9]|48:00)$")]
ZoneName = Annotated[str, Field(min_length=1, max_length=64)]
Words = Annotated[tuple[Annotated[str, Field(pattern=r"^[!-~]{1,64}$")], ...], Field(max_length=100)]
VisitTypeIds = Annotated[tuple[UUID, ...], Field(max_length=50)]
LONGEST_RELEASE = 366 * DAY
PRINTED = r"^[^\x00-\x1f\x7f-\x9f]*$"
PARTS = "ab"
EDGES = tuple(f"{edge}_{day}{part}" for day in range(1, 8) for part in PARTS for edge in ("from", "to"))


class DayWindow(Message):
    """Local clock times; an end past 24:00 is on the next day."""

    start: ClockTime
    end: EndTime

    def minutes(self) -> Minutes:
        """Raises InvalidHours when the end is before the start."""
        start, end = minute_of_day(self.start), minute_of_day(self.end)
        if end <= start:
            raise InvalidHours("A window's end is not after its start.", fault="order")
        return Interval(start, end)

    @classmethod
    def of_minutes(cls, window: Minutes) -> Self:
        return cls(start=clock_time(window.start), end=clock_time(window.end))


class HoursWindow(Message):
    """Local clock times; an end past 24:00 is on the next day. Weekday 1 is Monday.

    It holds for local dates from `valid_from` to `valid_to`, both included. With `only` the time is kept for those
    visit types until `release_before` minutes before a start. `staffing` is percent of one provider.
    """

    weekday: Annotated[int, Field(ge=1, le=7)]
    start: ClockTime
    end: EndTime
    valid_from: date | None = None
    valid_to: date | None = None
    only: VisitTypeIds = ()
    release_before: Annotated[int, Field(ge=0, le=LONGEST_RELEASE)] | None = None
    staffing: Annotated[int, Field(ge=1, le=1000)] = WHOLE

    def rule(self) -> Rule:
        return Rule(
            self.weekday,
            minute_of_day(self.start),
            minute_of_day(self.end),
            self.valid_from,
            self.valid_to,
            frozenset(map(VisitTypeId, self.only)),
            self.release_before,
            self.staffing,
        )

    @classmethod
    def of(cls, rule: Rule) -> Self:
        return cls(
            weekday=rule.weekday,
            start=clock_time(rule.start),
            end=clock_time(rule.end),
            valid_from=rule.valid_from,
            valid_to=rule.valid_to,
            only=tuple(sorted(rule.only)),
            release_before=rule.release_before,
            staffing=rule.staffing,
        )


class Hours(Message):
    time_zone: ZoneName
    windows: Annotated[list[HoursWindow], Field(max_length=200)]

    def weekly(self) -> WeeklyHours:
        return WeeklyHours(self.time_zone, tuple(sorted((each.rule() for each in self.windows), key=order)))

    @classmethod
    def of(cls, hours: WeeklyHours) -> Self:
        return cls(time_zone=hours.time_zone, windows=[HoursWindow.of(each) for each in hours.rules])


class DayHours(Message):
    """The hours of one date, in place of its weekly hours; no windows: closed."""

    windows: Annotated[list[DayWindow], Field(max_length=24)]

    def override(self, day: date) -> Override:
        return Override(day, tuple(each.minutes() for each in self.windows))


class OverrideView(DayHours):
    day: date

    @classmethod
    def of(cls, override: Override) -> Self:
        return cls(day=override.day, windows=[DayWindow.of_minutes(each) for each in override.windows])


class Overrides(Message):
    items: list[OverrideView]

    @classmethod
    def of(cls, resource: Resource) -> Self:
        return cls(items=[OverrideView.of(each) for each in resource.overrides])


class AddTimeOff(Message):
    """Instants `start` to `end`, or local dates `first` to `last`, both included. With `only`, those types alone."""

    start: Instant | None = None
    end: Instant | None = None
    first: date | None = None
    last: date | None = None
    only: VisitTypeIds = ()
    reason: Annotated[str, Field(max_length=200, pattern=PRINTED)] = ""

    def time_off(self) -> TimeOff:
        """Raises InvalidDates unless there is one whole pair, in order."""
        only = frozenset(map(VisitTypeId, self.only))
        match self.start, self.end, self.first, self.last:
            case datetime() as start, datetime() as end, None, None if start < end:
                return TimeOff(Interval(to_minute(start), to_minute_up(end)), only=only, reason=self.reason)
            case None, None, date() as first, date() as last:
                return TimeOff(first=first, last=last, only=only, reason=self.reason)
        raise InvalidDates("Say start and end, or first and last, the earlier one first.", fault="order")


class TimeOffView(AddTimeOff):
    id: UUID

    @classmethod
    def of(cls, away: TimeOff) -> Self:
        return cls.model_validate(
            {
                "id": away.id,
                "start": away.span and to_instant(away.span.start),
                "end": away.span and to_instant(away.span.end),
                "first": away.first,
                "last": away.last,
                "only": tuple(sorted(away.only)),
                "reason": away.reason,
            }
        )


class TimeOffList(Message):
    items: list[TimeOffView]


class Journey(Message):
    """On the local dates `first` to `last`, both included, hours are meant in this zone."""

    first: date
    last: date
    time_zone: ZoneName


class Journeys(Message):
    items: Annotated[list[Journey], Field(max_length=200)]

    def travel(self) -> list[Travel]:
        return [Travel(each.first, each.last, each.time_zone) for each in self.items]

    @classmethod
    def of(cls, journeys: Iterable[Travel]) -> Self:
        return cls(items=[Journey.model_validate(each) for each in journeys])


class ResourceFields(Message):
    """`pools` and `skills` are words that visit types ask for; `capacity` is how many visits it serves at once."""

    name: Annotated[str, Field(max_length=200, pattern=PRINTED)]
    capacity: Annotated[int, Field(ge=1, le=1000)] = 1
    pools: Words = ()
    skills: Words = ()
    holiday_calendars: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    retired: bool = False

    def entry(self, resource_id: UUID, kind: str = "", time_zone: str = "") -> ResourceEntry:
        return ResourceEntry(
            id=resource_id,
            kind=kind,
            time_zone=time_zone,
            name=self.name,
            capacity=self.capacity,
            pools=frozenset(self.pools),
            skills=frozenset(self.skills),
            calendar_ids=frozenset(self.holiday_calendars),
            retired=self.retired,
        )


class AddResource(ResourceFields):
    """Clinicians are resources by themselves and are changed, not added."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$", json_schema_extra={"not": {"const": CLINICIAN}})]
    time_zone: ZoneName

    @field_validator("kind")
    @classmethod
    def _no_clinician(cls, kind: str) -> str:
        if kind == CLINICIAN:
            raise ValueError("a clinician is a resource already")
        return kind


class ResourceView(ResourceFields):
    """`version` is its entity tag."""

    id: UUID
    kind: str
    time_zone: str
    version: int

    @classmethod
    def of(cls, entry: ResourceEntry) -> Self:
        return cls(
            id=entry.id,
            kind=entry.kind,
            name=entry.name,
            time_zone=entry.time_zone,
            capacity=entry.capacity,
            pools=tuple(sorted(entry.pools)),
            skills=tuple(sorted(entry.skills)),
            holiday_calendars=tuple(sorted(entry.calendar_ids)),
            retired=entry.retired,
            version=entry.version,
        )


class Resources(Message):
    items: list[ResourceView]


class Holidays(Message):
    """Local dates on which whoever has the calendar is closed. `everyone`: the whole organisation has it."""

    name: Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTED)]
    everyone: bool = False
    days: Annotated[tuple[date, ...], Field(max_length=1000)]

    def calendar(self, calendar_id: UUID) -> HolidayCalendar:
        return HolidayCalendar(calendar_id, self.name, self.everyone, self.days)


class HolidaysView(Holidays):
    """`revision` is its entity tag."""

    id: UUID
    revision: int

    @classmethod
    def of(cls, calendar: HolidayCalendar) -> Self:
        return cls.model_validate(calendar)


class HolidayCalendars(Message):
    items: list[HolidaysView]


class HoursQuery(Message):
    """`saved=1` after a form was taken; `lang` chooses the page's language."""

    saved: bool = False
    lang: str | None = None


class HoursForm(Message):
    """The page's fields: `zone`, and `from_1a`, `to_1a` … `to_7b` as HH:MM; what is empty is left out."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=8)]] = Field(init=False)

    zone: ZoneName

    @model_validator(mode="after")
    def _know_the_fields(self) -> Self:
        if not set(self.shown()) <= {"zone", *EDGES}:
            raise ValueError("there is a field that is not on the page")
        return self

    def shown(self) -> dict[str, str]:
        """The fields as they were typed."""
        return {"zone": self.zone, **(self.__pydantic_extra__ or {})}

    def read(self) -> tuple[WeeklyHours, list[FieldError]]:
        """The hours the form states, and what is wrong with them."""
        windows: list[Rule] = []
        errors: list[FieldError] = []
        for day in range(1, 8):
            for part in PARTS:
                window = self._window(day, part)
                if isinstance(window, FieldError):
                    errors.append(window)
                elif window is not None:
                    windows.append(window)
        return WeeklyHours(self.zone, tuple(sorted(windows, key=order))), errors

    def _window(self, day: int, part: str) -> Rule | FieldError | None:
        shown = self.shown()
        names = [f"{edge}_{day}{part}" for edge in ("from", "to")]
        missing = [name for name in names if name not in shown]
        if len(missing) == 2:
            return None
        if missing:
            return FieldError(missing[0], "required")
        wrong = next((name for name in names if not CLOCK.fullmatch(shown[name])), None)
        if wrong:
            return FieldError(wrong, "invalid")
        start, end = (minute_of_day(shown[name]) for name in names)
        end = end or DAY  # 00:00 as an end is the midnight that ends the day
        return Rule(day, start, end) if start < end else FieldError(names[1], "order")


def hours_as_form(hours: WeeklyHours) -> dict[str, str]:
    """What the page shows of published hours."""
    shown = {"zone": hours.time_zone}
    for day, rules in _of_days(hours).items():
        for part, rule in zip(PARTS, rules, strict=False):
            shown[f"from_{day}{part}"] = clock_time(rule.start)
            shown[f"to_{day}{part}"] = clock_time(rule.end % DAY)
    return shown


def beyond_form(hours: WeeklyHours) -> tuple[Rule, ...]:
    """The rules that the page has no fields for: what is saved there leaves them as they are."""
    shown = {id(rule) for rules in _of_days(hours).values() for rule in rules}
    return tuple(rule for rule in hours.rules if id(rule) not in shown)


def _of_days(hours: WeeklyHours) -> dict[int, list[Rule]]:
    """The first two windows of each day that last for ever, are for everyone, and end with the day."""
    plain = [rule for rule in hours.rules if rule == Rule(rule.weekday, rule.start, rule.end) and rule.end <= DAY]
    return {day: [rule for rule in plain if rule.weekday == day][: len(PARTS)] for day in range(1, 8)}


def parse_day(text: str) -> date:
    """A date as it stands in a path, YYYY-MM-DD. Raises NotFound: there is no such date to ask for."""
    if DATE.fullmatch(text) is None:
        raise NotFound
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotFound from None


def minute_of_day(clock: str) -> int:
    hours, _, minutes = clock.partition(":")
    return int(hours) * 60 + int(minutes)


def clock_time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
