"""What the board, the queue and the patient's page say and hear."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from telehealth.http.schemas import Message
from telehealth.people.rules import Patient
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.lifecycle.schemas import BirthForm, Day, Typed, VisitView
from telehealth.visits.waiting_room.queue import MessageCode, Standing

MOST_WORDS = 280
Words = Annotated[str, Field(min_length=1, max_length=MOST_WORDS, pattern=r"\S")]

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


class EstimateView(Message):
    """Minutes until they are seen: nine in ten lie between the two."""

    low: int
    high: int


class QueueEntryView(Message):
    """`position` 1 is next; `estimate` is null while nobody who may treat them serves the queue: nobody knows then.

    `id` is also that of the visit it becomes. `verified_at` is when the patient came by their link.
    """

    id: UUID
    patient_id: UUID
    visit_type_id: UUID
    priority: int
    came_at: datetime
    verified_at: datetime | None
    dropped_at: datetime | None
    taken_at: datetime | None
    left_at: datetime | None
    position: int | None
    estimate: EstimateView | None

    @classmethod
    def of(cls, standing: Standing) -> Self:
        known = {name: getattr(standing.entry, name) for name in cls.model_fields if hasattr(standing.entry, name)}
        estimate = None if standing.estimate is None else EstimateView.model_validate(standing.estimate)
        return cls(**known, position=standing.position, estimate=estimate)


class QueuedView(Message):
    """`link` is the patient's own address: their place, and later their visit."""

    entry: QueueEntryView
    link: str


class PlaceView(Message):
    """Where the patient who asks stands: `ahead` are before them."""

    ahead: int | None
    estimate: EstimateView | None


class QueueView(Message):
    items: list[QueueEntryView]


# What staff tell those who wait


class SayLate(Message):
    """By how many minutes; 0 takes it back."""

    minutes: Literal[0, 5, 10, 20]


class LateView(Message):
    """`told` is how many patients it is told to."""

    minutes: int
    told: int


class SayToPatient(Message):
    """A `code`, said in the patient's language, or else a few words as they are, without clinical matters."""

    code: MessageCode | None = None
    words: Words | Literal[""] = ""

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        if (self.code is None) == (self.words == ""):
            raise ValueError("a code or words")
        return self


# The forms of staff


class DayQuery(Message):
    """`told` is what was just done, for the page to say, or why it was not: somebody took the `alert` on before, or it
    is over.
    """

    told: Literal["", "late", "message", "gone", "quicker", "unlicensed", "taken", "over"] = ""
    alert: UUID | None = None
    lang: str | None = None


class NextForm(Message):
    """`press` is another for each time the page is shown: one press takes one patient."""

    press: UUID
    visit_type: UUID | Literal[""] = ""


class LateForm(Message):
    """Without a clinician: who presses."""

    minutes: Annotated[int, Field(ge=0, le=20, multiple_of=5)]
    clinician: UUID | Literal[""] = ""


class TellForm(Message):
    """The words count before the code. `back`: to the page of the visit, on which it was written."""

    code: MessageCode
    words: Annotated[str, Field(max_length=MOST_WORDS)] = ""
    back: Literal["", "visit"] = ""


class FindToQueue(BirthForm):
    name: Typed = ""


class QueuePageQuery(Message):
    """`told` is what was just done, for the page to say."""

    told: Literal["", "late", "message", "gone", "left", "nobody", "already", "where"] = ""
    entry: UUID | None = None
    patient: UUID | None = None
    lang: str | None = None


class PutInQueue(Message):
    visit_type: UUID
    location: Jurisdiction | Literal[""] = ""
    urgent: Literal["", "on"] = ""


# The patient's page


class OwnVisitQuery(Message):
    """`moved=1` after the visit got another time."""

    moved: Literal["", "1"] = ""
    lang: str | None = None
