"""Notes on the wire."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from telehealth.http.schemas import Instant, Message
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.notes.amendments import DocStatus, DocumentStatus, Relation
from telehealth.records.notes.rules import CosignatureState, NoteKind

LONGEST_NOTE = 50_000


class SaveNote(Message):
    content: Annotated[str, Field(max_length=LONGEST_NOTE, description="Markdown; line ends are LF")]
    kind: Annotated[NoteKind, Field(description="LOINC: progress note or consultation note")] = NoteKind.PROGRESS


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n")


class NoteForm(Message):
    """The room's form. Browsers send CR LF (HTML, section 4.10.21.3); a note's lines end in LF."""

    content: Annotated[str, Field(max_length=2 * LONGEST_NOTE), AfterValidator(_with_line_feeds)] = ""
    version: Annotated[int, Field(ge=0)]


class SupervisorsQuery(Message):
    """Whose supervisors are to be named; nobody's yet. `told`: what was just done."""

    clinician: UUID | Literal[""] = ""
    told: Literal["", "saved"] = ""
    lang: str | None = None


class SupervisorsForm(Message):
    """`was`: the ids of those who were named when the form was drawn, with a space between. A box that is ticked is a
    field that is called as the id of a clinician.
    """

    model_config = ConfigDict(extra="allow")

    clinician: UUID
    was: Annotated[str, Field(max_length=100_000)] = ""

    @model_validator(mode="after")
    def _are_people(self) -> Self:
        _ = self.shown, self.ticked
        return self

    @property
    def shown(self) -> frozenset[UUID]:
        return frozenset(map(UUID, self.was.split()))

    @property
    def ticked(self) -> frozenset[UUID]:
        return frozenset(map(UUID, self.model_extra or {}))


class PreviewNote(Message):
    content: Annotated[str, Field(max_length=LONGEST_NOTE, description="Markdown")]


class NotePreview(Message):
    """`html`: XHTML of headings, paragraphs, lists, emphasis and links alone; whatever else was typed is text in it."""

    html: str


class AmendForm(Message):
    """The buttons of a signed note: `appends`, `replaces`, or `anew` once all was retracted."""

    version: Annotated[int, Field(ge=0)]
    relation: Literal["appends", "replaces", "anew"]


class DiscardForm(Message):
    version: Annotated[int, Field(ge=0)]


class RetractForm(Message):
    version: Annotated[int, Field(ge=0)]
    signed: Annotated[int, Field(ge=1, lt=2**31)]
    reason: Annotated[str, Field(max_length=2000)] = ""


class CosignatureView(Message):
    """A trainee's latest signature that is not final: of whom a co-signature is awaited, or who returned it and why."""

    state: CosignatureState
    signed_at: Instant
    supervisors: Annotated[list[str], Field(description="names of those who may co-sign; any one of them does")]
    decided_at: Instant | None
    decided_by: str | None
    reason: str


class AwaitedView(Message):
    """What a trainee signed, for a supervisor. `version` is also the ETag; `sha256` is of `content`."""

    visit_id: UUID
    patient_id: UUID
    version: int
    kind: NoteKind
    content: str
    sha256: str
    author_name: str
    signed_at: Instant
    state: CosignatureState
    amendment: Relation | None


class ReturnNote(Message):
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class CosignForm(Message):
    version: Annotated[int, Field(ge=0)]


class ReturnForm(CosignForm):
    reason: Annotated[str, Field(max_length=2000)] = ""


class NoteView(Message):
    """`version` is also the ETag; `state` tells how far a signed note is on its way to the record.

    `amendment`: what the draft becomes once it is signed; null is a text of its own.
    """

    visit_id: UUID
    content: str
    kind: NoteKind
    version: int
    state: NoteStatus
    in_record: bool
    saved_at: Instant | None
    signed_at: Instant | None
    sha256: str | None
    amendment: Relation | None
    cosignature: CosignatureView | None


class CosignedView(Message):
    """Who answers for what a trainee signed."""

    by: Annotated[UUID, Field(description="id of a clinician")]
    name: str
    at: Instant


class AddendumView(Message):
    """One signed version. `text` is what was signed, to the byte; `sha256` is of its UTF-8 form, in hex.

    `status` and `doc_status` are those of a FHIR R4 DocumentReference.
    """

    id: UUID
    version: int
    kind: NoteKind
    text: str
    sha256: str
    author_name: str
    signed_at: Instant
    cosigned: CosignedView | None
    in_record: bool
    relation: Relation | None
    relates_to: Annotated[int | None, Field(description="version of the same note")]
    status: DocumentStatus
    doc_status: DocStatus


class SummaryView(AddendumView):
    """The text of a visit's note as it stands. Who shows it shows its addenda too."""

    note_id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    addenda: Annotated[list[AddendumView], Field(default_factory=list)]


class Amend(Message):
    """What is begun; null is a new text, once the note was retracted."""

    relation: Literal[Relation.APPENDS, Relation.REPLACES] | None


class Retract(Message):
    version: Annotated[
        int, Field(ge=1, lt=2**31, description="The signed version; the text takes all its addenda along")
    ]
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class VersionView(Message):
    """One signed version as its author sees it. `state` tells how far it is on its way to the record."""

    version: int
    relation: Relation | None
    relates_to: int | None
    status: DocumentStatus | None
    doc_status: DocStatus | None
    text: str
    sha256: str
    author_name: str
    signed_at: Instant
    cosigned: CosignedView | None
    changed_at: Instant
    state: NoteStatus


class VersionsView(Message):
    items: list[VersionView]
