"""Patients who answer an offer by its personal link: the date of birth says that it is them."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import ColumnElement, select

from telehealth.access.links import Locked, Mistaken, Passed, judge
from telehealth.access.rules import digest
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.waitlist import queries
from telehealth.scheduling.waitlist.models import WaitlistEntryRow, WaitlistOfferRow
from telehealth.scheduling.waitlist.rules import Entry, Offer


@dataclass(frozen=True, slots=True)
class Known:
    """It is them."""

    offer: Offer


async def offered(unit: Unit, secret: str) -> tuple[Offer, Entry]:
    """What a personal link is about; looking changes nothing. Raises NotFound for a link that was never given."""
    row, waits = await _find(unit, WaitlistOfferRow.link_hash == digest(secret))
    return queries.offer_of(row, PatientId(waits.patient_id)), queries.entry_of(waits)


async def identify(unit: Unit, secret: str, birth_date: date) -> Known | Mistaken | Locked:
    """Whoever has the link and knows the date of birth may answer. Raises NotFound.

    A wrong try is answered, not raised: the count of tries must outlive the refusal.
    """
    row, waits = await _find(unit, WaitlistOfferRow.link_hash == digest(secret), lock=True)
    patient = await people.patient(unit, PatientId(waits.patient_id))
    answer = judge(unit, row, "offer_link", right=patient.birth_date == birth_date, patient_id=patient.id)
    if not isinstance(answer, Passed):
        return answer
    return Known(queries.offer_of(row, patient.id))


async def _find(
    unit: Unit, which: ColumnElement[bool], *, lock: bool = False
) -> tuple[WaitlistOfferRow, WaitlistEntryRow]:
    query = select(WaitlistOfferRow).where(which)
    found = await unit.session.scalar(
        (query.with_for_update() if lock else query).execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound
    return found, await unit.session.get_one(WaitlistEntryRow, found.entry_id)
