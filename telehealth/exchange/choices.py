"""What integrations may point at: times that nobody stores, by names that tell all of them; holds; patients. Pure."""

from base64 import b32decode, b32encode
from binascii import Error
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import to_instant, to_minute

ANYONE = UUID(int=0)
BYTES, LETTERS = 36, 58


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotName:
    """A start, to the minute. Without a clinician: whoever can. Its text is a Slot's id."""

    visit_type_id: VisitTypeId
    start: datetime
    clinician_id: ClinicianId | None = None

    @property
    def clinician_ids(self) -> tuple[ClinicianId, ...]:
        return () if self.clinician_id is None else (self.clinician_id,)

    def written(self) -> str:
        """A FHIR id (R4, section 2.24.0.1): 58 small letters and digits, the same for the same time."""
        raw = (self.clinician_id or ANYONE).bytes + self.visit_type_id.bytes + to_minute(self.start).to_bytes(4)
        return b32encode(raw).decode().rstrip("=").lower()


def read_slot_name(text: str) -> SlotName | None:
    """None for what `written` would not have written."""
    try:
        raw = b32decode(text.upper() + "=" * (-len(text) % 8)) if len(text) == LETTERS else b""
        start = to_instant(int.from_bytes(raw[32:]))
    except (Error, ValueError, OverflowError):
        return None
    if len(raw) != BYTES:
        return None
    clinician = UUID(bytes=raw[:16])
    name = SlotName(
        visit_type_id=VisitTypeId(UUID(bytes=raw[16:32])),
        start=start,
        clinician_id=None if clinician == ANYONE else ClinicianId(clinician),
    )
    return name if name.written() == text else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointer:
    """A patient by our id or as "system|value"; neither is nobody."""

    id: PatientId | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What $find looks for. No code and no practitioner: all of them."""

    span: Interval[datetime]
    codes: frozenset[str] | None
    practitioners: frozenset[UUID] | None
    patient: Pointer | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What $hold and $book take: a time by its name, or a hold; neither is nothing of ours. The risk is percent."""

    patient: Pointer
    slot: SlotName | None = None
    hold_id: UUID | None = None
    no_show_risk: int = 0
