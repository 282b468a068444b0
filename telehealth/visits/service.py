"""Commands on visits. Each transition writes its history entry and its event in the transaction that makes it."""

from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.visits import queries
from telehealth.visits.rules import Visit


async def open_visit(unit: Unit, visit_id: UUID, *, action: str = "read") -> Visit:
    """The way to a visit: load it if it is the actor's to see, and leave a trace. Raises NotFound.

    A clinician sees their own visits, the front desk all, a guest the one visit they were invited to, an integration
    what was granted.
    """
    visit = await queries.find(unit, visit_id)
    unit.audit(action, "visit", visit.id, patient_id=visit.patient_id)
    return visit
