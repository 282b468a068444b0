"""What staff tell those who wait: a message to one of them, and to everyone by how much a clinician is late."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import func, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.models import VisitRow
from telehealth.visits.lifecycle.rules import WAITING, VisitStatus
from telehealth.visits.waiting_room import standings
from telehealth.visits.waiting_room.events import ClinicianLate, PatientTold
from telehealth.visits.waiting_room.models import RunningLateRow, WaitingMessageRow
from telehealth.visits.waiting_room.queue import (
    LATE_FOR,
    MOST_TOLD,
    TOLD_AHEAD,
    TOLD_FOR,
    Late,
    MessageCode,
    NotWaiting,
    Told,
)

TO_BE_TOLD = WAITING | {VisitStatus.BOOKED}


async def say_late(unit: Unit, clinician_id: ClinicianId, minutes: int) -> int:
    """The clinician is late by so many minutes; 0 takes it back. Answers how many patients it is told to.

    A clinician says it of themselves, the front desk of anyone. Raises NotFound.
    """
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        raise NotFound
    standings.check_staff(unit)
    await people.clinician(unit, clinician_id)
    said = {"minutes": minutes, "said_at": unit.now, "until": unit.now + LATE_FOR}
    row = upsert(RunningLateRow).values(clinician_id=clinician_id, **said)
    await unit.session.execute(row.on_conflict_do_update(index_elements=["clinician_id"], set_=said))
    unit.audit("update", "running_late", clinician_id)
    unit.emit(ClinicianLate(clinician_id=clinician_id, minutes=minutes))
    found = await concerned(unit, clinician_id)
    for visit_id in found:
        unit.emit(PatientTold(visit_id=visit_id))
    return len(found)


async def concerned(unit: Unit, clinician_id: ClinicianId) -> list[VisitId]:
    """Visits of that clinician whose patients wait, or that begin soon. Leaves no audit row."""
    soon = or_(VisitRow.status != VisitStatus.BOOKED, VisitRow.starts_at < unit.now + TOLD_AHEAD)
    found = await unit.session.scalars(
        select(VisitRow.id).where(
            VisitRow.clinician_id == clinician_id,
            VisitRow.status.in_([status.value for status in TO_BE_TOLD]),
            VisitRow.closes_at > unit.now,
            soon,
        )
    )
    return [VisitId(each) for each in found]


async def late_of(unit: Unit, clinician_id: ClinicianId) -> Late | None:
    """By how much the clinician is late now, if they are."""
    row = RunningLateRow
    query = select(row).where(row.clinician_id == clinician_id, row.until > unit.now, row.minutes > 0)
    found = await unit.session.scalar(query.execution_options(populate_existing=True))
    return None if found is None else Late(found.minutes, found.said_at)


async def late_marks(unit: Unit) -> dict[UUID, str]:
    """By clinician who is late now: changes whenever they say by how much. Leaves no audit row."""
    row = RunningLateRow
    found = await unit.session.execute(select(row.clinician_id, row.said_at).where(row.until > unit.now))
    return {clinician_id: f"l{int(at.timestamp() * 1000)}" for clinician_id, at in found}


async def say(unit: Unit, visit_id: UUID, *, code: MessageCode | None = None, words: str = "") -> None:
    """A message to who waits for this visit or in the queue: a code, or else words. Raises NotFound, NotWaiting."""
    standings.check_staff(unit)
    patient_id = await _waits_for(unit, visit_id)
    message_id = unit.new_id()
    sealed = None if code else unit.vault.seal(("waiting_message", "words", message_id), words)
    values = {"id": message_id, "visit_id": visit_id, "said_at": unit.now, "said_by": unit.actor.id}
    await unit.session.execute(insert(WaitingMessageRow), {**values, "code": code, "words": sealed})
    unit.audit("create", "waiting_message", message_id, patient_id=patient_id)
    unit.emit(PatientTold(visit_id=VisitId(visit_id)))


async def _waits_for(unit: Unit, visit_id: UUID) -> UUID:
    try:
        visit = await visits.find(unit, visit_id)
    except NotFound:
        entry = await standings.find(unit, visit_id)
        if not entry.waits:
            raise NotWaiting from None
        return entry.patient_id
    if visit.status not in TO_BE_TOLD or unit.now < visit.starts_at - TOLD_AHEAD:
        raise NotWaiting
    return visit.patient_id


async def told(unit: Unit, visit_id: UUID) -> list[Told]:
    """The last messages to who waits for this visit, which the caller has opened; the newest first."""
    row = WaitingMessageRow
    recent = select(row).where(row.visit_id == visit_id, row.said_at > unit.now - TOLD_FOR)
    rows = await unit.session.scalars(recent.order_by(row.said_at.desc(), row.id.desc()).limit(MOST_TOLD))
    return [
        Told(
            said_at=each.said_at,
            code=None if each.code is None else MessageCode(each.code),
            words="" if each.words is None else unit.vault.open(("waiting_message", "words", each.id), each.words),
        )
        for each in rows
    ]


async def told_versions(unit: Unit, visit_ids: Collection[UUID]) -> dict[UUID, str]:
    """Changes with every message to a visit's patient, and whenever its clinician says how late they are; nothing for
    those of whom nothing was said. Leaves no audit row.
    """
    late, message = RunningLateRow, WaitingMessageRow
    said = await unit.session.execute(
        select(message.visit_id, func.max(message.said_at))
        .where(message.visit_id.in_(visit_ids))
        .group_by(message.visit_id)
    )
    lateness = await unit.session.execute(
        select(VisitRow.id, late.said_at)
        .join(late, late.clinician_id == VisitRow.clinician_id)
        .where(VisitRow.id.in_(visit_ids), late.until > unit.now)
    )
    found: dict[UUID, str] = {}
    for mark, rows in (("m", said), ("l", lateness)):
        for visit_id, at in rows:
            found[visit_id] = f"{found.get(visit_id, '')}-{mark}{int(at.timestamp() * 1000)}"
    return found
