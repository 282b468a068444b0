"""Commands on availability: publish hours, except dates from them, be away, keep resources and holidays."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, literal, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries
from telehealth.scheduling.availability.checks import (
    MOST_ABSENCES,
    MOST_OVERRIDES,
    TooManyEntries,
    check_holidays,
    check_hours,
    check_override,
    check_time_off,
    check_travel,
    check_zone,
)
from telehealth.scheduling.availability.events import TimeOpened
from telehealth.scheduling.availability.models import (
    VERSIONS,
    AvailabilityRuleRow,
    HolidayCalendarRow,
    OverrideRow,
    ResourceHolidayCalendarRow,
    ResourceRow,
    TimeOffRow,
    TravelRow,
)
from telehealth.scheduling.availability.opened import opened
from telehealth.scheduling.availability.rules import (
    CLINICIAN,
    DAY,
    EPOCH_DAY,
    HolidayCalendar,
    Override,
    Resource,
    ResourceEntry,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
    segments,
    to_minute_up,
)

TOLD_AHEAD_DAYS = 90  # how far ahead anybody is told that time has opened
NEVER = 0  # the version of a clinician who has published nothing


async def publish_hours(unit: Unit, resource_id: UUID, hours: WeeklyHours, *, revision: int | None = None) -> int:
    """Replace weekly hours; visits already booked stay. Answers the new revision.

    A clinician publishes their own. Raises NotFound, InvalidHours; raises Stale when `revision` is given and is not the
    present one.
    """
    check_hours(hours)
    row, before = await _open(unit, resource_id)
    if revision is not None and revision != row.revision:
        raise Stale
    row.time_zone, row.revision, row.published_at = hours.time_zone, row.revision + 1, unit.now
    await unit.session.execute(delete(AvailabilityRuleRow).where(AvailabilityRuleRow.resource_id == resource_id))
    if hours.rules:
        await unit.session.execute(
            insert(AvailabilityRuleRow), [_rule_values(unit, resource_id, each) for each in hours.rules]
        )
    await _changed(unit, row, before, "hours")
    return row.revision


async def put_override(unit: Unit, resource_id: UUID, override: Override, *, version: int | None = None) -> int:
    """Set the hours of one date, in place of what it had. Answers the new version.

    Raises NotFound, InvalidHours, TooManyEntries, and Stale when `version` is given and is not the present one.
    """
    check_override(override)
    row, before = await _open(unit, resource_id, version)
    windows = [[each.start, each.end] for each in override.windows]
    await unit.session.execute(
        upsert(OverrideRow)
        .values(resource_id=resource_id, day=override.day, windows=windows)
        .on_conflict_do_update(index_elements=["resource_id", "day"], set_={"windows": windows})
    )
    await _check_count(unit, OverrideRow.resource_id == resource_id, OverrideRow, MOST_OVERRIDES)
    return await _changed(unit, row, before, "override")


async def drop_override(unit: Unit, resource_id: UUID, day: date, *, version: int | None = None) -> int:
    """The date has its weekly hours again. Answers the new version. Raises NotFound, Stale."""
    row, before = await _open(unit, resource_id, version)
    mine = (OverrideRow.resource_id == resource_id) & (OverrideRow.day == day)
    if await unit.session.scalar(delete(OverrideRow).where(mine).returning(OverrideRow.day)) is None:
        raise NotFound
    return await _changed(unit, row, before, "override")


async def add_time_off(unit: Unit, resource_id: UUID, away: TimeOff) -> TimeOff:
    """Close a stretch of time, for all visit types or for some; visits already booked stay.

    Raises NotFound, InvalidDates, TooManyEntries.
    """
    check_time_off(away)
    row, before = await _open(unit, resource_id)
    entered = replace(away, id=unit.new_id())
    unit.session.add(
        TimeOffRow(
            id=entered.id,
            resource_id=resource_id,
            s=away.span and away.span.start,
            e=away.span and away.span.end,
            first=away.first,
            last=away.last,
            only_types=sorted(away.only),
            reason=away.reason,
        )
    )
    await unit.session.flush()
    await _check_count(unit, TimeOffRow.resource_id == resource_id, TimeOffRow, MOST_ABSENCES)
    await _changed(unit, row, before, "time_off")
    return entered


async def remove_time_off(unit: Unit, resource_id: UUID, time_off_id: UUID) -> None:
    """Raises NotFound."""
    row, before = await _open(unit, resource_id)
    mine = (TimeOffRow.resource_id == resource_id) & (TimeOffRow.id == time_off_id)
    if await unit.session.scalar(delete(TimeOffRow).where(mine).returning(TimeOffRow.id)) is None:
        raise NotFound
    await _changed(unit, row, before, "time_off")


async def set_travel(unit: Unit, resource_id: UUID, journeys: Sequence[Travel], *, version: int | None = None) -> int:
    """Replace all journeys. Answers the new version. Raises NotFound, InvalidDates, Stale."""
    check_travel(journeys)
    row, before = await _open(unit, resource_id, version)
    await unit.session.execute(delete(TravelRow).where(TravelRow.resource_id == resource_id))
    if journeys:
        values = [
            {"resource_id": resource_id, "first": each.first, "last": each.last, "time_zone": each.time_zone}
            for each in journeys
        ]
        await unit.session.execute(insert(TravelRow), values)
    return await _changed(unit, row, before, "travel")


async def add_resource(unit: Unit, entry: ResourceEntry) -> ResourceEntry:
    """Add an interpreter, a room or another thing. Raises NotFound for a calendar there is not, InvalidHours (zone)."""
    check_zone(entry.time_zone)
    await unit.session.execute(
        insert(ResourceRow).values(
            id=entry.id,
            kind=entry.kind,
            name="",
            time_zone=entry.time_zone,
            version=VERSIONS.next_value(),
            published_at=unit.now,
        )
    )
    return await change_resource(unit, entry)


async def change_resource(unit: Unit, entry: ResourceEntry, *, version: int | None = None) -> ResourceEntry:
    """Replace name, capacity, pools, skills, calendars, and whether it is retired.

    Its kind stays, and so does its zone, which hours are published in. Raises NotFound, Stale.
    """
    row, before = await _open(unit, entry.id, version)
    row.name, row.capacity = entry.name, entry.capacity
    row.pools, row.skills = sorted(entry.pools), sorted(entry.skills)
    row.retired_at = (row.retired_at or unit.now) if entry.retired else None
    await _attach(unit, entry.id, entry.calendar_ids)
    changed = await _changed(unit, row, before, "resource")
    return replace(entry, kind=row.kind, time_zone=row.time_zone, version=changed)


async def retire_resource(unit: Unit, resource_id: UUID, *, version: int | None = None) -> None:
    """It is offered no more; what is booked stays. Raises NotFound, Stale."""
    row, before = await _open(unit, resource_id, version)
    row.retired_at = row.retired_at or unit.now
    await _changed(unit, row, before, "resource")


async def verify(unit: Unit, resource_id: UUID, until: datetime | None) -> None:
    """Say until when outside busy time is known; None: there is no outside calendar. Raises NotFound.

    A time that has passed withholds the resource from self-booking. `version` stays: timetables do not depend on it.
    """
    statement = update(ResourceRow).where(ResourceRow.id == resource_id).values(verified_until=until)
    if await unit.session.scalar(statement.returning(ResourceRow.id)) is None:
        await _open(unit, resource_id)
        await unit.session.execute(statement)


async def add_holidays(unit: Unit, calendar: HolidayCalendar) -> HolidayCalendar:
    """Add a calendar. Raises InvalidDates."""
    check_holidays(calendar)
    added = replace(calendar, days=tuple(sorted(set(calendar.days))), revision=1)
    unit.session.add(
        HolidayCalendarRow(
            id=added.id, name=added.name, everyone=added.everyone, days=list(added.days), revision=added.revision
        )
    )
    await unit.session.flush()
    await _calendar_changed(unit, added.id, added.everyone)
    return added


async def set_holidays(unit: Unit, calendar: HolidayCalendar, *, revision: int | None = None) -> HolidayCalendar:
    """Replace a calendar. Raises NotFound, InvalidDates, Stale."""
    check_holidays(calendar)
    row = await _calendar(unit, calendar.id, revision)
    concerned = row.everyone or calendar.everyone
    ended = set(row.days) - set(calendar.days if calendar.everyone or not row.everyone else ())
    row.name, row.everyone, row.days = calendar.name, calendar.everyone, sorted(set(calendar.days))
    row.revision += 1
    await unit.session.flush()
    await _calendar_changed(unit, calendar.id, concerned, ended)
    return replace(calendar, days=tuple(row.days), revision=row.revision)


async def drop_holidays(unit: Unit, calendar_id: UUID, *, revision: int | None = None) -> None:
    """Raises NotFound, Stale."""
    row = await _calendar(unit, calendar_id, revision)
    await _calendar_changed(unit, calendar_id, row.everyone, row.days)
    await unit.session.delete(row)
    await unit.session.flush()


async def _open(unit: Unit, resource_id: UUID, version: int | None = None) -> tuple[ResourceRow, Resource]:
    """The row to change, locked, and all of the resource as it is; a clinician's is made when there is none yet.

    Raises NotFound, Stale.
    """
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != resource_id:
        raise NotFound
    query = select(ResourceRow).where(ResourceRow.id == resource_id).with_for_update()
    row = await unit.session.scalar(query.execution_options(populate_existing=True))
    read = row.version if row else NEVER
    if row is None:
        await _begin(unit, ClinicianId(resource_id))
        row = await unit.session.scalar(query)
    if row is None:
        raise NotFound
    if version is not None and version != read:
        raise Stale
    return row, await queries.resource(unit, resource_id)


async def _begin(unit: Unit, clinician_id: ClinicianId) -> None:
    clinician = await people.clinician(unit, clinician_id)
    await unit.session.execute(
        upsert(ResourceRow)
        .values(
            id=clinician_id,
            clinician_id=clinician_id,
            kind=CLINICIAN,
            name="",
            time_zone=parse_zone(clinician.time_zone).key,
            version=VERSIONS.next_value(),
            published_at=unit.now,
        )
        .on_conflict_do_nothing(index_elements=["id"])
    )


async def _changed(unit: Unit, row: ResourceRow, before: Resource, what: str) -> int:
    """Give the row a version that never was, leave a trace, and tell which of a clinician's time this opens."""
    row.version = version = await unit.session.scalar(select(VERSIONS.next_value())) or 0  # it grows: the row is locked
    await unit.session.flush()
    unit.audit("update", what, row.id)
    if row.kind == CLINICIAN and (spans := opened(before, await queries.resource(unit, row.id), _ahead(unit))):
        unit.emit(TimeOpened.of(row.id, unit.now, spans))
    return version


def _ahead(unit: Unit) -> Interval[int]:
    now = to_minute_up(unit.now)
    return Interval(now, now + TOLD_AHEAD_DAYS * DAY)


async def _check_count(unit: Unit, mine: Any, table: type[OverrideRow | TimeOffRow], most: int) -> None:
    if (await unit.session.scalar(select(func.count()).select_from(table).where(mine)) or 0) > most:
        raise TooManyEntries(most=most)


async def _attach(unit: Unit, resource_id: UUID, calendar_ids: Iterable[UUID]) -> None:
    link = ResourceHolidayCalendarRow
    wanted = sorted(calendar_ids)
    await unit.session.execute(delete(link).where(link.resource_id == resource_id))
    known = select(func.count()).select_from(HolidayCalendarRow).where(HolidayCalendarRow.id.in_(wanted))
    if await unit.session.scalar(known) != len(wanted):
        raise NotFound
    if wanted:
        values = [{"resource_id": resource_id, "calendar_id": each} for each in wanted]
        await unit.session.execute(insert(link), values)


async def _calendar(unit: Unit, calendar_id: UUID, revision: int | None) -> HolidayCalendarRow:
    row = await unit.session.scalar(
        select(HolidayCalendarRow).where(HolidayCalendarRow.id == calendar_id).with_for_update()
    )
    if row is None:
        raise NotFound
    if revision is not None and revision != row.revision:
        raise Stale
    return row


async def _calendar_changed(unit: Unit, calendar_id: UUID, everyone: bool, ended: Iterable[date] = ()) -> None:
    """Whoever has the calendar has another version; days that are no holidays any more may be open to them."""
    row, link = ResourceRow, ResourceHolidayCalendarRow
    attached = row.id.in_(select(link.resource_id).where(link.calendar_id == calendar_id))
    query = select(row.id, row.kind, row.time_zone).where(or_(literal(everyone), attached))
    locked = (await unit.session.execute(query.order_by(row.id).with_for_update())).all()
    ids = [each.id for each in locked]
    await unit.session.execute(update(row).where(row.id.in_(ids)).values(version=VERSIONS.next_value()))
    ahead, days = _ahead(unit), sorted(ended)
    for resource_id, kind, zone in locked:
        pieces = [each.span for day in days for each in segments(zone, day.toordinal() - EPOCH_DAY)]
        if kind == CLINICIAN and (spans := [each for each in pieces if each.overlaps(ahead)]):
            unit.emit(TimeOpened.of(resource_id, unit.now, spans))
    unit.audit("update", "holiday_calendar", calendar_id)


def _rule_values(unit: Unit, resource_id: UUID, rule: Rule) -> dict[str, Any]:
    return {
        "id": unit.new_id(),
        "resource_id": resource_id,
        "weekday": rule.weekday,
        "start_minute": rule.start,
        "end_minute": rule.end,
        "valid_from": rule.valid_from,
        "valid_to": rule.valid_to,
        "only_types": sorted(rule.only),
        "release_before": rule.release_before,
        "staffing": rule.staffing,
    }
