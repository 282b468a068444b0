"""Whether hours and dates make sense before they are published, and how many there may be. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import pairwise

from telehealth.core.errors import Kind, Refusal
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.rules import (
    DAY,
    EPOCH_DAY,
    LONGEST_WINDOW_END,
    HolidayCalendar,
    Minutes,
    Override,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
    to_instant,
)

WEEK = 7 * DAY
EARLIEST, LATEST = date(2000, 1, 1), date(2199, 12, 31)
FIRST_MINUTE, LAST_MINUTE = ((each.toordinal() - EPOCH_DAY) * DAY for each in (EARLIEST, LATEST))
LONGEST_RANGE = timedelta(days=3653)  # ten years
MOST_OVERRIDES = 1_000
MOST_ABSENCES = 1_000


class InvalidHours(Refusal):
    """`fault` is order (an end before its start), length (over a day), validity, range, overlap, or zone."""

    kind, slug, title = Kind.INVALID, "invalid-hours", "These hours do not make sense"


class InvalidDates(Refusal):
    """`fault` is order (an end before its start), range (over ten years, or far from now), overlap, or zone."""

    kind, slug, title = Kind.INVALID, "invalid-dates", "These dates do not make sense"


class TooManyEntries(Refusal):
    kind, slug, title = Kind.INVALID, "too-many-entries", "There are too many entries: remove old ones first"


def check_zone(time_zone: str, refusal: type[Refusal] = InvalidHours) -> None:
    """Raises InvalidHours (or what is asked for) with fault zone."""
    try:
        parse_zone(time_zone)
    except ValueError:
        raise refusal("The time zone is not an IANA name such as Europe/Paris.", fault="zone") from None


def check_hours(hours: WeeklyHours) -> None:
    """Raises InvalidHours: a window is empty or longer than a day, two of the same terms overlap, unknown zone."""
    check_zone(hours.time_zone)
    for rule in hours.rules:
        _check_window(rule.start, rule.end, rule.weekday)
        _check_validity(rule)
    _check_overlaps(hours.rules)


def check_override(override: Override) -> None:
    """Raises InvalidHours: a window is empty or longer than a day, two overlap, the date is out of range."""
    if not EARLIEST <= override.day <= LATEST:
        raise InvalidHours("The date is out of range.", fault="range")
    for window in override.windows:
        _check_window(window.start, window.end, override.day.isoweekday())
    if any(later.start < earlier.end for earlier, later in pairwise(sorted(override.windows))):
        raise InvalidHours("Two windows overlap.", fault="overlap", weekday=override.day.isoweekday())


def check_time_off(away: TimeOff) -> None:
    """Raises InvalidDates: empty, an end before its start, longer than ten years, out of range."""
    if away.span is not None:
        if away.span.start == away.span.end:
            raise InvalidDates("The end is not after the start.", fault="order")
        if not FIRST_MINUTE <= away.span.start <= away.span.end <= LAST_MINUTE:
            raise InvalidDates("The time is too far from now.", fault="range")
        _check_dates(to_instant(away.span.start).date(), to_instant(away.span.end).date())
    elif away.first is None or away.last is None:
        raise InvalidDates("Say from when until when.", fault="order")
    else:
        _check_dates(away.first, away.last)


def check_travel(journeys: Sequence[Travel]) -> None:
    """Raises InvalidDates: an end before its start, too long, two at a time, an unknown zone."""
    for each in journeys:
        check_zone(each.time_zone, InvalidDates)
        _check_dates(each.first, each.last)
    in_order = sorted(journeys, key=lambda each: each.first)
    if any(later.first <= earlier.last for earlier, later in pairwise(in_order)):
        raise InvalidDates("Two journeys are on the same date.", fault="overlap")


def check_holidays(calendar: HolidayCalendar) -> None:
    """Raises InvalidDates for a date out of range."""
    if not all(EARLIEST <= day <= LATEST for day in calendar.days):
        raise InvalidDates("A date is out of range.", fault="range")


def _check_dates(first: date, last: date) -> None:
    if last < first:
        raise InvalidDates("The last date is before the first.", fault="order")
    if not EARLIEST <= first <= last <= LATEST or last - first > LONGEST_RANGE:
        raise InvalidDates("The time is longer than ten years, or too far from now.", fault="range")


def _check_window(start: int, end: int, weekday: int) -> None:
    if not (0 <= start < DAY and start < end):
        raise InvalidHours("A window's end is not after its start.", fault="order", weekday=weekday)
    if end > min(start + DAY, LONGEST_WINDOW_END):
        raise InvalidHours("A window is longer than 24 hours.", fault="length", weekday=weekday)


def _check_validity(rule: Rule) -> None:
    first, last = rule.valid_from or EARLIEST, rule.valid_to or LATEST
    if not first >= EARLIEST or not last <= LATEST:
        raise InvalidHours("A rule's validity is out of range.", fault="range", weekday=rule.weekday)
    if last < first:
        raise InvalidHours("A rule is valid until before it begins.", fault="validity", weekday=rule.weekday)


def _check_overlaps(rules: Sequence[Rule]) -> None:
    running: list[tuple[Minutes, Rule]] = []
    for window, rule in sorted(_on_the_week(rules), key=lambda each: each[0]):
        running = [each for each in running if window.start < each[0].end]
        for _, earlier in running:
            if _meet(earlier, rule):
                raise InvalidHours("Two windows overlap.", fault="overlap", weekday=earlier.weekday)
        running.append((window, rule))


def _on_the_week(rules: Sequence[Rule]) -> Iterator[tuple[Minutes, Rule]]:
    for rule in rules:
        monday = (rule.weekday - 1) * DAY
        yield Interval(monday + rule.start, monday + rule.end), rule
        if monday + rule.end > WEEK:
            yield Interval(0, monday + rule.end - WEEK), rule


def _meet(one: Rule, other: Rule) -> bool:
    """Whether both can hold at once for the same visit types; what spills past midnight counts with its first day."""
    begins = max(one.valid_from or date.min, other.valid_from or date.min)
    ends = min(one.valid_to or date.max, other.valid_to or date.max)
    return one is not other and begins <= ends and one.only == other.only
