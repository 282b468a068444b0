"""Whether people could meet: since when the house is open, and when its clinicians were last there.

Web processes write it down, every few seconds and together. What is due by itself is due only to who could have come.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import insert

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.deadlines import Deadline, patience
from telehealth.visits.lifecycle.models import ClinicianPresenceRow, OpenDoorsRow, VisitEventRow, VisitRow
from telehealth.visits.lifecycle.rules import Visit

PAUSE = timedelta(
    seconds=30
)  # who says so this seldom was shut meanwhile; a page has found another process long before
ONLY = 1


async def note_open(unit: Unit) -> None:
    """Pages can be opened now."""
    doors = insert(OpenDoorsRow).values(id=ONLY, open_since=unit.now, seen_open_at=unit.now)
    was_shut = OpenDoorsRow.seen_open_at < unit.now - PAUSE
    await unit.session.execute(
        doors.on_conflict_do_update(
            index_elements=[OpenDoorsRow.id],
            set_={
                "open_since": case((was_shut, unit.now), else_=OpenDoorsRow.open_since),
                "seen_open_at": func.greatest(OpenDoorsRow.seen_open_at, unit.now),
            },
        )
    )


async def note_clinicians(unit: Unit, clinicians: Collection[ClinicianId]) -> None:
    """They have a page of theirs open; at least one."""
    seen = insert(ClinicianPresenceRow).values(
        [{"clinician_id": each, "seen_at": unit.now} for each in sorted(clinicians)]
    )
    await unit.session.execute(
        seen.on_conflict_do_update(
            index_elements=[ClinicianPresenceRow.clinician_id], set_={"seen_at": seen.excluded.seen_at}
        )
    )


async def open_since(unit: Unit) -> datetime | None:
    """Since when pages can be opened without a pause: now, while they cannot; None before they ever could."""
    row = OpenDoorsRow
    found = (await unit.session.execute(select(row.open_since, row.seen_open_at))).one_or_none()
    if found is None:
        return None
    since, seen = found
    return unit.now if seen < unit.now - PAUSE else since


async def was_there(unit: Unit, visit: Visit) -> bool:
    """The clinician had a page of theirs open, or did something with a visit, from when this one was to begin and as
    long as its patient could have come: who is there the next day was not there.
    """
    row, since, until = ClinicianPresenceRow, visit.starts_at, _could_come_until(visit)
    seen = select(row.clinician_id).where(row.clinician_id == visit.clinician_id, row.seen_at.between(since, until))
    own = [each.id for each in await access.staff(unit, Role.CLINICIAN) if each.person_id == visit.clinician_id]
    acted = (
        select(VisitEventRow.visit_id)
        .join(VisitRow, VisitRow.id == VisitEventRow.visit_id)
        .where(VisitRow.clinician_id == visit.clinician_id, VisitRow.changed_at >= since)
        .where(VisitEventRow.actor_id.in_(own), VisitEventRow.at.between(since, until))
    )
    return bool(await unit.session.scalar(select(seen.exists() | acted.exists())))


def _could_come_until(visit: Visit) -> datetime:
    """Where the link closes before their time is over, it is asked a moment after that."""
    return max(visit.closes_at, visit.starts_at + patience(visit, Deadline.PATIENT_NO_SHOW) + PAUSE)
