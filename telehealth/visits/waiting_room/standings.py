"""Where those stand who came without a time, and about how long it takes. Reads only; staff see everyone who waits."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as booking
from telehealth.visits.escalation.rules import Subject
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import IN_CALL, OVER, Visit, VisitStatus
from telehealth.visits.waiting_room.estimates import GONE_AFTER, Estimate, Server, estimates, service_times
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.queue import AGEING, QueueEntry, Standing, in_order

AT_WORK_WITHIN = timedelta(hours=2)  # who took a patient from a queue this long ago may still serve it
OBSERVED_FOR = timedelta(days=14)
MOST_OBSERVED = 200
LOOKED_AFTER = 100
MINUTE = timedelta(minutes=1)
ROW = QueueEntryRow


async def standing(unit: Unit, entry_id: UUID) -> Standing:
    """Where an entry stands. Raises NotFound."""
    entry = await find(unit, entry_id)
    unit.audit("read", "queue_entry", entry.id, patient_id=entry.patient_id)
    return await standing_of(unit, entry)


async def everyone(unit: Unit, visit_type_id: VisitTypeId | None = None) -> list[Standing]:
    """Who waits, next first. Positions and estimates count within each kind of visit."""
    check_staff(unit)
    line = await _in_order(unit, visit_type_id)
    found: dict[UUID, Standing] = {}
    for kind in dict.fromkeys(entry.visit_type_id for entry in line):
        found |= await _standings(unit, kind, [entry for entry in line if entry.visit_type_id == kind])
    for entry in line:
        unit.audit("read", "queue_entry", entry.id, patient_id=entry.patient_id)
    return [found[entry.id] for entry in line]


async def standing_of(unit: Unit, entry: QueueEntry) -> Standing:
    if not entry.waits:
        return Standing(entry, None, None)
    line = await _in_order(unit, entry.visit_type_id)
    places = {each.id: at for at, each in enumerate(line)}
    standings = await _standings(unit, entry.visit_type_id, line[: places[entry.id] + 1], only=entry)
    return standings[entry.id]


async def find(unit: Unit, entry_id: UUID, *, lock: bool = False) -> QueueEntry:
    """An entry that is the actor's to see: any for staff, their own for who came by its link. Raises NotFound."""
    if unit.actor.role not in STAFF and (unit.actor.role is not Role.PATIENT or unit.actor.visit_id != entry_id):
        raise NotFound
    query = select(ROW).where(ROW.id == entry_id).execution_options(populate_existing=True)
    row = await unit.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound
    return entry_of(row)


async def waiting_besides(unit: Unit, known: Collection[UUID]) -> list[QueueEntry]:
    """Who waits and is not among these, longest first, so many at once, with their rows locked. No audit row."""
    query = select(ROW).where(waiting(None), ROW.id.not_in(known)).order_by(ROW.came_at, ROW.id).limit(LOOKED_AFTER)
    rows = await unit.session.scalars(query.with_for_update(skip_locked=True))
    return [entry_of(row) for row in rows]


async def over_among(unit: Unit, known: Collection[UUID]) -> set[UUID]:
    """Which of these do not wait any more."""
    still = await unit.session.scalars(select(ROW.id).where(waiting(None), ROW.id.in_(known)))
    return set(known) - set(still)


async def version(unit: Unit) -> str:
    """Changes when somebody comes into the queue, leaves it, is taken from it, is gone or is back. No audit row."""
    check_staff(unit)
    seen = select(func.count(), func.max(ROW.came_at), func.max(ROW.verified_at), func.count(ROW.dropped_at))
    ever = select(func.max(func.greatest(ROW.taken_at, ROW.left_at)))
    found = (await unit.session.execute(seen.where(waiting(None)))).one()
    last = await unit.session.scalar(ever.where(ROW.came_at > unit.now - OBSERVED_FOR))
    return "-".join(_word(each) for each in (*found, last))


def _word(each: datetime | int | None) -> str:
    return str(int(each.timestamp() * 1000) if isinstance(each, datetime) else each or 0)


async def places(unit: Unit, entries: Collection[UUID]) -> dict[UUID, str]:
    """A word for each that changes with their place, and when they are called away. One statement; no audit row."""
    line = (
        select(
            ROW.id,
            func.row_number().over(partition_by=ROW.visit_type_id, order_by=turn(unit.now)).label("place"),
            ROW.dropped_at,
        )
        .where(waiting(None))
        .subquery()
    )
    rows = await unit.session.execute(select(line).where(line.c.id.in_(entries)))
    return {entry_id: f"{place}{'' if dropped_at is None else 'a'}" for entry_id, place, dropped_at in rows}


async def _standings(
    unit: Unit, kind: VisitTypeId, line: Sequence[QueueEntry], *, only: QueueEntry | None = None
) -> dict[UUID, Standing]:
    """By entry. Who must be treated where they are is served by those who may, after those whom these serve too."""
    servers = await _servers(unit, kind, line)
    times = await _times(unit, kind)
    places = {entry.id: number for number, entry in enumerate(line, start=1)}
    found: dict[UUID, Standing] = {}
    for where in dict.fromkeys(each.jurisdiction for each in ([only] if only else line)):
        there, theirs = await _served_there(unit, line, servers, where)
        said = estimates(list(there.values()), times, len(theirs))
        for at, entry in enumerate(theirs):
            if entry.jurisdiction == where:
                found[entry.id] = Standing(entry, places[entry.id], said[at] if said else None)
    return found


Served = tuple[dict[ClinicianId, Server], list[QueueEntry]]


async def _served_there(
    unit: Unit, line: Sequence[QueueEntry], servers: dict[ClinicianId, Server], where: str | None
) -> Served:
    """Who serves patients in that place, and the patients of the line whom these may treat."""
    if where is None:
        return servers, list(line)
    able = await _able(unit, where)
    there = {each: server for each, server in servers.items() if each in able}
    theirs = {where: True, None: True}
    for each in {entry.jurisdiction for entry in line} - theirs.keys():
        theirs[each] = each is not None and not there.keys().isdisjoint(await _able(unit, each))
    return there, [entry for entry in line if theirs[entry.jurisdiction]]


async def _able(unit: Unit, where: str) -> frozenset[ClinicianId]:
    return await people.may_treat(unit, where, unit.now)


async def _in_order(unit: Unit, visit_type_id: VisitTypeId | None) -> list[QueueEntry]:
    rows = await unit.session.scalars(select(ROW).where(waiting(visit_type_id)).order_by(ROW.id))
    return in_order([entry_of(row) for row in rows], unit.now)


async def _servers(unit: Unit, kind: VisitTypeId, line: Sequence[QueueEntry]) -> dict[ClinicianId, Server]:
    """Who serves this queue, by whom they saw last: a visit that was handed over counts for who has it."""
    over = VisitRow.status.in_([status.value for status in OVER])
    last = await unit.session.execute(
        select(VisitRow.clinician_id, ROW.taken_at, case((over, func.coalesce(VisitRow.ended_at, VisitRow.changed_at))))
        .ext(distinct_on(VisitRow.clinician_id))
        .join(VisitRow, VisitRow.id == ROW.id)
        .where(ROW.visit_type_id == kind, ROW.taken_at > unit.now - AT_WORK_WITHIN)
        .order_by(VisitRow.clinician_id, ROW.taken_at.desc())
    )
    waited_from = min((entry.came_at for entry in line), default=unit.now)
    return {
        ClinicianId(clinician_id): Server((unit.now - taken_at) / MINUTE)
        if free_at is None
        else Server(None, (unit.now - max(free_at, waited_from)) / MINUTE)
        for clinician_id, taken_at, free_at in last
    }


async def estimate_of(unit: Unit, visit: Visit, *, late: int = 0) -> Estimate | None:
    """How long the patient of a booked visit waits in the waiting room; None when nobody can say.

    First comes who is in the call, then whoever is ready and was to begin earlier; never before the time that was
    booked, and as much later as the clinician says.
    """
    row = VisitRow
    earlier = and_(row.status == VisitStatus.READY, tuple_(row.starts_at, row.id) < (visit.starts_at, visit.id))
    present = row.status.in_([status.value for status in IN_CALL])
    began = func.coalesce(row.started_at, row.changed_at)
    found = await unit.session.execute(
        select(func.count().filter(earlier), func.max(began).filter(present)).where(
            row.clinician_id == visit.clinician_id, or_(earlier, present), row.id != visit.id
        )
    )
    ahead, busy_since = found.one()
    expected = visit.starts_at + late * MINUTE
    idle = (unit.now - max(expected, visit.waiting_since or expected)) / MINUTE
    server = Server(None, idle) if busy_since is None else Server((unit.now - busy_since) / MINUTE)
    said = estimates([server], await _durations(unit, visit), ahead + 1)
    return None if said is None else said[-1].after((expected - unit.now) / MINUTE)


async def _durations(unit: Unit, visit: Visit) -> tuple[float, ...]:
    """How long visits of this kind took."""
    row = VisitRow
    rows = await unit.session.execute(
        select(row.started_at, row.ended_at)
        .where(row.visit_type_id == visit.visit_type_id, row.ended_at > unit.now - OBSERVED_FOR)
        .where(row.started_at.is_not(None), row.status.in_([VisitStatus.ENDED, VisitStatus.COMPLETED]))
        .order_by(row.ended_at.desc())
        .limit(MOST_OBSERVED)
    )
    planned = (await booking.visit_type(unit, visit.visit_type_id)).minutes
    return service_times([(ended - started) / MINUTE for started, ended in rows if started and ended], planned)


async def _times(unit: Unit, kind: VisitTypeId) -> tuple[float, ...]:
    """How long patients of this queue took a clinician: until the next was taken if one waited, else until the end."""
    ended = func.coalesce(VisitRow.ended_at, VisitRow.changed_at)
    taken = (
        select(
            ROW.taken_at,
            ended.label("ended_at"),
            VisitRow.status,
            func.lead(ROW.taken_at).over(partition_by=VisitRow.clinician_id, order_by=ROW.taken_at).label("next_at"),
            func.lead(ROW.came_at).over(partition_by=VisitRow.clinician_id, order_by=ROW.taken_at).label("next_came"),
        )
        .join(VisitRow, VisitRow.id == ROW.id)
        .where(ROW.visit_type_id == kind, ROW.taken_at > unit.now - OBSERVED_FOR)
        .subquery()
    )
    pause = taken.c.next_at - taken.c.ended_at
    waited = and_(taken.c.next_came <= taken.c.ended_at, pause > timedelta(0), pause < GONE_AFTER * MINUTE)
    rows = await unit.session.execute(
        select(taken.c.taken_at, case((waited, taken.c.next_at), else_=taken.c.ended_at))
        .where(taken.c.status.in_([status.value for status in OVER]))
        .order_by(taken.c.taken_at.desc())
        .limit(MOST_OBSERVED)
    )
    planned = (await booking.visit_type(unit, kind)).minutes
    return service_times([(free_at - taken_at) / MINUTE for taken_at, free_at in rows if taken_at and free_at], planned)


def waiting(visit_type_id: VisitTypeId | None) -> ColumnElement[bool]:
    still = and_(ROW.taken_at.is_(None), ROW.left_at.is_(None))
    return still if visit_type_id is None else and_(still, ROW.visit_type_id == visit_type_id)


def turn(now: datetime) -> tuple[Any, ...]:
    """The order of queue.in_order, as the database sorts."""
    aged = ROW.since <= now - AGEING
    return (aged.desc(), case((aged, 0), else_=-ROW.priority), ROW.since, ROW.id)


def check_staff(unit: Unit) -> None:
    if unit.actor.role not in STAFF:
        raise NotFound


def entry_of(row: QueueEntryRow) -> QueueEntry:
    return QueueEntry(**{name: getattr(row, name) for name in QueueEntry.__slots__})


def about(entry: QueueEntry, since: datetime) -> Subject:
    """What an alert about who waits in the queue says."""
    return Subject(patient_id=entry.patient_id, since=since, queue_entry_id=entry.id, place=entry.jurisdiction)
