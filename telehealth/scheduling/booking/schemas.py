"""What booking says and hears on the wire."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.scheduling.booking.rules import Slot, VisitType


class VisitTypeView(Message):
    id: UUID
    code: str
    name: str
    minutes: int


class VisitTypes(Message):
    items: list[VisitTypeView]

    @classmethod
    def of(cls, kinds: list[VisitType]) -> Self:
        return cls(items=[VisitTypeView.model_validate(kind) for kind in kinds])


class SearchSlots(Message):
    """Free times in [start, end). Without clinicians, anyone's; with a patient, only when the patient is free too."""

    visit_type_id: UUID
    clinician_ids: Annotated[list[UUID], Field(max_length=50, default_factory=list)]
    patient_id: UUID | None = None
    start: Instant
    end: Instant
    limit: Annotated[int, Field(ge=1, le=200)] = 20


class SlotView(Message):
    clinician_id: UUID
    start: Instant
    end: Instant


class Slots(Message):
    items: list[SlotView]

    @classmethod
    def of(cls, slots: list[Slot]) -> Self:
        return cls(items=[SlotView.model_validate(slot) for slot in slots])
