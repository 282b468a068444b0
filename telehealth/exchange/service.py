"""What integrations may do with a patient's time: hold it, book it. Each by grant, and traced with its purpose."""

from telehealth.access import queries as access
from telehealth.access.rules import DataKind, NoGrant
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.exchange import openings
from telehealth.exchange.choices import Choice, Pointer, Sought
from telehealth.exchange.openings import Proposal
from telehealth.people import queries as people
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Hold, VisitType, Wanted
from telehealth.visits.appointments import service as visits
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.lifecycle.rules import Visit


async def find(unit: Unit, asked: Sought) -> list[Proposal]:
    """Times that could be booked now; for a patient, those at which the patient is free and may be treated.

    Raises NoGrant, NotFound for a patient no grant covers.
    """
    patient = None
    if asked.patient is not None:
        traced, patient = await _granted(unit, asked.patient)
        traced.audit("read", "patient_calendar", patient, patient_id=patient)
    return await openings.proposals(unit, asked, patient)


async def hold(unit: Unit, choice: Choice) -> tuple[Hold, VisitType]:
    """Keep a time for some minutes; an earlier hold for the patient by this integration is given up.

    Raises NoGrant, NotFound, a SlotRefused that says why, CalendarBusy.
    """
    if choice.slot is None:
        raise NotFound
    traced, patient = await _granted(unit, choice.patient)
    kind = await openings.bookable_kind(unit, choice.slot.visit_type_id)
    wanted = Wanted(
        visit_type_id=kind.id,
        patient_id=patient,
        start=choice.slot.start,
        clinician_ids=choice.slot.clinician_ids,
        offered=True,
    )
    return await booking.hold(traced, wanted), kind


async def book(unit: Unit, choice: Choice) -> Visit:
    """Book a time, or the one that a hold keeps. The patient and the clinician are invited as they always are.

    Raises like `hold`, and HoldExpired.
    """
    traced, patient = await _granted(unit, choice.patient)
    if choice.hold_id is not None:
        return (await visits.book_hold(traced, choice.hold_id, patient_id=patient)).visit
    if choice.slot is None:
        raise NotFound
    kind = await openings.bookable_kind(unit, choice.slot.visit_type_id)
    wish = Wish(
        patient_id=patient,
        visit_type_id=kind.id,
        start=choice.slot.start,
        clinician_ids=choice.slot.clinician_ids,
        offered=True,
        no_show_risk=choice.no_show_risk,
    )
    return (await visits.appoint(traced, wish)).visit


async def _granted(unit: Unit, pointer: Pointer) -> tuple[Unit, PatientId]:
    """The patient, when a grant for appointments covers them, and the transaction with that grant's purpose."""
    granted = await access.data_granted(unit, DataKind.APPOINTMENTS)
    found = pointer.id
    if pointer.identifier is not None:
        found = await people.identified(unit, pointer.identifier)
    if found is None:
        raise NotFound
    try:
        purpose = granted.purpose(found)
    except NoGrant:
        raise NotFound from None
    return access.acting_for(unit, purpose), (await people.patient(unit, found)).id
