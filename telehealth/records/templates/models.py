"""The table of what notes begin with."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, plain
from telehealth.records.templates.rules import TemplateChanged


class NoteTemplateRow(Table):
    """One version; of a kind of visit, null meaning all, one is in force or none. `phrases` keep their order."""

    __tablename__ = "note_template"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_type_id: Mapped[UUID | None] = plain(ForeignKey("visit_type.id"))
    version: Mapped[int] = plain()
    content: Mapped[str] = plain()
    phrases: Mapped[list[dict[str, str]]] = plain(JSONB())
    published_at: Mapped[datetime] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("visit_type_id", "version", postgresql_nulls_not_distinct=True),
        Index(
            "uq_note_template_in_force",
            "visit_type_id",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("retired_at IS NULL"),
        ),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_note_template_visit_type_id_version": TemplateChanged,
    "uq_note_template_in_force": TemplateChanged,
}
