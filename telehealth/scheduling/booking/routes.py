"""The ways in to booking: kinds of visits, free times."""

from telehealth.core.actors import Scope
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.operation import operation
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries
from telehealth.scheduling.booking.rules import Slot
from telehealth.scheduling.booking.schemas import SearchSlots, Slots, VisitTypes


async def list_visit_types(call: Call) -> VisitTypes:
    """What can be booked."""
    return VisitTypes.of(await call.run(queries.visit_types))


async def search_slots(call: Call, body: SearchSlots) -> Slots:
    """Free times, earliest first. What is offered here can be booked."""
    return Slots.of(await call.run(_search, body))


async def _search(unit: Unit, asked: SearchSlots) -> list[Slot]:
    clinicians = [ClinicianId(each) for each in asked.clinician_ids]
    patient_id = None if asked.patient_id is None else PatientId(asked.patient_id)
    if patient_id is not None:
        unit.audit("read", "patient_calendar", patient_id, patient_id=(await people.patient(unit, patient_id)).id)
    return await queries.slots(
        unit,
        visit_type_id=VisitTypeId(asked.visit_type_id),
        clinician_ids=clinicians or [each.id for each in await people.clinicians(unit)],
        start=asked.start,
        end=asked.end,
        limit=asked.limit,
        patient_id=patient_id,
    )


OPERATIONS = (
    operation("GET", "/v1/visit-types", list_visit_types, needs=Scope.SLOTS_READ),
    operation("POST", "/v1/slots/search", search_slots, needs=Scope.SLOTS_READ, errors=(NotFound,)),
)
