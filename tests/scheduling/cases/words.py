"""The words of cases: instants, dates, clock times, weekly hours."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval, union
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.checks import InvalidHours, check_hours
from telehealth.scheduling.availability.rules import (
    DAY,
    Minutes,
    Override,
    Resource,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
    openings,
    to_instant,
    to_minute,
)
from tests.scheduling.cases.reading import CaseFault, Given

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
SOME_DAY = date(2026, 3, 3)  # a Tuesday without a clock change anywhere: where a case names only clock times
ALL_WEEK = tuple(Rule(weekday, 0, DAY) for weekday in range(1, 8))
Types = dict[str, VisitTypeId]


def instant(text: Any) -> datetime:
    """RFC 3339 with an offset. Raises CaseFault."""
    try:
        read = datetime.fromisoformat(str(text))
    except ValueError:
        raise CaseFault(f"{text!r} is no instant") from None
    if read.tzinfo is None:
        raise CaseFault(f"{text!r} says no offset from UTC")
    return read.astimezone(UTC)


def day(text: Any) -> date:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        raise CaseFault(f"{text!r} is no date") from None


def clock(text: Any) -> int:
    """Minutes since midnight of "HH:MM", up to 24:00 and beyond."""
    hour, colon, minute = str(text).partition(":")
    if not (colon and hour.isdecimal() and minute[:2].isdecimal()):
        raise CaseFault(f"{text!r} is no clock time")
    return int(hour) * 60 + int(minute[:2])


def clock_span(text: Any) -> Minutes:
    """Minutes since midnight of "HH:MM-HH:MM"; an end that is not after its start is the next day's."""
    start, dash, end = str(text).partition("-")
    if not dash:
        raise CaseFault(f"{text!r} is no stretch of clock time")
    return window(start.strip(), end.strip())


def window(start: Any, end: Any) -> Minutes:
    first, last = clock(start), clock(end)
    return Interval(first, last if last > first else last + DAY)


def at_clock(text: Any, on: date = SOME_DAY, zone: str = "UTC") -> datetime:
    """The instant of a clock time on a date, or the instant itself when the text has a date and an offset."""
    words = str(text)
    if len(words) > 8 and words[4:5] == "-":
        read = datetime.fromisoformat(words)
        return (read if read.tzinfo else read.replace(tzinfo=parse_zone(zone))).astimezone(UTC)
    seconds = timedelta(seconds=int(words.split(":")[2])) if words.count(":") == 2 else timedelta()
    midnight = datetime.combine(on, datetime.min.time())
    reading = midnight + timedelta(minutes=clock(words)) + seconds
    return reading.replace(tzinfo=parse_zone(zone)).astimezone(UTC)


def span_of(given: Given) -> Minutes:
    """`start` and `end`, or `start` and `duration`."""
    start = to_minute(instant(given["start"]))
    return Interval(start, start + int(given["duration"]) if "duration" in given else to_minute(instant(given["end"])))


def stated(moment: datetime) -> str:
    """As cases write instants."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stated_spans(spans: Iterable[Minutes]) -> list[list[str]]:
    return [[stated(to_instant(each.start)), stated(to_instant(each.end))] for each in spans]


@dataclass(frozen=True)
class Schedule:
    """When somebody is open, before it has an id."""

    time_zone: str = "UTC"
    rules: tuple[Rule, ...] = ALL_WEEK
    overrides: tuple[Override, ...] = ()
    time_off: tuple[TimeOff, ...] = ()
    travel: tuple[Travel, ...] = ()
    holidays: frozenset[date] = frozenset()

    def resource(self, kind: str = "clinician", *, id: UUID | None = None) -> Resource:  # noqa: A002 -- its name
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return Resource(id=id or uuid4(), kind=kind, name=kind, version=1, **fields)

    def published(self) -> tuple[Rule, ...]:
        """The rules as they can be published: those of the same terms that overlap are one, cut at midnight if need be.

        Cut only then, and only rules that always hold: a rule's validity is that of the date on which it begins.
        """
        found = _united(self.rules)
        try:
            check_hours(WeeklyHours(self.time_zone, found))
        except InvalidHours:
            return _united(piece for rule in found for piece in _cut_at_midnight(rule))
        return found

    def with_holidays(self, found: Iterable[Given]) -> "Schedule":
        days = {day(each.ignoring("calendar", "name")["date"]) for each in found}
        return replace(self, holidays=self.holidays | days)


def _united(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    terms: dict[Rule, list[Minutes]] = {}
    for rule in rules:
        terms.setdefault(replace(rule, start=0, end=0), []).append(Interval(rule.start, rule.end))
    return tuple(
        replace(term, start=each.start, end=each.end) for term, spans in terms.items() for each in union(spans)
    )


def _cut_at_midnight(rule: Rule) -> Iterable[Rule]:
    if rule.end <= DAY or rule.valid_from is not None or rule.valid_to is not None:
        return [rule]
    return [replace(rule, end=DAY), replace(rule, weekday=rule.weekday % 7 + 1, start=0, end=rule.end - DAY)]


ALWAYS = Schedule()


def schedule_of(given: Given, types: Types | None = None) -> Schedule:
    """`tz`, `rules`, `overrides`, `time_off`, `travel`, `holidays`. `types` are those that `only` may name."""
    known = {} if types is None else types
    schedule = Schedule(
        time_zone=str(given.get("tz", "UTC")),
        rules=rules_of(given["rules"], known) if "rules" in given else ALL_WEEK,
        overrides=tuple(_override(each) for each in given.get("overrides", ())),
        time_off=tuple(_time_off(each, known) for each in given.get("time_off", ())),
        travel=tuple(Travel(day(each["from"]), day(each["to"]), str(each["tz"])) for each in given.get("travel", ())),
    )
    return schedule.with_holidays(given.get("holidays", ()))


def rules_of(given: Sequence[Given] | Given, types: Types) -> tuple[Rule, ...]:
    listed = [given] if isinstance(given, Given) else given
    return tuple(rule for each in listed for rule in _rules(each, types))


def _rules(given: Given, types: Types) -> Iterable[Rule]:
    span = window(given["start"], given["end"])
    made = Rule(
        weekday=1,
        start=span.start,
        end=span.end,
        valid_from=day(given["valid_from"]) if given.get("valid_from") else None,
        valid_to=day(given["valid_to"]) if given.get("valid_to") else None,
        only=scope(given.get("only"), types),
        release_before=given.get("release_before_minutes"),
    )
    for word in given.get("days", WEEKDAYS):
        if word not in WEEKDAYS:
            raise CaseFault(f"{word!r} is no weekday")
        yield replace(made, weekday=WEEKDAYS.index(word) + 1)


def scope(named: Any, types: Types) -> frozenset[VisitTypeId]:
    """The visit types of those names, made up when they are new."""
    names = [named] if isinstance(named, str) else named or ()
    return frozenset(types.setdefault(str(each), VisitTypeId(uuid4())) for each in names)


def _override(given: Given) -> Override:
    return Override(day(given["date"]), tuple(window(each["start"], each["end"]) for each in given["windows"]))


def _time_off(given: Given, types: Types) -> TimeOff:
    only = scope(given.get("only"), types)
    given.ignoring("reason")
    if "date" in given:
        return TimeOff(first=day(given["date"]), last=day(given["date"]), only=only)
    if "from_date" in given:
        return TimeOff(first=day(given["from_date"]), last=day(given["to_date"]), only=only)
    return TimeOff(span=span_of(given), only=only)


def daily(start: int, end: int, zone: str = "UTC") -> Schedule:
    """The same minutes of every local day."""
    return Schedule(zone, tuple(Rule(weekday, start, end) for weekday in range(1, 8)))


def on_day(spans: Iterable[Minutes], on: date = SOME_DAY, zone: str = "UTC") -> Schedule:
    """Open on one date only, at those minutes."""
    rules = (Rule(on.isoweekday(), each.start, each.end, valid_from=on, valid_to=on) for each in spans)
    return Schedule(zone, tuple(rules))


def hours_text(text: Any) -> Schedule:
    """Such as "hours 09-17", every day."""
    start, dash, end = str(text).removeprefix("hours").strip().partition("-")
    if not dash:
        raise CaseFault(f"{text!r} tells no hours")
    span = window(*(each if ":" in each else f"{each}:00" for each in (start.strip(), end.strip())))
    return daily(span.start, span.end)


def local_date(moment: datetime, zone: str) -> date:
    return moment.astimezone(parse_zone(zone)).date()


def window_of_case(given: Given) -> Minutes:
    """`from` and `to`."""
    return Interval(to_minute(instant(given["from"])), to_minute(instant(given["to"])))


def open_spans(resource: Resource, span: Minutes) -> list[Minutes]:
    return union(each.span for each in openings(resource, span))


def reading(resource: Resource, start: datetime) -> str:
    """What the clinician's clock shows: in the zone of the hours that hold then."""
    minute = to_minute(start)
    found = openings(resource, Interval(minute, minute + 1))
    if found:
        return f"{to_instant(minute + found[0].offset):%Y-%m-%dT%H:%M}"
    return f"{start.astimezone(parse_zone(resource.time_zone)):%Y-%m-%dT%H:%M}"
