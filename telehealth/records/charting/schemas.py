"""Notes on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from telehealth.http.schemas import Instant, Message
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.notes.rules import NoteKind

LONGEST_NOTE = 50_000


class SaveNote(Message):
    content: Annotated[str, Field(max_length=LONGEST_NOTE, description="Markdown; line ends are LF")]
    kind: Annotated[NoteKind, Field(description="LOINC: progress note or consultation note")] = NoteKind.PROGRESS


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n")


class NoteForm(Message):
    """The room's form. Browsers send CR LF (HTML, section 4.10.21.3); a note's lines end in LF."""

    content: Annotated[
        str, Field(max_length=2 * LONGEST_NOTE), AfterValidator(lambda text: text.replace("\r\n", "\n"))
    ] = ""
    version: Annotated[int, Field(ge=0)]


class NoteView(Message):
    """`version` is also the ETag; `state` tells how far a signed note is on its way to the record."""

    visit_id: UUID
    content: str
    kind: NoteKind
    version: int
    state: NoteStatus
    in_record: bool
    saved_at: Instant | None
    signed_at: Instant | None
    sha256: str | None


class SummaryView(Message):
    """One signed version. `text` is what was signed, to the byte; `sha256` is of its UTF-8 form, in hex."""

    id: UUID
    note_id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    version: int
    kind: NoteKind
    text: str
    sha256: str
    author_name: str
    signed_at: Instant
    in_record: bool
