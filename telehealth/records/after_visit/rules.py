"""What a patient is given to read after a visit: which signed words, and how what was released stands now. Pure."""

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, NoteId, PatientId, VisitId
from telehealth.records.notes.amendments import DocumentStatus, Signed, current, standings
from telehealth.records.notes.wording import cleaned

READABLE_FOR = timedelta(days=30)  # from its release on; a newer release begins anew
# Headings in the languages of the house under which clinicians write for the patient: ticked before anybody chooses.
FOR_PATIENTS = frozenset(
    {
        *("plan", "treatment", "instructions", "advice", "medication", "medications", "follow-up", "next steps"),
        *("tratamiento", "indicaciones", "consejos", "medicación", "seguimiento"),
        *("traitement", "consignes", "conseils", "médicaments", "suivi"),
        *("الخطة", "العلاج", "التعليمات", "الأدوية", "المتابعة"),
    }
)


class Standing(StrEnum):
    """How a released summary stands: the note it comes from is as it was, was amended since, or was retracted."""

    CURRENT = "current"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"


class NothingSigned(Refusal):
    kind, slug, title = Kind.CONFLICT, "nothing-signed", "Only what is signed is released to the patient"


class NoteAmended(Refusal):
    kind, slug, title = Kind.CONFLICT, "note-amended", "The note was amended since you read it"


class NotOnOffer(Refusal):
    kind, slug, title = Kind.INVALID, "not-on-offer", "The visit has no such section, appointment or task to release"


class NothingToRelease(Refusal):
    kind, slug, title = Kind.INVALID, "nothing-to-release", "Choose a section of the note, or write something"


class WordsNotCosigned(Refusal):
    kind, slug = Kind.CONFLICT, "words-not-cosigned"
    title = "No supervisor has read these words: a trainee releases only what is signed"


class SummaryWithdrawn(Refusal):
    kind, slug, title = Kind.GONE, "summary-withdrawn", "The summary was withdrawn: the note it came from was retracted"


@dataclass(frozen=True, slots=True)
class Passage:
    """A section of the signed note, word for word; `version` is the one it was signed with."""

    version: int
    title: str
    text: str

    @property
    def for_patients(self) -> bool:
        return self.title.strip(" :").casefold() in FOR_PATIENTS


@dataclass(frozen=True, slots=True)
class Appointment:
    """A visit to come, as it was booked when the summary was released."""

    id: UUID
    starts_at: datetime


@dataclass(frozen=True, slots=True)
class Task:
    """What the patient is to do, as it stood when the summary was released; `title` may be empty."""

    id: UUID
    kind: str
    title: str
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What of a visit can be released now. `note_version` is the note's last signature, be it one that retracts: who
    read the note since has read it as it is. `in_force` is the last version that is there to be read.
    """

    note_version_id: UUID
    note_version: int
    in_force_id: UUID
    in_force: int
    passages: Sequence[Passage]
    appointments: Sequence[Appointment]
    tasks: Sequence[Task]
    language: str
    supervised: bool = False  # a trainee's: nothing but what was co-signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be released: places in the offer's passages, ids of its appointments and tasks, and the clinician's
    words for the patient. Languages are BCP 47: of the note, and of those words.
    """

    note_version: int
    sections: Collection[int] = ()
    appointments: Collection[UUID] = ()
    tasks: Collection[UUID] = ()
    words: str = ""
    note_language: str = "en"
    words_language: str = "en"


@dataclass(frozen=True, slots=True)
class Contents:
    passages: Sequence[Passage]
    words: str
    appointments: Sequence[Appointment]
    tasks: Sequence[Task]


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """One released summary as it stands now. It comes from version `note_version` of the note, signed `signed_at`: the
    last in force when it was released.

    `contents` is None once it is withdrawn: nobody is shown what was entered in error.
    """

    id: UUID
    visit_id: VisitId
    patient_id: PatientId
    clinician_id: ClinicianId
    number: int
    note_id: NoteId
    note_version: int
    signed_at: datetime
    language: str
    note_language: str
    words_language: str
    author_name: str
    released_at: datetime
    sha256: str
    standing: Standing
    contents: Contents | None


def chosen(offer: Offer, wanted: Wanted) -> Contents:
    """What is wanted of the offer, in its order. Raises NoteAmended, WordsNotCosigned, NotOnOffer,
    NothingToRelease.
    """
    if wanted.note_version != offer.note_version:
        raise NoteAmended
    words = cleaned(wanted.words).strip()
    if words and offer.supervised:
        raise WordsNotCosigned
    found = Contents(
        [each for at, each in enumerate(offer.passages) if at in wanted.sections],
        words,
        [each for each in offer.appointments if each.id in wanted.appointments],
        [each for each in offer.tasks if each.id in wanted.tasks],
    )
    asked = (wanted.sections, wanted.appointments, wanted.tasks)
    given = (found.passages, found.appointments, found.tasks)
    if any(len(set(one)) != len(other) for one, other in zip(asked, given, strict=True)):
        raise NotOnOffer
    if not found.passages and not words:
        raise NothingToRelease
    return found


def written(contents: Contents) -> str:
    """The contents as they are kept: JSON, the same contents always the same text."""
    return json.dumps(asdict(contents), default=_plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def read(text: str) -> Contents:
    """The other way round."""
    found: Mapping[str, Any] = json.loads(text)
    return Contents(
        [Passage(**each) for each in found["passages"]],
        found["words"],
        [Appointment(UUID(each["id"]), datetime.fromisoformat(each["starts_at"])) for each in found["appointments"]],
        [
            Task(UUID(each["id"]), each["kind"], each["title"], datetime.fromisoformat(each["due_at"]))
            for each in found["tasks"]
        ],
    )


def digest(in_force_id: UUID, contents: Contents, *languages: str) -> str:
    """SHA-256 in hex of what is released, and from what: two releases that say the same have the same."""
    return hashlib.sha256("\n".join((str(in_force_id), *languages, written(contents))).encode()).hexdigest()


def in_force(history: Sequence[Signed], source: int) -> tuple[int, ...]:
    """What there was to read of the note when `source` was its last signature."""
    return current([each for each in history if each.version <= source])


def standing(history: Sequence[Signed], source: int) -> Standing:
    """Of what was released when `source` was the last signature of the note, retractions among them."""
    then = in_force(history, source)
    if then == current(history):
        return Standing.CURRENT
    now = standings(history)
    wrong = any(now[version].status is DocumentStatus.ENTERED_IN_ERROR for version in then)
    return Standing.WITHDRAWN if wrong else Standing.SUPERSEDED


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
