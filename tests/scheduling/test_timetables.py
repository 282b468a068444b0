"""What a process keeps of resources: never stale, never what was rolled back, one statement when something changed."""

from collections.abc import Mapping
from datetime import date, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from alembic import command
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.engine import open_engine
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.rules import Clinician
from telehealth.scheduling.availability import queries, service
from telehealth.scheduling.availability.rules import (
    DAY,
    HolidayCalendar,
    Override,
    Resource,
    ResourceEntry,
    Rule,
    TimeOff,
    Travel,
    WeeklyHours,
    openings,
)
from tests.kit.clinic import open_clinic
from tests.kit.database import Databases, alembic_config, migrate
from tests.kit.statements import statements

KIND = VisitTypeId(UUID(int=7))
BUSY_RULE = Rule(1, 540, 720, date(2026, 1, 1), date(2026, 6, 30), frozenset({KIND}), 1440, 50)
HOURS = WeeklyHours("Europe/Berlin", (BUSY_RULE, Rule(5, 1320, DAY + 360)))
SHORT_DAY = Override(date(2026, 3, 4), (Interval(600, 720), Interval(1320, DAY + 60)))
SPRING = Interval(29_539_000, 29_548_000)


class Undone(Exception):
    """Rolls a transaction back."""


async def read(unit: Unit) -> Mapping[UUID, Resource]:
    stamp = await unit.session.scalar(select(queries.stamp()))
    assert stamp is not None
    return await queries.timetables(unit, stamp)


async def add_clinician(unit: Unit) -> Clinician:
    return await people.add_clinician(
        unit, given="Eve", family="Okafor", email="e@c.example", time_zone="Europe/Berlin"
    )


async def test_everything_that_was_entered_comes_back(unit_of_work: UnitOfWork) -> None:
    async def enter(unit: Unit) -> UUID:
        own = (await add_clinician(unit)).id
        assert await service.publish_hours(unit, own, HOURS) == 1
        await service.put_override(
            unit, own, Override(date(2026, 3, 4), (Interval(600, 720), Interval(1320, DAY + 60)))
        )
        await service.put_override(unit, own, Override(date(2026, 3, 5)))
        await service.add_time_off(unit, own, TimeOff(Interval(29_540_000, 29_541_000), only=frozenset({KIND})))
        await service.add_time_off(unit, own, TimeOff(first=date(2026, 4, 1), last=date(2026, 4, 2), reason="congress"))
        await service.set_travel(unit, own, [Travel(date(2026, 5, 1), date(2026, 5, 3), "Asia/Dubai")])
        away = HolidayCalendar(unit.new_id(), "Berlin", False, (date(2026, 3, 8), date(2026, 3, 8)))
        await service.add_holidays(unit, away)
        await service.add_holidays(unit, HolidayCalendar(unit.new_id(), "Everyone", True, (date(2026, 1, 1),)))
        await service.add_holidays(unit, HolidayCalendar(unit.new_id(), "Other", False, (date(2026, 1, 2),)))
        entry = ResourceEntry(
            id=own,
            kind="clinician",
            name="",
            time_zone="Europe/Berlin",
            pools=frozenset({"cardiology"}),
            skills=frozenset({"es", "de"}),
            calendar_ids=frozenset({away.id}),
        )
        await service.change_resource(unit, entry)
        return own

    own = await unit_of_work.run(enter)
    found = (await unit_of_work.run(read))[own]
    assert (found.kind, found.time_zone, found.capacity, found.retired) == ("clinician", "Europe/Berlin", 1, False)
    assert (found.pools, found.skills) == (frozenset({"cardiology"}), frozenset({"es", "de"}))
    assert found.rules == HOURS.rules
    assert found.overrides == (
        SHORT_DAY,
        Override(date(2026, 3, 5)),
    )
    assert {(each.span, each.first, each.last, each.only) for each in found.time_off} == {
        (Interval(29_540_000, 29_541_000), None, None, frozenset({KIND})),
        (None, date(2026, 4, 1), date(2026, 4, 2), frozenset()),
    }
    assert found.travel == (Travel(date(2026, 5, 1), date(2026, 5, 3), "Asia/Dubai"),)
    assert found.holidays == {date(2026, 3, 8), date(2026, 1, 1)}
    assert (await unit_of_work.run(queries.resource, SYSTEM, own)).rules == found.rules


async def test_one_statement_reads_what_changed_and_keeps_the_rest(unit_of_work: UnitOfWork) -> None:
    async def add(unit: Unit) -> tuple[UUID, UUID]:
        first, second = (await add_clinician(unit)).id, (await add_clinician(unit)).id
        await service.publish_hours(unit, first, HOURS)
        await service.publish_hours(unit, second, HOURS)
        return first, second

    first, second = await unit_of_work.run(add)
    before = await unit_of_work.run(read)
    with statements(unit_of_work) as seen:
        assert await unit_of_work.run(read) is before
    assert len(seen) == 1  # the stamp itself
    await unit_of_work.run(service.put_override, SYSTEM, second, Override(date(2026, 3, 2)))
    with statements(unit_of_work) as seen:
        after = await unit_of_work.run(read)
    assert len(seen) == 2
    assert after[first] is before[first]
    assert after[second].version > before[second].version
    assert openings(after[second], SPRING) != openings(before[second], Interval(29_539_000, 29_548_000))


async def test_what_was_rolled_back_is_never_kept(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic)
    own = clinic.clinician.id
    before = await unit_of_work.run(read)

    async def close_and_fail(unit: Unit) -> None:
        await service.put_override(unit, own, Override(date(2026, 3, 3)))
        assert len((await read(unit))[own].overrides) == 1  # one's own writes are seen
        assert len((await read(unit))[own].overrides) == 1
        raise Undone

    with pytest.raises(Undone):
        await unit_of_work.run(close_and_fail)
    assert await unit_of_work.run(read) is before
    undone = await unit_of_work.run(version_of, SYSTEM, own)
    await unit_of_work.run(service.put_override, SYSTEM, own, Override(date(2026, 3, 4)))
    assert await unit_of_work.run(version_of, SYSTEM, own) > undone + 1  # the version drawn in vain is not used again
    assert [each.day for each in (await unit_of_work.run(read))[own].overrides] == [date(2026, 3, 4)]


async def test_a_change_by_another_process_is_seen_at_once(unit_of_work: UnitOfWork, database: str) -> None:
    clinic = await unit_of_work.run(open_clinic)
    other_engine = open_engine(database)
    other = UnitOfWork(other_engine, unit_of_work.clock, unit_of_work.vault, {}, unit_of_work.nudge)
    own = clinic.clinician.id
    for day in range(1, 4):
        await other.run(service.put_override, SYSTEM, own, Override(date(2026, 3, day)))
        assert len((await unit_of_work.run(read))[own].overrides) == day
        assert len((await other.run(read))[own].overrides) == day
    await other_engine.dispose()


async def test_an_outside_calendar_that_is_late(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic)
    own = clinic.clinician.id

    async def late(unit: Unit) -> frozenset[UUID]:
        stamp = await unit.session.scalar(select(queries.stamp()))
        assert stamp is not None
        return queries.unverified(stamp)

    before = await unit_of_work.run(read)
    now = unit_of_work.clock.now()
    assert await unit_of_work.run(late) == frozenset()
    await unit_of_work.run(service.verify, SYSTEM, own, now - timedelta(days=3650))
    assert await unit_of_work.run(late) == {own}
    assert await unit_of_work.run(read) is before
    await unit_of_work.run(service.verify, SYSTEM, own, now + timedelta(days=36500))
    assert await unit_of_work.run(late) == frozenset()
    await unit_of_work.run(service.verify, SYSTEM, own, None)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.verify, SYSTEM, UUID(int=9), None)


async def test_holidays_of_everyone_change_everyone(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic)
    own = clinic.clinician.id
    day = date(2026, 3, 3)
    calendar = HolidayCalendar(UUID(int=5), "Organisation", True, (day,))
    await unit_of_work.run(service.add_holidays, SYSTEM, calendar)
    assert (await unit_of_work.run(read))[own].holidays == {day}
    moved = HolidayCalendar(UUID(int=5), "Organisation", False, (day,))
    assert (await unit_of_work.run(service.set_holidays, SYSTEM, moved, revision=1)).revision == 2
    assert (await unit_of_work.run(read))[own].holidays == set()
    with pytest.raises(Stale):
        await unit_of_work.run(service.set_holidays, SYSTEM, moved, revision=1)
    await unit_of_work.run(service.set_holidays, SYSTEM, calendar)
    await unit_of_work.run(service.drop_holidays, SYSTEM, calendar.id)
    assert (await unit_of_work.run(read))[own].holidays == set()


async def test_a_room_is_added_and_retired(unit_of_work: UnitOfWork) -> None:
    async def add(unit: Unit) -> UUID:
        room = ResourceEntry(id=unit.new_id(), kind="room", name="Room 2", time_zone="UTC", capacity=3)
        return (await service.add_resource(unit, room)).id

    room = await unit_of_work.run(add)
    found = (await unit_of_work.run(read))[room]
    assert (found.kind, found.name, found.capacity, found.retired) == ("room", "Room 2", 3, False)
    await unit_of_work.run(service.publish_hours, SYSTEM, room, HOURS)
    with pytest.raises(Stale):
        await unit_of_work.run(service.retire_resource, SYSTEM, room, version=found.version)
    await unit_of_work.run(service.retire_resource, SYSTEM, room)
    assert (await unit_of_work.run(read))[room].retired


async def version_of(unit: Unit, resource_id: UUID) -> int:
    return (await queries.resource(unit, resource_id)).version


def test_published_hours_survive_the_move_and_the_way_back(databases: Databases) -> None:
    url = databases.create_empty()
    migrate(url, "0004")
    own = UUID(int=2)
    with psycopg.connect(url) as connection:
        connection.execute(
            "INSERT INTO clinician VALUES (%s, 'Ada', 'Lindqvist', 'Dr.', 'a@c.example', 'UTC', '{en}', now())", [own]
        )
        connection.execute("INSERT INTO hours VALUES (%s, 'Europe/Berlin', 4, now())", [own])
        connection.execute("INSERT INTO availability_rule VALUES (%s, %s, 5, 1320, 1800)", [UUID(int=3), own])
    kept = "SELECT time_zone, revision, weekday, start_minute, end_minute FROM {} JOIN availability_rule r ON r.{} = {}"
    migrate(url)
    moved = kept.format("resource", "resource_id", "resource.id")
    back = kept.format("hours", "clinician_id", "hours.clinician_id")
    with psycopg.connect(url) as connection:
        assert connection.execute(moved.encode()).fetchall() == [("Europe/Berlin", 4, 5, 1320, 1800)]
        room = [UUID(int=4)]
        connection.execute(
            "INSERT INTO resource (id, kind, name, time_zone, version, published_at)"
            " VALUES (%s, 'room', 'Room 2', 'UTC', 9, now())",
            room,
        )
        connection.execute(
            "INSERT INTO availability_rule (id, resource_id, weekday, start_minute, end_minute)"
            " VALUES (%s, %s, 1, 0, 60)",
            [UUID(int=5), *room],
        )
    command.downgrade(alembic_config(url), "0004")
    with psycopg.connect(url) as connection:
        assert connection.execute(back.encode()).fetchall() == [("Europe/Berlin", 4, 5, 1320, 1800)]
    migrate(url)
