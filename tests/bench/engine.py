"""The calls that are measured: the platform's own search and booking, as its routes make them."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import event

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.intervals import Interval
from telehealth.core.minutes import in_order
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import to_instant, to_minute
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.rules import Asked, Occupied, Slot, SlotRefused, Wanted
from tests.bench.clinic import Clinic


async def first_slots(clinic: Clinic, clinicians: Sequence[ClinicianId], limit: int) -> list[Slot]:
    """The first free times with any of them, in all of the workload's days."""
    named = () if len(clinicians) == len(clinic.clinician_ids) else clinicians  # who asks for everyone names nobody
    asked = Asked(visit_type_id=clinic.visit_type_id, clinician_ids=named)
    return await clinic.unit_of_work.run(queries.search, SYSTEM, asked, _days(clinic), limit)


async def grids(clinic: Clinic, clinicians: Sequence[ClinicianId]) -> list[list[datetime]]:
    """Every free time of each of them, in all of the workload's days."""
    asked = Asked(visit_type_id=clinic.visit_type_id, clinician_ids=clinicians)
    found = await clinic.unit_of_work.run(queries.free_starts, SYSTEM, asked, _days(clinic))
    return [found.get(each, []) for each in clinicians]


async def grids_in_memory(clinic: Clinic, clinicians: Sequence[ClinicianId], rounds: int) -> list[float]:
    """Milliseconds in which the same is computed from what was read before: hours, visits, busy time."""
    asked = Asked(visit_type_id=clinic.visit_type_id, clinician_ids=clinicians)
    ground, piece, seen = await clinic.unit_of_work.run(queries.free_scene, SYSTEM, asked, _days(clinic))
    if seen is None:
        raise ValueError("nothing can be booked in the days of this workload")
    taken = []
    for _ in range(rounds):
        begun = time.perf_counter()
        free = queries.free_in(ground, piece, replace(seen))  # a copy has worked nothing out yet
        listed = [[to_instant(seen.frame.start + at) for at in in_order(free[each])] for each in clinicians]
        taken.append((time.perf_counter() - begun) * 1000)
        assert any(listed)
    return taken


async def free_minutes(clinic: Clinic, clinicians: Sequence[ClinicianId]) -> list[list[int]]:
    """The same as minutes since the epoch."""
    return [[to_minute(start) for start in each] for each in await grids(clinic, clinicians)]


async def occupy(clinic: Clinic, *, clinician: ClinicianId, patient: PatientId, start: int, owner: UUID) -> Occupied:
    """A new visit's time through the service layer, in a transaction of its own. Raises what it is refused with."""
    wanted = _wanted(clinic, clinician, patient, start)
    return await clinic.unit_of_work.run(service.occupy, SYSTEM, wanted, owner, fresh=True)


async def rehearse(clinic: Clinic, *, clinician: ClinicianId, start: int) -> None:
    """A booking, and a refusal of the same time; neither stays. Who serves has prepared what they send."""

    async def try_twice(unit: Unit) -> None:
        for _ in range(2):
            await service.occupy(unit, _wanted(clinic, clinician, PatientId(uuid4()), start), uuid4(), fresh=True)

    with suppress(SlotRefused):
        await clinic.unit_of_work.run(try_twice, SYSTEM)


def _wanted(clinic: Clinic, clinician: ClinicianId, patient: PatientId, start: int) -> Wanted:
    return Wanted(
        visit_type_id=clinic.visit_type_id, patient_id=patient, start=to_instant(start), clinician_ids=(clinician,)
    )


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


def _days(clinic: Clinic) -> Interval[datetime]:
    return Interval(to_instant(clinic.workload.start), to_instant(clinic.workload.end))
