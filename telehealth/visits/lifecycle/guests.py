"""Who gives a visit takes part in it. Everyone else who does is the matter of `visits.participants`."""

from sqlalchemy import insert, select, update

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle.models import ParticipantRow
from telehealth.visits.lifecycle.rules import Visit


async def change_host(unit: Unit, visit: Visit, clinician_id: ClinicianId) -> None:
    """Another clinician is invited in the place of the one who was; one who comes back is invited as before."""
    row = ParticipantRow
    hosts = (row.visit_id == visit.id, row.role == Role.CLINICIAN, row.person_id.is_not(None))
    others = update(row).where(*hosts, row.person_id != clinician_id, row.revoked_at.is_(None))
    await unit.session.execute(others.values(revoked_at=unit.now, state="revoked", since=unit.now))
    known = await unit.session.scalar(select(row.revoked_at.is_(None)).where(*hosts, row.person_id == clinician_id))
    if known is None:
        await unit.session.execute(insert(row), [_invited(unit, visit, clinician_id)])
    elif not known:
        back = update(row).where(*hosts, row.person_id == clinician_id)
        await unit.session.execute(back.values(revoked_at=None, state="invited", since=unit.now))


def _invited(unit: Unit, visit: Visit, clinician_id: ClinicianId) -> dict[str, object]:
    return {
        "id": unit.new_id(),
        "visit_id": visit.id,
        "role": Role.CLINICIAN,
        "person_id": clinician_id,
        "created_at": unit.now,
        "since": unit.now,
        "invited_as": unit.actor.role,
    }
