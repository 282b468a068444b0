"""Tables of follow-up tasks. Private to this package."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain
from telehealth.followups.rules import TaskStatus

STATUSES = ", ".join(f"'{status}'" for status in TaskStatus)


class FollowUpRow(Table):
    """`title` is sealed. `moved_at` is when the status last changed."""

    __tablename__ = "follow_up_task"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), index=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    title: Mapped[bytes] = phi(LargeBinary)
    status: Mapped[str] = plain()
    planned_at: Mapped[datetime] = plain()
    due_at: Mapped[datetime] = phi()
    moved_at: Mapped[datetime] = plain()
    closed_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint(f"status IN ({STATUSES})", name="status"),
        CheckConstraint("planned_at <= due_at", name="due_later"),
        CheckConstraint("(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)", name="closed"),
        Index("ix_follow_up_task_owner", "clinician_id", "due_at", "id"),
        Index(
            "ix_follow_up_task_ticking",
            "status",
            "due_at",
            postgresql_where=text("status IN ('planned', 'due', 'reminded')"),
        ),
    )
