"""The queue of those who came without a time: join it, leave it, come back to it, be taken from it.

Staff act on everyone who waits, who came by a link on their own entry; each use leaves its audit row.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, or_, select, update

from telehealth.access import guests as access
from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, ParticipantId, PatientId, VisitId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.jurisdictions import zones_of
from telehealth.people.licensing import UnfitPlace, may_treat
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.escalation import service as escalation
from telehealth.visits.lifecycle import attendance
from telehealth.visits.lifecycle.joining import LAST_PAGE
from telehealth.visits.waiting_room import standings
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.queue import (
    GONE_FOR_GOOD,
    NobodyWaits,
    QueueEntry,
    QueueLeft,
    Standing,
    since_after_return,
)
from telehealth.visits.waiting_room.standings import entry_of, turn, waiting

LINK_PATH = "/wait/"
ENDED_AT_ONCE = 50
ROW = QueueEntryRow


@dataclass(frozen=True, slots=True)
class Queued:
    """`link_secret` opens the personal link; after this it is to be had only sealed (`link_of`)."""

    standing: Standing
    link_secret: str


async def enqueue(
    unit: Unit,
    *,
    patient_id: PatientId,
    visit_type_id: VisitTypeId,
    jurisdiction: str | None = None,
    priority: int = 0,
) -> Queued:
    """At the end of the patient's priority, with a personal link to their place.

    Raises NotFound, AlreadyQueued, UnfitPlace; LocationRequired without a place for what needs a licence there.
    """
    standings.check_staff(unit)
    _check_place(jurisdiction)
    patient = await people.patient(unit, patient_id)
    kind = await booking.visit_type(unit, visit_type_id)
    if kind.needs_licence and jurisdiction is None:
        raise LocationRequired
    entry = QueueEntry(
        id=VisitId(unit.new_id()),
        participant_id=ParticipantId(unit.new_id()),
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
    secret = new_secret()
    link = unit.vault.seal(("participant", "link", entry.participant_id), secret)
    values = {name: getattr(entry, name) for name in QueueEntry.__slots__}
    await unit.session.execute(insert(ROW), {**values, "link_hash": digest(secret), "link": link})
    _note(unit, "create", entry)
    return Queued(await standings.standing_of(unit, entry), secret)


async def take_next(unit: Unit, visit_type_id: VisitTypeId | None = None) -> QueueEntry:
    """The clinician's next patient, of one kind of visit or of any; of two who ask at once each gets another.

    Passes over who may not be treated by this clinician and whose connection is gone: they keep their place. Raises
    NobodyWaits.
    """
    if unit.actor.role is not Role.CLINICIAN or unit.actor.person_id is None:
        raise NotFound
    clinician_id = ClinicianId(unit.actor.person_id)
    fits = [waiting(visit_type_id), ROW.dropped_at.is_(None), await _may_treat(unit, clinician_id)]
    taken = await unit.session.scalar(
        select(ROW.id).where(*fits).order_by(*turn(unit.now)).limit(1).with_for_update(skip_locked=True)
    )
    if taken is None:
        raise NobodyWaits
    return await _set(unit, taken, taken_at=unit.now, taken_by=clinician_id)


async def leave(unit: Unit, entry_id: UUID) -> QueueEntry:
    """The patient does not want to wait any longer. Leaving again changes nothing. Raises NotFound, QueueLeft."""
    entry = await standings.find(unit, entry_id, lock=True)
    if entry.taken_at is not None:
        raise QueueLeft
    if entry.left_at is not None:
        return entry
    await access.shorten_guest_sessions(unit, entry.id, unit.now + LAST_PAGE)
    return await _set(unit, entry_id, left_at=unit.now)


async def drop(unit: Unit, entry_id: UUID) -> QueueEntry:
    """The patient's connection is gone: nobody takes them until they are back. Raises NotFound, QueueLeft."""
    entry = await _find_waiting(unit, entry_id)
    return entry if entry.dropped_at is not None else await _set(unit, entry_id, dropped_at=unit.now)


async def come_back(unit: Unit, entry_id: UUID) -> QueueEntry:
    """Within the grace time in the same place, later behind their equals. Raises NotFound, QueueLeft."""
    entry = await _find_waiting(unit, entry_id)
    if entry.dropped_at is None:
        return entry
    open_since = await attendance.open_since(unit) or entry.dropped_at  # nobody could come back before that
    since = since_after_return(entry.since, max(entry.dropped_at, open_since), unit.now)
    return await _set(unit, entry_id, since=since, dropped_at=None)


async def end_gone(unit: Unit) -> int:
    """The places of patients who went and did not come back: nobody waits behind them any more. Answers how many.

    Nobody's, as long as the house has not been open for all of that time.
    """
    open_since = await attendance.open_since(unit)
    if open_since is not None and open_since > unit.now - GONE_FOR_GOOD:
        return 0
    gone = (ROW.taken_at.is_(None), ROW.left_at.is_(None), ROW.dropped_at <= unit.now - GONE_FOR_GOOD)
    query = select(ROW.id).where(*gone).order_by(ROW.id).limit(ENDED_AT_ONCE).with_for_update(skip_locked=True)
    found = (await unit.session.scalars(query)).all()
    for entry_id in found:
        await leave(unit, entry_id)
    return len(found)


async def link_of(unit: Unit, entry_id: UUID) -> str:
    """The path of an entry's personal link, `/wait/<secret>`. Audited. Raises NotFound."""
    standings.check_staff(unit)
    entry = await standings.find(unit, entry_id)
    sealed = await unit.session.scalar(select(ROW.link).where(ROW.id == entry_id))
    if sealed is None:
        raise NotFound
    unit.audit("read", "queue_link", entry.id, patient_id=entry.patient_id)
    return LINK_PATH + unit.vault.open(("participant", "link", entry.participant_id), sealed)


async def _may_treat(unit: Unit, clinician_id: ClinicianId) -> ColumnElement[bool]:
    """Where nobody asked for the place, anyone; else who is licensed there now."""
    held = await people.licences(unit, clinician_id)
    places = {each.jurisdiction for each in held if may_treat(held, each.jurisdiction, unit.now)}
    return or_(ROW.jurisdiction.is_(None), ROW.jurisdiction.in_(places))


async def _find_waiting(unit: Unit, entry_id: UUID) -> QueueEntry:
    entry = await standings.find(unit, entry_id, lock=True)
    if not entry.waits:
        raise QueueLeft
    return entry


def _check_place(jurisdiction: str | None) -> None:
    if jurisdiction is not None:
        try:
            zones_of(jurisdiction)
        except ValueError:
            raise UnfitPlace from None


async def _set(unit: Unit, entry_id: UUID, **values: Any) -> QueueEntry:
    query = update(ROW).where(ROW.id == entry_id).values(values).returning(ROW)
    row = (await unit.session.scalars(query, execution_options={"populate_existing": True})).one()
    entry = entry_of(row)
    _note(unit, "update", entry)
    if not entry.waits:  # nobody is said to wait who does not
        await escalation.entries_over(unit, [entry.id])
    return entry


def _note(unit: Unit, action: str, entry: QueueEntry) -> None:
    unit.audit(action, "queue_entry", entry.id, patient_id=entry.patient_id)
    unit.emit(QueueMoved(entry_id=entry.id))
