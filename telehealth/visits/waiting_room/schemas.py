"""What the board, the queue and the patient's page say and hear."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Message
from telehealth.people.rules import Patient
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.lifecycle.schemas import Day, VisitView
from telehealth.visits.waiting_room.queue import Standing

# The board


class BoardQuery(Message):
    """`day` is a local date of whoever asks; today without it."""

    day: Day | None = None


class BoardEntry(Message):
    visit: VisitView
    patient_name: str
    language: str

    @classmethod
    def of(cls, visit: VisitView, patient: Patient) -> Self:
        return cls(visit=visit, patient_name=patient.name, language=patient.language)


class BoardView(Message):
    """`version` changes with the board; the stream sends it."""

    version: str
    items: list[BoardEntry]


# The queue


class Enqueue(Message):
    """`jurisdiction` is where the patient is now (ISO 3166-1 or -2); a higher `priority` is more urgent."""

    patient_id: UUID
    visit_type_id: UUID
    jurisdiction: Jurisdiction | None = None
    priority: Annotated[int, Field(ge=0, le=9)] = 0


class TakeNext(Message):
    """Of one kind of visit, or of any."""

    visit_type_id: UUID | None


class QueueQuery(Message):
    visit_type_id: UUID | None = None


class QueueEntryView(Message):
    """`position` 1 is next; `minutes` until they are seen is null while nobody serves the queue."""

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    priority: int
    came_at: datetime
    dropped_at: datetime | None
    taken_at: datetime | None
    left_at: datetime | None
    position: int | None
    minutes: float | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        entry = {name: getattr(standing.entry, name) for name in cls.model_fields if hasattr(standing.entry, name)}
        return cls(**entry, position=standing.position, minutes=standing.minutes)


class QueueView(Message):
    items: list[QueueEntryView]


# The patient's page


class OwnVisitQuery(Message):
    """`moved=1` after the visit got another time."""

    moved: Literal["", "1"] = ""
    lang: str | None = None
