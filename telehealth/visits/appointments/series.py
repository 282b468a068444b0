"""Commands on visits that repeat: book them, call them off, move them, and find times at which all of them are free."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import insert, update

from telehealth.core import minutes
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, SeriesId, VisitId
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.availability.rules import to_instant, to_minute, to_minute_up
from telehealth.scheduling.booking import queries as slots
from telehealth.scheduling.booking.rules import Asked, Occupied, SlotRefused
from telehealth.scheduling.recurrence.rules import LONGEST, InvalidRecurrence, Occurrence, expand, instant_of, read
from telehealth.visits.appointments import service
from telehealth.visits.appointments.wishes import SeriesWish, Wish, audience_of, free, visit_for, wanted
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.models import SeriesRow
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.repeats import Policy, Series, SeriesConflict
from telehealth.visits.lifecycle.rules import Command, Visit, VisitStatus
from telehealth.visits.lifecycle.steps import begin, change, try_to_occupy
from telehealth.visits.participants import guests

TO_COME = frozenset({VisitStatus.REQUESTED, VisitStatus.HELD, VisitStatus.BOOKED})
MINUTE = timedelta(minutes=1)


class Reach(StrEnum):
    """How much of a series is meant."""

    ONE = "one"
    FOLLOWING = "following"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """An occurrence that could not be booked: the stable word why, and starts (ISO 8601, UTC) that are free instead."""

    occurrence: int
    local_start: str
    reason: str
    alternatives: tuple[str, ...]

    def detail(self) -> dict[str, object]:
        return {"occurrence": self.occurrence, "reason": self.reason, "alternatives": list(self.alternatives)}


@dataclass(frozen=True, slots=True)
class Told:
    """A series with its visits; `missed` are those that a new one could not have."""

    series: Series
    visits: list[Visit]
    missed: list[Missed]


async def open_series(unit: Unit, series_id: UUID) -> Told:
    """A series and its visits, audited. Raises NotFound."""
    series = await queries.find_series(unit, series_id)
    unit.audit("read", "series", series.id, patient_id=series.patient_id)
    return Told(series, await queries.visits_of_series(unit, series_id), [])


async def book_series(unit: Unit, asked: SeriesWish) -> Told:
    """Book visits that repeat, all with one clinician: of several, one who can most of them.

    Raises InvalidRecurrence, NotFound, CalendarBusy; SeriesConflict when the policy is atomic and not every time is
    free, or none is.
    """
    zone = await _zone(unit, asked)
    occurrences = expand(asked.rrule, asked.local_start, zone)
    wish = await service.checked(unit, asked.at(occurrences[0].start))
    wish = replace(wish, clinician_ids=await _most_able(unit, wish, occurrences))
    series_id = SeriesId(unit.new_id())
    taken, missed = await _take(unit, wish, occurrences)
    if not taken or (missed and asked.policy is Policy.ATOMIC):
        raise _conflict(missed)
    visits = [
        replace(
            visit_for(wish, visit_id, occupied, now=unit.now),
            series_id=series_id,
            occurrence=each.number,
            time_zone=zone,
            local_start=_written(each.local),
            team=None,
        )
        for each, visit_id, occupied in taken
    ]
    series = Series(
        id=series_id,
        patient_id=wish.patient_id,
        clinician_id=visits[0].clinician_id,
        visit_type_id=wish.visit_type_id,
        rrule=asked.rrule,
        time_zone=zone,
        local_start=_written(asked.local_start),
        policy=asked.policy,
        revision=1,
        changed_at=unit.now,
    )
    await _begin(unit, series, visits, free(*(occupied for _, _, occupied in taken)))
    return Told(series, visits, missed)


async def cancel_series(
    unit: Unit, series_id: UUID, *, reach: Reach, occurrence: int, reason: str, revision: int | None = None
) -> Told:
    """Call off one visit, that and the following, or all that have not begun; `reason` is a code.

    Raises NotFound, Stale; NotNow when one alone is meant and it is too late for it.
    """
    series = await _to_change(unit, series_id, revision)
    meant = await _meant(unit, series, reach, occurrence)

    for visit in meant:  # the first one's message tells of all
        told_by = None if visit is meant[0] else meant[0].id
        await change(unit, visit.id, Command.CANCEL, cause=reason, told_by=told_by)
    return await _changed(unit, series)


async def reschedule_following(
    unit: Unit,
    series_id: UUID,
    *,
    occurrence: int,
    local_start: datetime,
    revision: int | None = None,
    clinician_id: ClinicianId | None = None,
) -> Told:
    """Move one visit to `local_start` and all that follow by as much on the clock; all of them, or none.

    Another clinician gives those; the series stays with the one who gives the visits before them, if there are any.
    Raises NotFound, Stale, SeriesConflict.
    """
    series = await _to_change(unit, series_id, revision)
    meant = await _meant(unit, series, Reach.FOLLOWING, occurrence)
    if meant[0].occurrence != occurrence:
        raise NotFound
    by = local_start - datetime.fromisoformat(meant[0].local_start)
    zone = parse_zone(series.time_zone)
    targets = {
        each.id: Occurrence(each.occurrence or 0, local, instant_of(local, zone))
        for each in meant
        for local in [datetime.fromisoformat(each.local_start) + by]
    }
    first, missed = meant[0].id, []
    # Away from the side they move to: the next one's old time is free before this one needs it.
    for visit in reversed(meant) if by > timedelta() else meant:
        target = targets[visit.id]
        wish = await service.wish_at(unit, visit, target.start)
        wish = await service.checked(unit, replace(wish, clinician_ids=(clinician_id or visit.clinician_id,)))
        found = await _try(unit, wish, target, visit.id)
        if isinstance(found, Missed):
            missed.append(found)
            continue
        told_by = None if visit.id == first else first
        await service.move(unit, visit, found, local_start=_written(target.local), told_by=told_by)
    if missed:
        raise _conflict(missed)
    return await _changed(unit, series, clinician_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSeries:
    """A first start from which every occurrence is free with that clinician; `starts` are all of them."""

    clinician_id: ClinicianId
    local_start: datetime
    starts: tuple[datetime, ...]


async def search_series(
    unit: Unit, asked: SeriesWish, *, start: datetime, end: datetime, limit: int
) -> list[FreeSeries]:
    """First starts in [start, end), earliest first, from which every occurrence is free with one clinician.

    `asked.local_start` does not count. Raises NotFound, InvalidRecurrence.
    """
    zone = await _zone(unit, asked)
    wish = await service.checked(unit, asked.at(start))
    read(asked.rrule)
    last = max((each.start for each in _expanded(asked.rrule, end, zone)), default=end + LONGEST)
    frame, free = await slots.free_minutes(unit, _asked(unit, wish), Interval(start, max(end, last) + MINUTE))
    window = minutes.between(0, to_minute_up(end) - frame.start, frame.end - frame.start)
    tables = {each: minutes.table_of(free[each]) for each in sorted(free)}
    found: list[FreeSeries] = []
    for at in minutes.minutes_of(minutes.any_of(free.values()) & window):
        series = _expanded(asked.rrule, to_instant(frame.start + at), zone)
        needed = [to_minute(each.start) - frame.start for each in series]
        if not needed or needed[0] != at:
            continue
        starts = tuple(each.start for each in series)
        for clinician_id, table in tables.items():
            if all(minutes.has(table, each) for each in needed):
                found.append(FreeSeries(clinician_id=clinician_id, local_start=series[0].local, starts=starts))
        if len(found) >= limit:
            break
    return found[:limit]


# Parts of them


def _asked(unit: Unit, wish: Wish) -> Asked:
    return Asked(
        visit_type_id=wish.visit_type_id,
        clinician_ids=wish.clinician_ids,
        also=wish.also,
        patient_id=wish.patient_id,
        jurisdiction=wish.location,
        audience=audience_of(unit.actor.role),
    )


async def _zone(unit: Unit, asked: SeriesWish) -> str:
    """The zone whose clock is meant: the one named, else that of the one clinician, else the clinic's."""
    if asked.time_zone is not None:
        return asked.time_zone
    if len(asked.clinician_ids) == 1:
        return (await people.clinician(unit, asked.clinician_ids[0])).time_zone
    return (await people.clinic(unit)).time_zone


async def _most_able(unit: Unit, wish: Wish, occurrences: Sequence[Occurrence]) -> tuple[ClinicianId, ...]:
    """Those of the clinicians who could give the most of the visits, booking chooses among them; one is that one."""
    if len(wish.clinician_ids) == 1:
        return wish.clinician_ids
    first, last = occurrences[0].start, max(each.start for each in occurrences)
    frame, free = await slots.free_minutes(unit, _asked(unit, wish), Interval(first, last + MINUTE))
    places = {to_minute(each.start) - frame.start for each in occurrences}
    able = {each: _held(bits, places) for each, bits in free.items()}
    most = max(able.values(), default=0)
    best = tuple(each for each, count in able.items() if count == most)
    return best if most else wish.clinician_ids


def _held(bits: int, places: Collection[int]) -> int:
    table = minutes.table_of(bits)
    return sum(minutes.has(table, each) for each in places)


async def _take(
    unit: Unit, wish: Wish, occurrences: Iterable[Occurrence]
) -> tuple[list[tuple[Occurrence, VisitId, Occupied]], list[Missed]]:
    """Time for every occurrence that can have it. Whoever gives the first gives them all."""
    taken: list[tuple[Occurrence, VisitId, Occupied]] = []
    missed: list[Missed] = []
    for each in occurrences:
        visit_id = VisitId(unit.new_id())
        found = await _try(unit, replace(wish, start=each.start), each, visit_id)
        if isinstance(found, Missed):
            missed.append(found)
            continue
        taken.append((each, visit_id, found))
        wish = replace(wish, clinician_ids=(found.clinician_id,))
    return taken, missed


async def _try(unit: Unit, wish: Wish, occurrence: Occurrence, owner_id: VisitId) -> Occupied | Missed:
    try:
        return await try_to_occupy(unit, wanted(wish, unit.actor.role), owner_id)
    except SlotRefused as refused:
        alternatives = refused.extras.get("alternatives", ())
        return Missed(
            occurrence=occurrence.number,
            local_start=_written(occurrence.local),
            reason=refused.slug.replace("-", "_"),
            alternatives=tuple(alternatives) if isinstance(alternatives, (list, tuple)) else (),
        )


async def _begin(unit: Unit, series: Series, visits: Sequence[Visit], facts: Mapping[str, bool]) -> None:
    row = {name: getattr(series, name) for name in series.__dataclass_fields__}
    await unit.session.execute(insert(SeriesRow), [{**row, "created_at": unit.now}])
    unit.audit("create", "series", series.id, patient_id=series.patient_id)
    await begin(unit, Command.BOOK, visits, facts=facts, as_one=True)
    await guests.invite_all(
        unit,
        [
            invited
            for visit in visits
            for invited in (
                (visit, ParticipantKind.CLINICIAN, visit.clinician_id),
                (visit, ParticipantKind.PATIENT, visit.patient_id),
            )
        ],
    )


async def _to_change(unit: Unit, series_id: UUID, revision: int | None) -> Series:
    series = await queries.find_series(unit, series_id, lock=True)
    if revision is not None and revision != series.revision:
        raise Stale
    return series


async def _meant(unit: Unit, series: Series, reach: Reach, occurrence: int) -> list[Visit]:
    """The visits, locked: one in whatever state it is, of several those that are to come. Raises NotFound for none."""
    visits = await queries.visits_of_series(unit, series.id, lock=True)
    to_come = [each for each in visits if each.status in TO_COME and each.starts_at > unit.now]
    match reach:
        case Reach.ONE:
            meant = [each for each in visits if each.occurrence == occurrence]
        case Reach.FOLLOWING:
            meant = [each for each in to_come if (each.occurrence or 0) >= occurrence]
        case Reach.ALL:
            meant = to_come
    if not meant:
        raise NotFound
    return meant


async def _changed(unit: Unit, series: Series, clinician_id: ClinicianId | None = None) -> Told:
    changed = replace(series, revision=series.revision + 1, changed_at=unit.now)
    if clinician_id is not None and await queries.hosts_of_series(unit, series.id) == {clinician_id}:
        changed = replace(changed, clinician_id=clinician_id)
    values = {name: getattr(changed, name) for name in ("revision", "changed_at", "clinician_id")}
    await unit.session.execute(update(SeriesRow).where(SeriesRow.id == series.id).values(values))
    unit.audit("update", "series", series.id, patient_id=series.patient_id)
    return Told(changed, await queries.visits_of_series(unit, series.id), [])


def _expanded(rrule: str, first: datetime, zone: str) -> list[Occurrence]:
    """The series from that instant on; nothing when it would be too long or none."""
    local = first.astimezone(parse_zone(zone)).replace(tzinfo=None)
    try:
        return expand(rrule, local, zone)
    except InvalidRecurrence as refused:
        if refused.extras.get("fault") in {"empty", "span", "count"}:
            return []
        raise


def _conflict(missed: Sequence[Missed]) -> SeriesConflict:
    return SeriesConflict(conflicts=[each.occurrence for each in missed], details=[each.detail() for each in missed])


def _written(local: datetime) -> str:
    return f"{local:%Y-%m-%dT%H:%M}"
