"""The queue of those who came without a time: join it, be taken from it, and where one stands. Orders as queue.py says.

Staff see everyone who waits; each use of a patient's entry leaves its audit row.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, insert, or_, select, update

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.jurisdictions import zones_of
from telehealth.people.licensing import UnfitPlace, may_treat
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import IN_CALL
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.queue import (
    AGEING,
    NobodyWaits,
    QueueEntry,
    QueueLeft,
    Standing,
    in_order,
    minutes_until,
    since_after_return,
)

AT_WORK_WITHIN = timedelta(hours=1)  # who took a patient from a queue this long ago still serves it
ROW = QueueEntryRow


async def enqueue(
    unit: Unit,
    *,
    patient_id: PatientId,
    visit_type_id: VisitTypeId,
    jurisdiction: str | None = None,
    priority: int = 0,
) -> Standing:
    """At the end of the patient's priority.

    Raises NotFound, AlreadyQueued, UnfitPlace; LocationRequired without a place for what needs a licence there.
    """
    _check_place(jurisdiction)
    patient = await people.patient(unit, patient_id)
    kind = await booking.visit_type(unit, visit_type_id)
    if kind.needs_licence and jurisdiction is None:
        raise LocationRequired
    entry = QueueEntry(
        id=unit.new_id(),
        patient_id=patient.id,
        visit_type_id=kind.id,
        jurisdiction=jurisdiction,
        priority=priority,
        came_at=unit.now,
        since=unit.now,
        dropped_at=None,
        taken_at=None,
        taken_by=None,
        left_at=None,
    )
    values = {name: getattr(entry, name) for name in QueueEntry.__slots__}
    await unit.session.execute(insert(ROW), values)
    _note(unit, "create", entry)
    return await _standing(unit, entry)


async def take_next(unit: Unit, visit_type_id: VisitTypeId | None = None) -> QueueEntry:
    """The clinician's next patient, of one kind of visit or of any; of two who ask at once each gets another.

    Passes over who may not be treated by this clinician and whose connection is gone: they keep their place. Raises
    NobodyWaits.
    """
    if unit.actor.role is not Role.CLINICIAN or unit.actor.person_id is None:
        raise NotFound
    clinician_id = ClinicianId(unit.actor.person_id)
    fits = [_waiting(visit_type_id), ROW.dropped_at.is_(None), await _may_treat(unit, clinician_id)]
    taken = await unit.session.scalar(
        select(ROW.id).where(*fits).order_by(*_turn(unit.now)).limit(1).with_for_update(skip_locked=True)
    )
    if taken is None:
        raise NobodyWaits
    return await _set(unit, taken, taken_at=unit.now, taken_by=clinician_id)


async def leave(unit: Unit, entry_id: UUID) -> QueueEntry:
    """The patient does not want to wait any longer. Leaving again changes nothing. Raises NotFound, QueueLeft."""
    entry = await _find(unit, entry_id, lock=True)
    if entry.taken_at is not None:
        raise QueueLeft
    return entry if entry.left_at is not None else await _set(unit, entry_id, left_at=unit.now)


async def drop(unit: Unit, entry_id: UUID) -> QueueEntry:
    """The patient's connection is gone: nobody takes them until they are back. Raises NotFound, QueueLeft."""
    entry = await _find_waiting(unit, entry_id)
    return entry if entry.dropped_at is not None else await _set(unit, entry_id, dropped_at=unit.now)


async def come_back(unit: Unit, entry_id: UUID) -> QueueEntry:
    """Within the grace time in the same place, later behind their equals. Raises NotFound, QueueLeft."""
    entry = await _find_waiting(unit, entry_id)
    if entry.dropped_at is None:
        return entry
    since = since_after_return(entry.since, entry.dropped_at, unit.now)
    return await _set(unit, entry_id, since=since, dropped_at=None)


async def standing(unit: Unit, entry_id: UUID) -> Standing:
    """Where an entry stands. Raises NotFound."""
    entry = await _find(unit, entry_id)
    unit.audit("read", "queue_entry", entry.id, patient_id=entry.patient_id)
    return await _standing(unit, entry)


async def everyone(unit: Unit, visit_type_id: VisitTypeId | None = None) -> list[Standing]:
    """Who waits, next first. Positions and minutes count within each kind of visit."""
    _check_staff(unit)
    waiting = await _in_order(unit, visit_type_id)
    found = []
    for kind in dict.fromkeys(entry.visit_type_id for entry in waiting):
        line = [entry for entry in waiting if entry.visit_type_id == kind]
        found += await _standings(unit, kind, line)
    for each in found:
        unit.audit("read", "queue_entry", each.entry.id, patient_id=each.entry.patient_id)
    places = {entry.id: place for place, entry in enumerate(waiting)}
    return sorted(found, key=lambda each: places[each.entry.id])


async def _standing(unit: Unit, entry: QueueEntry) -> Standing:
    line = await _in_order(unit, entry.visit_type_id)
    of_line = await _standings(unit, entry.visit_type_id, line)
    return next((each for each in of_line if each.entry.id == entry.id), Standing(entry, None, None))


async def _standings(unit: Unit, kind: VisitTypeId, line: Sequence[QueueEntry]) -> list[Standing]:
    mean = (await booking.visit_type(unit, kind)).minutes
    remaining = await _remaining(unit, kind, mean)
    return [Standing(entry, n, minutes_until(n, remaining, mean)) for n, entry in enumerate(line, start=1)]


async def _in_order(unit: Unit, visit_type_id: VisitTypeId | None) -> list[QueueEntry]:
    rows = await unit.session.scalars(select(ROW).where(_waiting(visit_type_id)).order_by(ROW.id))
    return in_order([_entry_of(row) for row in rows], unit.now)


async def _remaining(unit: Unit, kind: VisitTypeId, mean: int) -> list[float]:
    """For each clinician who serves this queue, the minutes until they are free."""
    in_call = (VisitRow.clinician_id == ROW.taken_by) & VisitRow.status.in_([status.value for status in IN_CALL])
    rows = await unit.session.execute(
        select(ROW.taken_by, VisitRow.ends_at, ROW.taken_at)
        .join(VisitRow, in_call, isouter=True)
        .where(ROW.visit_type_id == kind, ROW.taken_at > unit.now - AT_WORK_WITHIN)
        .order_by(ROW.taken_at)
    )
    free_at: dict[Any, datetime] = {}
    for clinician_id, ends_at, taken_at in rows:
        if taken_at is not None:
            free_at[clinician_id] = ends_at or taken_at + timedelta(minutes=mean)
    return [max((each - unit.now) / timedelta(minutes=1), 0.0) for each in free_at.values()]


async def _may_treat(unit: Unit, clinician_id: ClinicianId) -> ColumnElement[bool]:
    """Where nobody asked for the place, anyone; else who is licensed there now."""
    held = await people.licences(unit, clinician_id)
    places = {each.jurisdiction for each in held if may_treat(held, each.jurisdiction, unit.now)}
    return or_(ROW.jurisdiction.is_(None), ROW.jurisdiction.in_(places))


def _waiting(visit_type_id: VisitTypeId | None) -> ColumnElement[bool]:
    still = and_(ROW.taken_at.is_(None), ROW.left_at.is_(None))
    return still if visit_type_id is None else and_(still, ROW.visit_type_id == visit_type_id)


def _turn(now: datetime) -> tuple[Any, ...]:
    """The order of queue.in_order, as the database sorts."""
    aged = ROW.since <= now - AGEING
    return (aged.desc(), case((aged, 0), else_=-ROW.priority), ROW.since, ROW.id)


async def _find_waiting(unit: Unit, entry_id: UUID) -> QueueEntry:
    entry = await _find(unit, entry_id, lock=True)
    if entry.taken_at is not None or entry.left_at is not None:
        raise QueueLeft
    return entry


async def _find(unit: Unit, entry_id: UUID, *, lock: bool = False) -> QueueEntry:
    _check_staff(unit)
    query = select(ROW).where(ROW.id == entry_id).execution_options(populate_existing=True)
    row = await unit.session.scalar(query.with_for_update() if lock else query)
    if row is None:
        raise NotFound
    return _entry_of(row)


def _check_place(jurisdiction: str | None) -> None:
    if jurisdiction is not None:
        try:
            zones_of(jurisdiction)
        except ValueError:
            raise UnfitPlace from None


def _check_staff(unit: Unit) -> None:
    if unit.actor.role not in STAFF:
        raise NotFound


async def _set(unit: Unit, entry_id: UUID, **values: Any) -> QueueEntry:
    query = update(ROW).where(ROW.id == entry_id).values(values).returning(ROW)
    row = (await unit.session.scalars(query, execution_options={"populate_existing": True})).one()
    entry = _entry_of(row)
    _note(unit, "update", entry)
    return entry


def _note(unit: Unit, action: str, entry: QueueEntry) -> None:
    unit.audit(action, "queue_entry", entry.id, patient_id=entry.patient_id)
    unit.emit(QueueMoved(entry_id=entry.id))


def _entry_of(row: QueueEntryRow) -> QueueEntry:
    return QueueEntry(**{name: getattr(row, name) for name in QueueEntry.__slots__})
