"""Tables of notes: the working text and what was signed."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, plain
from telehealth.records.notes.rules import NoteKind, NoteState


def _one_of(column: str, values: type[NoteState | NoteKind]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class NoteRow(Table):
    """The working text, one for a visit. `revision` counts saves; it is what If-Match compares."""

    __tablename__ = "note"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    state: Mapped[str] = plain()
    kind: Mapped[str] = phi()
    revision: Mapped[int] = plain()
    content: Mapped[bytes] = phi(LargeBinary)
    created_at: Mapped[datetime] = plain()
    saved_at: Mapped[datetime] = plain()

    __table_args__ = (
        UniqueConstraint("visit_id"),
        CheckConstraint(_one_of("state", NoteState), name="state"),
        CheckConstraint(_one_of("kind", NoteKind), name="kind"),
        CheckConstraint("revision > 0", name="revision"),
        Index("ix_note_patient_id", "patient_id"),
    )


class NoteVersionRow(Table):
    """What was signed, to the byte. Never updated: a correction is another version.

    `written_in` is the transaction that wrote the row: what lies below the oldest running one is decided for ever.
    """

    __tablename__ = "note_version"

    id: Mapped[UUID] = plain(primary_key=True)
    note_id: Mapped[UUID] = plain(ForeignKey("note.id"))
    version: Mapped[int] = plain()
    kind: Mapped[str] = phi()
    content: Mapped[bytes] = phi(LargeBinary)
    sha256: Mapped[str] = phi()
    author_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    author_name: Mapped[str] = plain()
    signed_at: Mapped[datetime] = plain()
    written_in: Mapped[int] = plain(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))

    __table_args__ = (
        UniqueConstraint("note_id", "version"),
        CheckConstraint("version > 0", name="version"),
        Index("ix_note_version_written_in", "written_in", "id"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_note_visit_id": Stale, "uq_note_version_note_id_version": Stale}
