"""What the hours page of the floor below shows of visits: the implementation of its port."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries as availability
from telehealth.scheduling.availability.rules import covers, to_minute, to_minute_up
from telehealth.visits.lifecycle import queries


@dataclass(frozen=True, slots=True)
class OutsideVisit:
    id: VisitId
    starts_at: datetime
    patient_name: str


class VisitsOutsideHours:
    """`availability.ports.KeptVisits`."""

    async def outside_hours(self, unit: Unit, clinician_id: UUID, /) -> list[OutsideVisit]:
        try:
            resource = await availability.resource(unit, clinician_id)
        except NotFound:  # who has published nothing yet was never booked by their hours
            return []
        outside = [
            visit
            for visit in await queries.booked_ahead(unit, clinician_id)
            if not covers(
                resource, visit.visit_type_id, Interval(to_minute(visit.starts_at), to_minute_up(visit.ends_at))
            )
        ]
        patients = await people.patients(unit, {visit.patient_id for visit in outside})
        for visit in outside:
            unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
        return [OutsideVisit(visit.id, visit.starts_at, patients[visit.patient_id].name) for visit in outside]
