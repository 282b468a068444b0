"""Where the patient is when the visit is to begin, and whether the clinician may treat them there."""

from dataclasses import dataclass

from telehealth.core.errors import Refusal
from telehealth.db.unit import Unit
from telehealth.people import licensing
from telehealth.people import queries as people
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle.rules import JurisdictionMismatch, Visit


@dataclass(frozen=True, slots=True)
class Place:
    """`needed`: visits of this kind need a licence. `told` is where the patient said at check-in they are, else
    `expected` where they said they would be, as ISO 3166 codes.
    """

    needed: bool
    told: str | None
    expected: str | None


async def place_of(unit: Unit, visit: Visit) -> Place:
    """What the patient's page asks, and how it fills it in."""
    needed = await needs_licence(unit, visit)
    asked = needed and visit.location is None
    expected = await people.location_at(unit, visit.patient_id, visit.starts_at) if asked else None
    return Place(needed, visit.location, expected)


async def needs_licence(unit: Unit, visit: Visit) -> bool:
    return (await booking.visit_type(unit, visit.visit_type_id)).needs_licence


async def is_licensed(unit: Unit, visit: Visit, jurisdiction: str | None) -> bool | None:
    """Whether the visit may begin now with the patient there; None for a kind of visit that needs no licence."""
    if not await needs_licence(unit, visit):
        return None
    if jurisdiction is None:
        return False
    held = await people.licences(unit, visit.clinician_id)
    return licensing.may_treat(held, jurisdiction, unit.now)


async def whereabouts(unit: Unit, visit: Visit) -> str | None:
    """Where the patient said they are, else where they said they would be; None as long as they said neither."""
    expected = visit.location or visit.planned_location
    return expected or await people.location_at(unit, visit.patient_id, visit.starts_at)


async def refusal(unit: Unit, visit: Visit) -> Refusal:
    """Why it may not begin, and what can be done: another clinician, who may treat there now, or another time."""
    if visit.location is None:
        return LocationRequired()
    able = await people.may_treat(unit, visit.location, unit.now)
    named = [{"id": str(each.id), "name": each.name} for each in await people.clinicians(unit) if each.id in able]
    return JurisdictionMismatch(alternatives={"clinicians": named, "reschedule": True})
