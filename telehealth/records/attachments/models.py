"""Tables of files attached to visits. What is whole lies in the object storage, sealed; what is under way lies here."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, plain
from telehealth.records.attachments.rules import OffsetDiffers, UploadState

STATES = ", ".join(f"'{state}'" for state in UploadState)


class AttachmentRow(Table):
    """A file of a visit. `length` was announced, `octets` is what is kept; `data_key` is sealed and opens the object.

    `object_id` names the object, and fences: only who set it may say what became of the examination.
    """

    __tablename__ = "attachment"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = phi(ForeignKey("visit.id"))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    by_patient: Mapped[bool] = plain()
    attached_by: Mapped[UUID] = plain()
    name: Mapped[bytes] = phi(LargeBinary)
    data_key: Mapped[bytes] = phi(LargeBinary)
    length: Mapped[int] = plain()
    received: Mapped[int] = plain()
    state: Mapped[str] = plain()
    object_id: Mapped[UUID | None] = plain()
    tries: Mapped[int] = plain(server_default=text("0"))
    lease_until: Mapped[datetime | None] = plain()
    media_type: Mapped[str | None] = phi()
    octets: Mapped[int | None] = plain()
    sha256: Mapped[str | None] = phi()
    unfit: Mapped[str | None] = plain()
    created_at: Mapped[datetime] = plain()
    kept_at: Mapped[datetime | None] = plain()
    removed_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint(f"state IN ({STATES})", name="state"),
        CheckConstraint("received BETWEEN 0 AND length AND length > 0", name="received"),
        CheckConstraint(
            "state <> 'kept' OR (object_id IS NOT NULL AND media_type IS NOT NULL AND octets IS NOT NULL"
            " AND sha256 IS NOT NULL AND kept_at IS NOT NULL)",
            name="kept",
        ),
        Index("ix_attachment_visit_id", "visit_id"),
        Index(
            "ix_attachment_unsettled",
            "created_at",
            postgresql_where=text(
                "state IN ('uploading', 'received') OR (state = 'removed' AND object_id IS NOT NULL)"
            ),
        ),
    )


class AttachmentPartRow(Table):
    """Bytes of an upload that is not whole yet, sealed; gone once it is."""

    __tablename__ = "attachment_part"

    id: Mapped[UUID] = plain(primary_key=True)
    attachment_id: Mapped[UUID] = plain(ForeignKey("attachment.id", ondelete="CASCADE"))
    start: Mapped[int] = plain()
    content: Mapped[bytes] = phi(LargeBinary)

    __table_args__ = (UniqueConstraint("attachment_id", "start"),)


class AttachmentObjectRow(Table):
    """A name that was given to an object of a file, from before it is put until it is deleted; `id` is that name.

    Nobody puts anything under it after `put_until`: from then on, what no file is kept in can be deleted for good.
    """

    __tablename__ = "attachment_object"

    id: Mapped[UUID] = plain(primary_key=True)
    attachment_id: Mapped[UUID] = plain(ForeignKey("attachment.id"))
    put_until: Mapped[datetime] = plain()

    __table_args__ = (Index("ix_attachment_object_attachment_id", "attachment_id"),)


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_attachment_part_attachment_id_start": OffsetDiffers}
