"""Tables of notes: the working text and what was signed."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, plain
from telehealth.records.notes.amendments import DocumentStatus, Relation
from telehealth.records.notes.rules import CosignatureState, NoteKind, NoteState


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class NoteRow(Table):
    """The working text, one for a visit. `revision` counts changes; it is what If-Match compares.

    `relation` is what a draft becomes once it is signed: null is a text of its own.
    """

    __tablename__ = "note"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    state: Mapped[str] = plain()
    relation: Mapped[str | None] = plain()
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
        CheckConstraint("relation IN ('appends', 'replaces')", name="relation"),
        Index("ix_note_patient_id", "patient_id"),
    )


class NoteVersionRow(Table):
    """What was signed, to the byte. The database refuses to change or delete it: a correction is another version.

    `relates_to` is the version of the same note that this one appends to, replaces or retracts.
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
    cosigner_id: Mapped[UUID | None] = plain(ForeignKey("clinician.id"))
    cosigner_name: Mapped[str | None] = plain()
    cosigned_at: Mapped[datetime | None] = plain()
    relation: Mapped[str | None] = plain()
    relates_to: Mapped[int | None] = plain()
    written_in: Mapped[int] = plain(BigInteger, server_default=text("(pg_current_xact_id()::text::bigint)"))

    __table_args__ = (
        UniqueConstraint("note_id", "version"),
        CheckConstraint("version > 0", name="version"),
        CheckConstraint(_one_of("relation", Relation), name="relation"),
        CheckConstraint("(relation IS NULL) = (relates_to IS NULL) AND relates_to < version", name="relates_to"),
        CheckConstraint(
            "(cosigner_id IS NULL) = (cosigned_at IS NULL) AND (cosigner_id IS NULL) = (cosigner_name IS NULL)"
            " AND cosigner_id <> author_id",
            name="cosigner",
        ),
        ForeignKeyConstraint(
            ["note_id", "relates_to"],
            ["note_version.note_id", "note_version.version"],
            name="fk_note_version_relates_to",
        ),
        Index("ix_note_version_written_in", "written_in", "id"),
    )


class CosignatureRow(Table):
    """What a trainee signed, to be co-signed: `revision` of the note, its words sealed, and what became of it.

    The database refuses to change what was signed, or to delete it: what was returned is kept too. `reason` is sealed.
    """

    __tablename__ = "cosignature"

    id: Mapped[UUID] = plain(primary_key=True)
    note_id: Mapped[UUID] = plain(ForeignKey("note.id"))
    revision: Mapped[int] = plain()
    content: Mapped[bytes] = phi(LargeBinary)
    sha256: Mapped[str] = phi()
    author_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    author_name: Mapped[str] = plain()
    signed_at: Mapped[datetime] = plain()
    state: Mapped[str] = plain()
    decided_by: Mapped[UUID | None] = plain(ForeignKey("clinician.id"))
    decided_at: Mapped[datetime | None] = plain()
    reason: Mapped[bytes | None] = phi(LargeBinary)

    __table_args__ = (
        UniqueConstraint("note_id", "revision"),
        CheckConstraint(_one_of("state", CosignatureState), name="state"),
        CheckConstraint(
            "(state = 'awaited') = (decided_at IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)", name="decided"
        ),
        CheckConstraint("state IN ('awaited', 'withdrawn') OR decided_by <> author_id", name="not_oneself"),
        Index("uq_cosignature_awaited", "note_id", unique=True, postgresql_where=text("state = 'awaited'")),
    )


class NoteStandingRow(Table):
    """How a signed document stands, derived from the versions after it. One that retracts is no document: no row."""

    __tablename__ = "note_standing"

    note_version_id: Mapped[UUID] = plain(ForeignKey("note_version.id"), primary_key=True)
    status: Mapped[str] = plain()
    changed_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint(_one_of("status", DocumentStatus), name="status"),)


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_note_visit_id": Stale,
    "uq_note_version_note_id_version": Stale,
    "uq_cosignature_awaited": Stale,
}
