"""The starts a resource's own hours offer to one visit type, as sets of minutes. Pure; remembered by day.

What is remembered lives in the resource's own memory and goes with it when its hours change. It has an end: a day takes
less than a kilobyte, a resource remembers 400 days for each of its ten latest visit types, so 4 MB at the very most.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from telehealth.core import minutes
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import (
    DAY,
    EPOCH_DAY,
    WHOLE,
    Opening,
    Resource,
    blocked,
    offset_at,
    openings,
    segments,
    zone_on,
)
from telehealth.scheduling.booking.rules import Minutes, VisitType

DAYS_REMEMBERED = 400  # for one visit type; more than the longest search
KINDS_REMEMBERED = 10  # by one resource


@dataclass(frozen=True, slots=True)
class Offer:
    """Starts that `capacity` visits at once may have; those of others' reserved time `release` minutes ahead."""

    capacity: int
    release: int | None
    bits: int


def offers(resource: Resource, kind: VisitType, frame: Minutes) -> list[Offer]:
    """The starts within the frame that the hours and the grid allow, bit 0 being the frame's start."""
    together: dict[tuple[int, int | None], int] = {}
    known = _days_of(resource, kind)
    for day in range(frame.start // DAY, (frame.end - 1) // DAY + 1):
        shift = day * DAY - frame.start
        for each in (known.get(day) or _of_day(resource, kind, day)).offers:
            bits = each.bits << shift if shift >= 0 else each.bits >> -shift
            key = each.capacity, each.release
            together[key] = together.get(key, 0) | bits
    inside = minutes.filled(frame.end - frame.start)
    return [Offer(capacity, release, bits & inside) for (capacity, release), bits in together.items()]


def present(resource: Resource, kind: VisitType, frame: Minutes) -> int:
    """The starts from which someone beside the clinician is there for the whole visit, on no grid of their own."""
    extended = _around(kind, frame)
    length = extended.end - extended.start
    opened = [each for each in openings(resource, extended) if not each.only or kind.id in each.only]
    return _fitting(kind, _minutes(opened, extended) & ~_closed(resource, kind, extended, length)) & minutes.filled(
        frame.end - frame.start
    )


def takes_one(resource: Resource) -> bool:
    """Whether there is never room for two visits at once."""
    known: bool | None = resource.memory.get("takes one")
    if known is None:
        alone = resource.capacity == 1 and all(rule.staffing <= WHOLE for rule in resource.rules)
        known = resource.memory["takes one"] = alone
    return known


def local_day(resource: Resource, minute: int) -> int:
    """The resource's local date at that instant, as days since the epoch."""
    day = (minute + offset_at(resource.time_zone, minute)) // DAY
    if not resource.travel:
        return day
    return (minute + offset_at(zone_of(resource, day), minute)) // DAY


def zone_of(resource: Resource, day: int) -> str:
    return zone_on(resource, date.fromordinal(day + EPOCH_DAY))


def instants_of(resource: Resource, day: int) -> list[Minutes]:
    """The instants whose local date, where the resource is then, is `day`."""
    return [each.span for each in segments(zone_of(resource, day), day)]


@lru_cache(maxsize=4096)
def interned(kind: VisitType) -> VisitType:
    """The one object among equal visit types: what is remembered for it is then found without comparing."""
    return kind


def offered_on(resource: Resource, kind: VisitType, day: int) -> int:
    """Every start of one UTC day that might be offered; bit 0 is its midnight."""
    return _of_day(resource, kind, day).together


@dataclass(frozen=True, slots=True)
class OfferedDay:
    offers: tuple[Offer, ...]
    together: int


def _of_day(resource: Resource, kind: VisitType, day: int) -> OfferedDay:
    days = _days_of(resource, kind)
    found = days.get(day)
    if found is None:
        if len(days) >= DAYS_REMEMBERED:
            days.clear()
        worked_out = tuple(_worked_out(resource, kind, Interval(day * DAY, (day + 1) * DAY)))
        found = days[day] = OfferedDay(worked_out, minutes.any_of(each.bits for each in worked_out))
    return found


def _days_of(resource: Resource, kind: VisitType) -> dict[int, OfferedDay]:
    """What is remembered for a visit type; one that has changed begins anew, one too many puts out the oldest."""
    kinds: dict[str, tuple[VisitType, dict[int, OfferedDay]]] = resource.memory.setdefault("offers", {})
    known = kinds.get(kind.code)
    if known is None or known[0] is not kind:
        if known is None and len(kinds) >= KINDS_REMEMBERED:
            del kinds[next(iter(kinds))]
        known = kinds[kind.code] = (kind, {})
    return known[1]


def _worked_out(resource: Resource, kind: VisitType, frame: Minutes) -> list[Offer]:
    extended = _around(kind, frame)
    length = extended.end - extended.start
    opened = openings(resource, extended)
    closed = _closed(resource, kind, extended, length)
    own = [each for each in opened if not each.only or kind.id in each.only]
    found = []
    for capacity, staffed in _staffing(resource, kind, own, frame).items():
        bits = _fitting(kind, _minutes(own, extended) & ~closed) & staffed & _grid(kind, opened, frame)
        found.append(Offer(capacity, None, bits))
    reserved = [each for each in opened if each not in own and each.release_before is not None]
    for release in sorted({each.release_before for each in reserved if each.release_before is not None}):
        released = [each for each in reserved if (each.release_before or 0) >= release]
        bits = _fitting(kind, _minutes([*own, *released], extended) & ~closed) & _grid(kind, opened, frame)
        found.append(Offer(resource.capacity, release, bits))
    return [each for each in found if each.bits]


def _around(kind: VisitType, frame: Minutes) -> Minutes:
    """The minutes that a visit beginning in the frame can touch."""
    return Interval(frame.start - kind.buffer_before, frame.end + kind.minutes + kind.buffer_after)


def _fitting(kind: VisitType, opened: int) -> int:
    """Starts, from open minutes that begin `buffer_before` earlier. Buffers may lie outside the hours or not."""
    if kind.buffers_inside_hours:
        return minutes.fits(opened, kind.buffer_before + kind.minutes + kind.buffer_after)
    return minutes.fits(opened, kind.minutes) >> kind.buffer_before


def _minutes(opened: Sequence[Opening], frame: Minutes) -> int:
    pairs = ((each.span.start - frame.start, each.span.end - frame.start) for each in opened)
    return minutes.covered(pairs, frame.end - frame.start)


def _closed(resource: Resource, kind: VisitType, frame: Minutes, length: int) -> int:
    closed = blocked(resource, kind.id, frame)
    return minutes.covered(((each.start - frame.start, each.end - frame.start) for each in closed), length)


def _grid(kind: VisitType, opened: Sequence[Opening], frame: Minutes) -> int:
    """The minutes whose reading on the local clock lies on the grid; each local day begins it anew."""
    pieces = (
        [(segment.span, segment.offset) for day in _days(frame) for segment in segments(kind.grid_tz, day)]
        if kind.grid_tz
        else [(each.span, each.offset) for each in opened]
    )
    found = 0
    for span, offset in pieces:
        start, end = max(span.start, frame.start), min(span.end, frame.end)
        if start < end:
            first = start + (kind.offset - (start + offset) % DAY) % kind.grid
            found |= minutes.every(kind.grid, first - frame.start, end - frame.start)
    return found


def _days(frame: Minutes) -> range:
    return range(frame.start // DAY - 1, frame.end // DAY + 2)


def _staffing(resource: Resource, kind: VisitType, own: Sequence[Opening], frame: Minutes) -> dict[int, int]:
    """Capacity to the starts that have it. Part of a provider is spread over the hours, one visit's length at a time.

    With p providers the k-th start may take ceil((k + 1) p) - ceil(k p) visits: half a provider is every other start.
    """
    length = frame.end - frame.start
    if all(each.staffing == WHOLE for each in own):
        return {resource.capacity: minutes.filled(length)}
    found: dict[int, int] = {}
    for each in _uncut(resource, kind, frame):
        for capacity, bits in _spread(resource, kind, each, frame).items():
            found[capacity] = found.get(capacity, 0) | bits
    return found


def _uncut(resource: Resource, kind: VisitType, frame: Minutes) -> list[Opening]:
    """The openings in the frame from their own beginning, where counting starts, and not from the frame's."""
    near = Interval(frame.start - 2 * DAY, frame.end + 2 * DAY)
    inside = (each for each in openings(resource, near) if each.span.overlaps(frame))
    return [each for each in inside if not each.only or kind.id in each.only]


def _spread(resource: Resource, kind: VisitType, opening: Opening, frame: Minutes) -> dict[int, int]:
    length = frame.end - frame.start
    if opening.staffing == WHOLE:
        whole = minutes.between(opening.span.start - frame.start, opening.span.end - frame.start, length)
        return {resource.capacity: whole}
    step = -(-kind.minutes // kind.grid) * kind.grid
    found: dict[int, int] = {}
    for number, start in enumerate(range(opening.span.start, opening.span.end, step)):
        capacity = -(-(number + 1) * opening.staffing // WHOLE) + (-number * opening.staffing // WHOLE)
        if capacity and frame.start <= start < frame.end:
            found[capacity] = found.get(capacity, 0) | 1 << (start - frame.start)
    return found
