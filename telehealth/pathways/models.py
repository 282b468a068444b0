"""Tables of care pathways. Private to this package."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, plain
from telehealth.pathways.rules import Cause, PathwayRuns

CAUSES = ", ".join(f"'{each}'" for each in Cause)


class CarePathwayRow(Table):
    """One version; of a code one is in force or none. `content` is as `schemas.PathwayContent` has it."""

    __tablename__ = "care_pathway"

    id: Mapped[UUID] = plain(primary_key=True)
    code: Mapped[str] = plain()
    version: Mapped[int] = plain()
    content: Mapped[dict[str, Any]] = plain(JSONB())
    published_at: Mapped[datetime] = plain()
    published_by: Mapped[UUID | None] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("code", "version"),
        Index("uq_care_pathway_in_force", "code", unique=True, postgresql_where=text("retired_at IS NULL")),
    )


class CarePathwayRunRow(Table):
    """A pathway started for a visit, once at a time. `started_by` and `cancelled_by` null: the system."""

    __tablename__ = "care_pathway_run"

    id: Mapped[UUID] = plain(primary_key=True)
    pathway_id: Mapped[UUID] = phi(ForeignKey("care_pathway.id"))
    code: Mapped[str] = phi()
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    cause: Mapped[str] = phi()
    started_at: Mapped[datetime] = plain()
    started_by: Mapped[UUID | None] = plain()
    cancelled_at: Mapped[datetime | None] = plain()
    cancelled_by: Mapped[UUID | None] = plain()

    __table_args__ = (
        CheckConstraint(f"cause IN ({CAUSES})", name="cause"),
        Index("ix_care_pathway_run_visit_id", "visit_id"),
        Index(
            "uq_care_pathway_run_going", "visit_id", "code", unique=True, postgresql_where=text("cancelled_at IS NULL")
        ),
    )


class CarePathwayTaskRow(Table):
    """Which task was made for which step; steps, and all tasks of a run, count from 1."""

    __tablename__ = "care_pathway_task"

    task_id: Mapped[UUID] = plain(ForeignKey("follow_up_task.id"), primary_key=True)
    run_id: Mapped[UUID] = plain(ForeignKey("care_pathway_run.id"))
    step: Mapped[int] = plain()
    number: Mapped[int] = plain()

    __table_args__ = (Index("ix_care_pathway_task_run", "run_id", "number"),)


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_care_pathway_code_version": Stale,
    "uq_care_pathway_in_force": Stale,
    "uq_care_pathway_run_going": PathwayRuns,
}
