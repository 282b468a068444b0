"""After-visit summaries on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.people.schemas import Language
from telehealth.records.after_visit.rules import Contents, Offer, Release, Standing, Wanted

LONGEST_WORDS, MOST = 10_000, 90
Place = Annotated[int, Field(ge=0, lt=1000)]
Number = Annotated[int, Field(ge=1, lt=2**31)]


class PassageView(Message):
    """A section of the signed note, word for word (Markdown); `version` is the one it was signed with."""

    version: int
    title: str
    text: str


class AppointmentView(Message):
    id: UUID
    starts_at: Instant


class TaskView(Message):
    """What the patient is to do. `title` may be empty: then `kind` says it."""

    id: UUID
    kind: str
    title: str
    due_at: Instant


class OfferView(Message):
    """What can be released now. `note_version` is the note's last signature, be it one that retracts; `sections` are
    released by their place in the list, from 0.
    """

    note_version: int
    language: str
    sections: list[PassageView]
    appointments: list[AppointmentView]
    tasks: list[TaskView]

    @classmethod
    def of(cls, offer: Offer) -> "OfferView":
        return cls(
            note_version=offer.note_version,
            language=offer.language,
            sections=[PassageView.model_validate(each) for each in offer.passages],
            appointments=[AppointmentView.model_validate(each) for each in offer.appointments],
            tasks=[TaskView.model_validate(each) for each in offer.tasks],
        )


class ReleaseSummary(Message):
    """`note_version` is the offer's: when the note was amended or retracted since, nothing is released."""

    note_version: Number
    sections: Annotated[list[Place], Field(default_factory=list, max_length=MOST)]
    appointments: Annotated[list[UUID], Field(default_factory=list, max_length=MOST)]
    tasks: Annotated[list[UUID], Field(default_factory=list, max_length=MOST)]
    words: Annotated[
        str, Field(max_length=LONGEST_WORDS, description="To the patient; Markdown; none from trainees")
    ] = ""
    note_language: Annotated[Language, Field(description="BCP 47, of the note")] = "en"
    words_language: Annotated[Language, Field(description="BCP 47, of `words`")] = "en"

    def wanted(self) -> Wanted:
        return Wanted(**{name: getattr(self, name) for name in Wanted.__slots__})


class ReleaseForm(Message):
    """The same from the clinician's page, whose boxes come one by one."""

    note_version: Number
    section: Annotated[list[Place], Field(default_factory=list)]
    appointment: Annotated[list[UUID], Field(default_factory=list)]
    task: Annotated[list[UUID], Field(default_factory=list)]
    words: Annotated[str, Field(max_length=2 * LONGEST_WORDS)] = ""
    note_language: Language = "en"
    words_language: Language = "en"

    def wanted(self) -> Wanted:
        return Wanted(
            note_version=self.note_version,
            sections=self.section,
            appointments=self.appointment,
            tasks=self.task,
            words=self.words,
            note_language=self.note_language,
            words_language=self.words_language,
        )


class ContentsView(Message):
    sections: list[PassageView]
    words: str
    appointments: list[AppointmentView]
    tasks: list[TaskView]

    @classmethod
    def of(cls, contents: Contents) -> "ContentsView":
        return cls(
            sections=[PassageView.model_validate(each) for each in contents.passages],
            words=contents.words,
            appointments=[AppointmentView.model_validate(each) for each in contents.appointments],
            tasks=[TaskView.model_validate(each) for each in contents.tasks],
        )


class AfterVisitSummaryView(Message):
    """One release. It comes from version `note_version` of the note, the last in force then, signed at `signed_at`.

    `contents` is null once it is withdrawn: the note it came from was entered in error.
    """

    id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    number: int
    note_id: UUID
    note_version: int
    signed_at: Instant
    language: Annotated[str, Field(description="The patient's, BCP 47")]
    note_language: str
    words_language: str
    author_name: str
    released_at: Instant
    sha256: str
    standing: Standing
    contents: ContentsView | None

    @classmethod
    def of(cls, release: Release) -> "AfterVisitSummaryView":
        contents = None if release.contents is None else ContentsView.of(release.contents)
        names = [each for each in cls.model_fields if each != "contents"]
        return cls(**{name: getattr(release, name) for name in names}, contents=contents)


class ReleasesView(Message):
    """What was released, the newest first; `offer` is null when nothing is signed or all was retracted."""

    offer: OfferView | None
    items: list[AfterVisitSummaryView]
