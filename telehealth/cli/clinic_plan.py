"""What a made-up clinic day begins with: who works there, and who has a time or comes without one."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from telehealth.cli.clinic_house import open_desk
from telehealth.core.actors import Actor
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import service as people
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import Rule, WeeklyHours
from telehealth.scheduling.booking import service as scheduling
from telehealth.scheduling.booking.rules import VisitType

OPENS = datetime(2026, 3, 3, 9, 0, tzinfo=UTC)
BORN = date(1960, 1, 1)
SLOT, ON_DEMAND = 20, 12  # minutes planned


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """`on_call` clinicians serve the queue, `booked` ones have visits on the clock; `walk_ins` come without a time."""

    seed: int = 1
    hours: int = 6
    on_call: int = 3
    booked: int = 2
    walk_ins: int = 60
    ill_for: int = 90  # minutes in which the last of the booked clinicians is not there
    lost: float = 0.05  # of those with a time, who come and get ready only once somebody helps them
    desk: bool = True  # somebody is at the front desk


@dataclass(frozen=True, slots=True)
class Setting:
    """Who works and who comes."""

    on_demand: VisitTypeId
    appointment: VisitTypeId
    on_call: list[ClinicianId]
    booked: list[ClinicianId]
    walk_ins: list[PatientId]
    appointed: list[PatientId]
    desk: Actor | None


async def open_clinic(unit: Unit, plan: Plan) -> Setting:
    await people.set_clinic(unit, name="Made-up clinic", phone="+1 507 555 0100", time_zone="UTC")
    kinds = [VisitTypeId(unit.new_id()), VisitTypeId(unit.new_id())]
    for kind, code, minutes in zip(kinds, ("now", "later"), (ON_DEMAND, SLOT), strict=True):
        await scheduling.add_visit_type(
            unit, VisitType(id=kind, code=code, name=code, minutes=minutes, grid=5, no_show_automatic=True)
        )
    clinicians = [await _clinician(unit, number) for number in range(plan.on_call + plan.booked)]
    appointed = plan.booked * (plan.hours * 60 // SLOT)
    patients = [await _patient(unit, number) for number in range(plan.walk_ins + appointed)]
    return Setting(
        on_demand=kinds[0],
        appointment=kinds[1],
        on_call=clinicians[: plan.on_call],
        booked=clinicians[plan.on_call :],
        walk_ins=patients[: plan.walk_ins],
        appointed=patients[plan.walk_ins :],
        desk=await open_desk(unit) if plan.desk else None,
    )


async def _clinician(unit: Unit, number: int) -> ClinicianId:
    added = await people.add_clinician(
        unit, given="Doctor", family=f"Number{number}", prefix="Dr.", email=f"{number}@clinic.example", time_zone="UTC"
    )
    always = tuple(Rule(weekday, 0, 24 * 60) for weekday in range(1, 8))
    await availability.publish_hours(unit, added.id, WeeklyHours("UTC", always))
    return added.id


async def _patient(unit: Unit, number: int) -> PatientId:
    added = await people.register_patient(unit, given="Patient", family=f"Number{number}", birth_date=BORN)
    return added.id
