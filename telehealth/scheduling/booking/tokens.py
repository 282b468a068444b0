"""Offers: what a search found, signed, so that it comes back as it went out."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.ids import ClinicianId, VisitTypeId
from telehealth.http.paging import CursorKey, Cursors
from telehealth.http.schemas import Fault
from telehealth.scheduling.availability.rules import to_instant, to_minute
from telehealth.scheduling.booking.rules import Audience

NOT_AN_OFFER = Fault(where="body", pointer="/offer", detail="not an offer of ours")
SEPARATOR = " "


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedTime:
    visit_type_id: VisitTypeId
    clinician_id: ClinicianId
    start: datetime
    also: tuple[UUID, ...] = ()
    audience: Audience = Audience.PATIENT


def write_offer(key: CursorKey, offered: OfferedTime) -> str:
    """An opaque text that `read_offer` understands."""
    words = (offered.visit_type_id, offered.clinician_id, to_minute(offered.start), offered.audience, *offered.also)
    return _signed(key).write(SEPARATOR.join(map(str, words)))


def read_offer(key: CursorKey, offer: str) -> OfferedTime:
    """Raises InvalidRequest for what was not written here."""
    visit_type, clinician, minute, audience, *also = _signed(key).read(offer).split(SEPARATOR)
    return OfferedTime(
        visit_type_id=VisitTypeId(UUID(visit_type)),
        clinician_id=ClinicianId(UUID(clinician)),
        start=to_instant(int(minute)),
        also=tuple(map(UUID, also)),
        audience=Audience(audience),
    )


def _signed(key: CursorKey) -> Cursors:
    return Cursors(key, "offers", fault=NOT_AN_OFFER)
