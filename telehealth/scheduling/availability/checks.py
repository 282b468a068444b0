"""Whether hours make sense before they are published. Pure."""

from collections.abc import Iterator, Sequence
from datetime import date

from telehealth.core.errors import Kind, Refusal
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.rules import DAY, Minutes, Rule, WeeklyHours

WEEK = 7 * DAY


class InvalidHours(Refusal):
    """`fault` is order (an end before its start), validity, overlap, or zone."""

    kind, slug, title = Kind.INVALID, "invalid-hours", "These hours do not make sense"


def check_hours(hours: WeeklyHours) -> None:
    """Raises InvalidHours: a window is empty or longer than a day, two of the same terms overlap, unknown zone."""
    try:
        parse_zone(hours.time_zone)
    except ValueError:
        raise InvalidHours(fault="zone") from None
    for rule in hours.rules:
        if not (0 <= rule.start < DAY and rule.start < rule.end <= rule.start + DAY):
            raise InvalidHours(fault="order", weekday=rule.weekday)
        if rule.valid_from is not None and rule.valid_to is not None and rule.valid_to < rule.valid_from:
            raise InvalidHours(fault="validity", weekday=rule.weekday)
    _check_overlaps(hours.rules)


def _check_overlaps(rules: Sequence[Rule]) -> None:
    week = sorted(_on_the_week(rules), key=lambda each: each[0])
    running: list[tuple[Minutes, Rule]] = []
    for window, rule in week:
        running = [each for each in running if window.start < each[0].end]
        for _, earlier in running:
            if _meet(earlier, rule):
                raise InvalidHours(fault="overlap", weekday=earlier.weekday)
        running.append((window, rule))


def _on_the_week(rules: Sequence[Rule]) -> Iterator[tuple[Minutes, Rule]]:
    for rule in rules:
        monday = (rule.weekday - 1) * DAY
        yield Interval(monday + rule.start, monday + rule.end), rule
        if monday + rule.end > WEEK:
            yield Interval(0, monday + rule.end - WEEK), rule


def _meet(one: Rule, other: Rule) -> bool:
    """Whether both can hold at once for the same visit types. A night's spill is taken to be valid with its night."""
    begins = max(one.valid_from or date.min, other.valid_from or date.min)
    ends = min(one.valid_to or date.max, other.valid_to or date.max)
    return one is not other and begins <= ends and one.only == other.only
