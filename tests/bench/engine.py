"""The calls that are measured: the platform's own search and booking, as its routes make them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

from sqlalchemy import event

from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import to_instant, to_minute
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.queries import Asked
from telehealth.scheduling.booking.rules import Occupied, Slot
from tests.bench.clinic import Clinic


async def first_slots(clinic: Clinic, clinicians: Sequence[ClinicianId], limit: int) -> list[Slot]:
    """The first free times with any of them, in all of the workload's days."""
    start, end = _days(clinic)
    return await clinic.unit_of_work.run(
        queries.slots,
        visit_type_id=clinic.visit_type_id,
        clinician_ids=clinicians,
        start=start,
        end=end,
        limit=limit,
    )


async def grids(clinic: Clinic, clinicians: Sequence[ClinicianId]) -> list[list[int]]:
    """Every free time of each of them, in all of the workload's days."""
    return await clinic.unit_of_work.run(_grids, clinic=clinic, clinicians=clinicians)


async def _grids(unit: Unit, clinic: Clinic, clinicians: Sequence[ClinicianId]) -> list[list[int]]:
    kind = await queries.visit_type(unit, clinic.visit_type_id)
    asked = Asked(visit_type=kind, clinician_ids=clinicians)
    span = Interval(clinic.workload.start, clinic.workload.end)
    found = await queries.calendars(unit, asked, span)
    return [list(found[each].starts(span)) for each in clinicians]


async def occupy(clinic: Clinic, *, clinician: ClinicianId, patient: PatientId, start: int, owner: UUID) -> Occupied:
    """One booking through the service layer, in a transaction of its own. Raises what it is refused with."""
    return await clinic.unit_of_work.run(
        service.occupy,
        clinician_id=clinician,
        patient_id=patient,
        visit_type_id=clinic.visit_type_id,
        start=to_instant(start),
        owner_id=owner,
    )


def minute(slot: Slot) -> int:
    return to_minute(slot.start)


@contextmanager
def statements(clinic: Clinic) -> Iterator[list[str]]:
    """Every SQL statement that is sent meanwhile."""
    sent: list[str] = []

    def note(*given: object) -> None:
        sent.append(str(given[2]))

    event.listen(clinic.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(clinic.engine.sync_engine, "before_cursor_execute", note)


def _days(clinic: Clinic) -> tuple[datetime, datetime]:
    return to_instant(clinic.workload.start), to_instant(clinic.workload.end)
