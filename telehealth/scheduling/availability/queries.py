"""Resources as they are published; a process keeps what it has read of them until a version changes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Row,
    ScalarSelect,
    Select,
    Uuid,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute

from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.models import (
    AvailabilityRuleRow,
    HolidayCalendarRow,
    OverrideRow,
    ResourceHolidayCalendarRow,
    ResourceRow,
    TimeOffRow,
    TravelRow,
)
from telehealth.scheduling.availability.rules import (
    ANY_TYPE,
    HolidayCalendar,
    Override,
    Resource,
    ResourceEntry,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
)


@dataclass(frozen=True, slots=True)
class PublishedHours:
    """`revision` counts publications; 0 when nothing was ever published."""

    hours: WeeklyHours
    revision: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All resources at one moment: how many, the sum of their versions, and themselves by id."""

    count: int
    total: int
    resources: Mapping[UUID, Resource]


MOST_RESOURCES = 5_000
NOTHING = Snapshot(0, 0, MappingProxyType({}))
SNAPSHOTS: WeakKeyDictionary[Any, Snapshot] = WeakKeyDictionary()  # by engine: a process may serve several databases


def stamp() -> ScalarSelect[Any]:
    """What tells whether resources have changed, as one JSON column for any statement: [how many there are, the sum of
    their versions, how many this very transaction has written, ids of those whose outside calendar is unverified].

    Rows are never deleted and their versions only grow, so count and sum stand for the whole.
    """
    row = ResourceRow
    own = func.count().filter(literal_column("resource.xmin = pg_current_xact_id_if_assigned()::xid"))
    late = func.json_agg(row.id).filter(row.verified_until <= func.now())
    return (
        select(func.json_build_array(func.count(), func.coalesce(func.sum(row.version), 0), own, late))
        .select_from(row)
        .correlate(None)
        .scalar_subquery()
    )


def unverified(stamp: Sequence[Any]) -> frozenset[UUID]:
    """The resources whose outside calendar could not be read in time."""
    return frozenset(UUID(each) for each in stamp[3] or ())


async def timetables(unit: Unit, stamp: Sequence[Any]) -> Mapping[UUID, Resource]:
    """Every resource by id, retired ones too; `stamp` is the value of `stamp()` read in this transaction.

    No statement when this process has read them at that stamp, else one that reads what changed. What this
    transaction itself has written is in the answer and stays out of what the process keeps: it may be rolled back.
    """
    engine = unit.session.get_bind()
    known = SNAPSHOTS.get(engine, NOTHING)
    count, total, own_writes = stamp[:3]
    if not own_writes and (count, total) == (known.count, known.total):
        return known.resources
    fresh = await _reload(unit, known)
    if not own_writes:
        SNAPSHOTS[engine] = fresh
    return fresh.resources


async def _reload(unit: Unit, known: Snapshot) -> Snapshot:
    rows = (await unit.session.execute(_changes(known))).all()
    head = rows[0]
    resources = {each: known.resources[each] for each in known.resources.keys() - {UUID(gone) for gone in head.gone}}
    resources |= {row.id: _to_resource(row) for row in rows if row.id is not None}
    return Snapshot(head.count, head.total, MappingProxyType(resources))


def _changes(known: Snapshot) -> Select[Any]:
    """One row at least: how many there are and which known ones are gone; beside it each that is new or changed."""
    ids, versions = list(known.resources), [each.version for each in known.resources.values()]
    have = func.unnest(cast(ids, ARRAY(Uuid)), cast(versions, ARRAY(BigInteger))).table_valued("id", "version")
    have_now = have.render_derived("have")
    row = ResourceRow
    same = (have_now.c.id == row.id) & (have_now.c.version == row.version)
    new = select(row).join(have_now, same, isouter=True).where(have_now.c.id.is_(None)).subquery("new")
    had = have.render_derived("had")
    gone = select(func.coalesce(func.json_agg(had.c.id), literal_column("'[]'::json"))).where(
        had.c.id.not_in(select(row.id))
    )
    head = (
        select(
            func.count().label("count"),
            cast(func.coalesce(func.sum(row.version), 0), BigInteger).label("total"),
            gone.scalar_subquery().label("gone"),
        )
        .select_from(row)
        .subquery("head")
    )
    parts = [part.label(name) for name, part in _parts(new.c.id).items()]
    return select(head, new, *parts).select_from(head).join(new, true(), isouter=True)


def _parts(resource_id: ColumnElement[UUID] | InstrumentedAttribute[UUID]) -> Mapping[str, ScalarSelect[Any]]:
    """What hangs on a resource, each kind as a JSON list of lists."""
    rule, override, off, travel = AvailabilityRuleRow, OverrideRow, TimeOffRow, TravelRow
    calendar, attached = HolidayCalendarRow, ResourceHolidayCalendarRow
    here = select(attached.calendar_id).where(attached.resource_id == resource_id)
    return {
        "rules": _listed(
            rule.resource_id == resource_id,
            rule.weekday,
            rule.start_minute,
            rule.end_minute,
            rule.valid_from,
            rule.valid_to,
            rule.only_types,
            rule.release_before,
            rule.staffing,
        ),
        "overrides": _listed(override.resource_id == resource_id, override.day, override.windows),
        "time_off": _listed(off.resource_id == resource_id, off.s, off.e, off.first, off.last, off.only_types, off.id),
        "travel": _listed(travel.resource_id == resource_id, travel.first, travel.last, travel.time_zone),
        "holidays": select(func.json_agg(calendar.days))
        .where(calendar.everyone | calendar.id.in_(here))
        .scalar_subquery(),
    }


def _listed(where: ColumnElement[bool], *columns: InstrumentedAttribute[Any]) -> ScalarSelect[Any]:
    one = func.json_build_array(*columns)
    return select(func.json_agg(aggregate_order_by(one, *columns[:3]))).where(where).scalar_subquery()


def _to_resource(row: Row[Any]) -> Resource:
    return Resource(
        id=row.id,
        kind=row.kind,
        name=row.name,
        time_zone=row.time_zone,
        version=row.version,
        capacity=row.capacity,
        pools=frozenset(row.pools),
        skills=frozenset(row.skills),
        retired=row.retired_at is not None,
        rules=tuple(_to_rule(each) for each in row.rules or ()),
        overrides=tuple(to_override(_date(day), windows) for day, windows in row.overrides or ()),
        time_off=tuple(_to_time_off(each) for each in row.time_off or ()),
        travel=tuple(Travel(_date(first), _date(last), zone) for first, last, zone in row.travel or ()),
        holidays=frozenset(_date(day) for days in row.holidays or () for day in days),
    )


def _to_rule(columns: Sequence[Any]) -> Rule:
    weekday, start, end, first, last, only, release_before, staffing = columns
    return Rule(weekday, start, end, _date_or_none(first), _date_or_none(last), _types(only), release_before, staffing)


def _to_time_off(columns: Sequence[Any]) -> TimeOff:
    """Without its reason, which no timetable needs."""
    start, end, first, last, only, own_id = columns
    span = None if start is None else Interval(start, end)
    return TimeOff(span, _date_or_none(first), _date_or_none(last), _types(only), id=UUID(own_id))


def to_override(day: date, windows: Iterable[Sequence[int]]) -> Override:
    return Override(day, tuple(Interval(start, end) for start, end in windows))


def _types(ids: Sequence[str]) -> frozenset[VisitTypeId]:
    return frozenset(VisitTypeId(UUID(each)) for each in ids) if ids else ANY_TYPE


def _date(text: str) -> date:
    return date.fromisoformat(text)


def _date_or_none(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


async def resource(unit: Unit, resource_id: UUID) -> Resource:
    """One resource as it is in the database now. Raises NotFound. One statement."""
    row = ResourceRow
    parts = [part.label(name) for name, part in _parts(row.id).items()]
    found = (await unit.session.execute(select(*row.__table__.c, *parts).where(row.id == resource_id))).one_or_none()
    if found is None:
        raise NotFound
    return _to_resource(found)


async def resources(unit: Unit) -> list[ResourceEntry]:
    """Everyone and everything that can be booked, by kind and name, with the calendars attached to each."""
    row, attached = ResourceRow, ResourceHolidayCalendarRow
    calendars = select(func.array_agg(attached.calendar_id)).where(attached.resource_id == row.id).scalar_subquery()
    found = await unit.session.execute(
        select(row, calendars).order_by(row.kind, row.name, row.id).limit(MOST_RESOURCES)
    )
    return [to_entry(each, ids or ()) for each, ids in found]


def to_entry(row: ResourceRow, calendar_ids: Iterable[UUID]) -> ResourceEntry:
    return ResourceEntry(
        id=row.id,
        kind=row.kind,
        name=row.name,
        time_zone=row.time_zone,
        capacity=row.capacity,
        pools=frozenset(row.pools),
        skills=frozenset(row.skills),
        calendar_ids=frozenset(calendar_ids),
        retired=row.retired_at is not None,
        version=row.version,
    )


async def hours(unit: Unit, resource_id: UUID) -> PublishedHours | None:
    """Weekly hours; None when none were published yet. One statement."""
    row = ResourceRow
    found = await unit.session.execute(
        select(row.time_zone, row.revision, _parts(row.id)["rules"]).where(row.id == resource_id, row.revision > 0)
    )
    for zone, revision, rules in found:
        return PublishedHours(WeeklyHours(zone, tuple(map(_to_rule, rules or ()))), revision)
    return None


async def time_off(unit: Unit, resource_id: UUID) -> list[TimeOff]:
    """Absences with their reasons, the first one first."""
    rows = await unit.session.scalars(select(TimeOffRow).where(TimeOffRow.resource_id == resource_id))
    return sorted(map(to_time_off, rows), key=lambda each: each.begins)


def to_time_off(row: TimeOffRow) -> TimeOff:
    span = None if row.s is None or row.e is None else Interval(row.s, row.e)
    only = frozenset(map(VisitTypeId, row.only_types))
    return TimeOff(span, row.first, row.last, only, row.reason, row.id)


async def holiday_calendars(unit: Unit) -> list[HolidayCalendar]:
    """By name."""
    rows = await unit.session.scalars(
        select(HolidayCalendarRow).order_by(HolidayCalendarRow.name, HolidayCalendarRow.id)
    )
    return [to_holiday_calendar(row) for row in rows]


async def holiday_calendar(unit: Unit, calendar_id: UUID) -> HolidayCalendar:
    """Raises NotFound."""
    row = await unit.session.get(HolidayCalendarRow, calendar_id)
    if row is None:
        raise NotFound
    return to_holiday_calendar(row)


def to_holiday_calendar(row: HolidayCalendarRow) -> HolidayCalendar:
    return HolidayCalendar(row.id, row.name, row.everyone, tuple(row.days), row.revision)
