"""Patients who answer an offer by its personal link: the date of birth says that it is them."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import ColumnElement, select

from telehealth.access.rules import TRIES, digest, lockout, tries_left
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


@dataclass(frozen=True, slots=True)
class Mistaken:
    """The link or the date is not right; nobody hears which."""

    tries_left: int


@dataclass(frozen=True, slots=True)
class Locked:
    """Too many tries. The clinic helps by phone."""

    until: datetime


async def offered(unit: Unit, secret: str) -> tuple[Offer, Entry]:
    """What a personal link is about; looking changes nothing. Raises NotFound for a link that was never given."""
    row, waits = await _find(unit, WaitlistOfferRow.link_hash == digest(secret))
    return queries.offer_of(row, PatientId(waits.patient_id)), queries.entry_of(waits)


async def identify(unit: Unit, secret: str, birth_date: date) -> Known | Mistaken | Locked:
    """Whoever has the link and knows the date of birth may answer. Raises NotFound.

    A wrong try is answered, not raised: the count of tries must outlive the refusal.
    """
    row, waits = await _find(unit, WaitlistOfferRow.link_hash == digest(secret), lock=True)
    if row.locked_until is not None and row.locked_until > unit.now:
        unit.audit("execute", "offer_link", row.id, outcome="locked")
        return Locked(row.locked_until)
    patient = await people.patient(unit, PatientId(waits.patient_id))
    if patient.birth_date != birth_date:
        return _wrong(unit, row, patient.id)
    row.attempts, row.locked_until = 0, None
    unit.audit("execute", "offer_link", row.id, patient_id=patient.id)
    return Known(queries.offer_of(row, patient.id))


def _wrong(unit: Unit, row: WaitlistOfferRow, patient_id: PatientId) -> Mistaken | Locked:
    row.attempts += 1
    unit.audit("execute", "offer_link", row.id, patient_id=patient_id, outcome="mistaken")
    if row.attempts % TRIES:
        return Mistaken(tries_left(row.attempts))
    row.locked_until = unit.now + lockout(row.attempts)
    return Locked(row.locked_until)


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
