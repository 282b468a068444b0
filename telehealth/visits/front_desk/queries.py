"""What the desk reads: a patient's visits, a visit's history, who could take a visit over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.rules import Clinician
from telehealth.visits.lifecycle import check_in
from telehealth.visits.lifecycle.models import VisitEventRow, VisitRow
from telehealth.visits.lifecycle.queries import visible, visit_of
from telehealth.visits.lifecycle.rules import CORRECTABLE_FOR, UNFINISHED, Command, Visit, VisitStatus

MOST_LISTED = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One step of a visit as the page tells it: who is a role, never a name. `clinician_id` is who has it from now,
    `revision` that of the visit since.
    """

    at: datetime
    revision: int
    command: Command
    role: Role
    cause: str
    after: VisitStatus
    clinician_id: ClinicianId | None
    starts_at: datetime | None


async def visits_of(unit: Unit, patient_id: PatientId, day: datetime) -> list[Visit]:
    """A patient's visits from that instant on that are the actor's to see, and what is unfinished or can still be
    corrected; soonest first. One audit row for each.
    """
    worth = or_(
        VisitRow.starts_at >= day,
        VisitRow.changed_at >= unit.now - CORRECTABLE_FOR,
        VisitRow.status.in_([status.value for status in UNFINISHED]),
    )
    query = select(VisitRow).where(VisitRow.patient_id == patient_id, worth, await visible(unit))
    rows = await unit.session.scalars(query.order_by(VisitRow.starts_at, VisitRow.id).limit(MOST_LISTED))
    shown = [visit_of(row) for row in rows]
    for visit in shown:
        unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    return shown


async def entries(unit: Unit, visit_id: UUID) -> list[Entry]:
    """What was done with a visit, oldest first. Whoever asks has opened the visit."""
    row = VisitEventRow
    query = select(row).join(VisitRow, VisitRow.id == row.visit_id).where(row.visit_id == visit_id, await visible(unit))
    return [_entry(each) for each in await unit.session.scalars(query.order_by(row.seq))]


def _entry(row: VisitEventRow) -> Entry:
    changes: Mapping[str, Any] = row.changes
    clinician, starts_at = changes.get("clinician_id"), changes.get("starts_at")
    return Entry(
        at=row.at,
        revision=row.seq,
        command=Command(row.command),
        role=Role(row.role),
        cause=row.cause,
        after=VisitStatus(row.after),
        clinician_id=ClinicianId(UUID(clinician)) if clinician else None,
        starts_at=datetime.fromisoformat(starts_at) if starts_at else None,
    )


async def heirs(unit: Unit, visit: Visit) -> list[Clinician]:
    """Who could take the visit over: everyone else, of those who may treat the patient where they are."""
    there = await check_in.whereabouts(unit, visit)
    others = [each for each in await people.clinicians(unit) if each.id != visit.clinician_id]
    if there is None or not await check_in.needs_licence(unit, visit):
        return others
    able = await people.may_treat(unit, there, unit.now)
    return [each for each in others if each.id in able]
