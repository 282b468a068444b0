"""What a change of hours opens. Pure."""

from collections.abc import Iterable

from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import subtract, union
from telehealth.scheduling.availability.rules import Minutes, Opening, Resource, blocked, openings


def opened(before: Resource, after: Resource, span: Minutes) -> list[Minutes]:
    """The time in `span` that is open now to some visits, or to more of them at once, and was not; disjoint, sorted."""
    if after.retired:
        return []
    now = openings(after, span)
    if before.retired or before.capacity < after.capacity:
        return union(each.span for each in now)
    then = openings(before, span)
    found = [
        piece
        for terms in {(each.only, each.staffing) for each in now}
        for piece in subtract(_of_terms(now, *terms), _covering(then, *terms))
    ]
    for kind in {each for away in before.time_off for each in away.only}:
        found += subtract(blocked(before, kind, span), blocked(after, kind, span))
    return union(found)


def _of_terms(found: Iterable[Opening], only: frozenset[VisitTypeId], staffing: int) -> list[Minutes]:
    return [each.span for each in found if (each.only, each.staffing) == (only, staffing)]


def _covering(found: Iterable[Opening], only: frozenset[VisitTypeId], staffing: int) -> list[Minutes]:
    """What was open to all of these visit types, none being all there are, by as many providers or more."""
    return [
        each.span
        for each in found
        if each.staffing >= staffing and (not each.only or (bool(only) and only <= each.only))
    ]
