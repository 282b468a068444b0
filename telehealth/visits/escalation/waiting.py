"""Patients who wait too long where they are, without an alert yet: to be let in, or held up before that."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Interval, exists, func, literal, select, true

from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.db.unit import Unit
from telehealth.visits.escalation.models import AlertRow
from telehealth.visits.escalation.rules import STAYS, TO_GET_READY, AlertKind, Subject
from telehealth.visits.lifecycle.models import VisitEventRow, VisitRow
from telehealth.visits.lifecycle.rules import VisitStatus

ROW = AlertRow
AT_ONCE = 100
AWHILE = literal(TO_GET_READY, Interval())


async def to_be_let_in(unit: Unit, visit_id: UUID | None = None) -> list[Subject]:
    """Visits whose patient waits without an alert, that one or any, with their rows locked. `since` is when they came
    to wait as they wait now: one who was let in and found nobody waits anew.
    """
    return await _unwatched(unit, AlertKind.WAITING, visit_id, _came(unit, VisitStatus.READY))


async def held_up(unit: Unit, visit_id: UUID | None = None) -> list[Subject]:
    """The same of visits whose patient is there and not ready, though their time has begun. `since` is the start, or a
    while after they came to prepare as they do now, if that is later.
    """
    visit, since = VisitRow, func.greatest(VisitRow.starts_at, _came(unit, VisitStatus.ARRIVED) + AWHILE)
    late = (visit.away_since.is_(None), visit.starts_at <= unit.now, since <= unit.now)
    return await _unwatched(unit, AlertKind.HELD_UP, visit_id, since, *late)


def _came(unit: Unit, status: VisitStatus) -> ColumnElement[datetime]:
    """When the patient of a visit came to be where they are, by its history."""
    past = VisitEventRow
    came = (past.visit_id == VisitRow.id, past.after == status, past.before != status)
    return func.coalesce(select(func.max(past.at)).where(*came).scalar_subquery(), unit.now)


async def _unwatched(
    unit: Unit, kind: AlertKind, visit_id: UUID | None, since: ColumnElement[datetime], *which: ColumnElement[bool]
) -> list[Subject]:
    visit = VisitRow
    watched = exists().where(ROW.visit_id == visit.id, ROW.kind == kind, ROW.closed_at.is_(None))
    which = (visit.status == STAYS[kind], ~watched, true() if visit_id is None else visit.id == visit_id, *which)
    columns = (visit.id, visit.patient_id, visit.clinician_id, visit.starts_at, since)
    query = select(*columns).where(*which).order_by(visit.id).limit(AT_ONCE)
    found = await unit.session.execute(query.with_for_update(skip_locked=True, of=visit))
    return [
        Subject(
            patient_id=PatientId(patient_id),
            since=since,
            visit_id=VisitId(each),
            clinician_id=ClinicianId(clinician_id),
            starts_at=starts_at,
        )
        for each, patient_id, clinician_id, starts_at, since in found
    ]
