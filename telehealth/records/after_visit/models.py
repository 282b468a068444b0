"""What was released to patients. The database refuses to change or delete it: a correction is another release."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, pii, plain


class AfterVisitSummaryRow(Table):
    """One release. `note_version_id` is the note's last signature then, retractions among them; `language` was the
    patient's.
    """

    __tablename__ = "after_visit_summary"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    note_version_id: Mapped[UUID] = plain(ForeignKey("note_version.id"))
    number: Mapped[int] = plain()
    language: Mapped[str] = pii()
    note_language: Mapped[str] = plain()
    words_language: Mapped[str] = plain()
    content: Mapped[bytes] = phi(LargeBinary)
    sha256: Mapped[str] = phi()
    author_name: Mapped[str] = plain()
    released_at: Mapped[datetime] = plain()

    __table_args__ = (
        UniqueConstraint("visit_id", "number"),
        CheckConstraint("number > 0", name="number"),
        Index("ix_after_visit_summary_patient_id", "patient_id"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_after_visit_summary_visit_id_number": Stale}
