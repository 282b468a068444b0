"""Tables of follow-up tasks. Private to this package."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, Uuid, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, plain
from telehealth.followups.parts import Command, Facing, Pool, Priority, TaskKind, TaskStatus


def _listed(values: type[TaskStatus | TaskKind | Pool | Facing | Priority | Command]) -> str:
    return ", ".join(f"'{value}'" for value in values)


DUE_AND_OPEN = "status IN ('due', 'reminded', 'escalated')"
NOT_CLOSED = "closed_at IS NULL"
MADE_BY_ITSELF = "origin IS NOT NULL AND status <> 'cancelled'"


class FollowUpRow(Table):
    """`title`, `reason` and `checklist` (JSON) are sealed. `moved_at` is when it last changed, `next_at` when time may
    change it: a task that waits for another or for nothing has none, so that the sweep never sees it.
    `taken_on_at` is when somebody last took it on that had been escalated. `blocked`: the task of `after_id` is open.
    `owner_id` null is anyone of `pool`. `questionnaire` is a code.
    """

    __tablename__ = "follow_up_task"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    kind: Mapped[str] = phi(server_default=text("'custom'"))
    title: Mapped[bytes] = phi(LargeBinary)
    pool: Mapped[str] = plain(server_default=text("'clinicians'"))
    owner_id: Mapped[UUID | None] = plain()
    facing: Mapped[str] = plain(server_default=text("'staff'"))
    priority: Mapped[str] = phi(server_default=text("'routine'"))
    status: Mapped[str] = plain()
    planned_at: Mapped[datetime] = plain()
    due_at: Mapped[datetime] = phi()
    ends_at: Mapped[datetime | None] = phi()
    next_at: Mapped[datetime | None] = plain(server_default=text("now()"))
    moved_at: Mapped[datetime] = plain()
    closed_at: Mapped[datetime | None] = plain()
    after_id: Mapped[UUID | None] = plain(ForeignKey("follow_up_task.id"))
    blocked: Mapped[bool] = plain(server_default=text("false"))
    taken_on_at: Mapped[datetime | None] = plain()
    series_id: Mapped[UUID | None] = plain()
    number: Mapped[int | None] = plain()
    origin: Mapped[str | None] = phi()
    questionnaire: Mapped[str | None] = phi()
    reason: Mapped[bytes | None] = phi(LargeBinary)
    checklist: Mapped[bytes | None] = phi(LargeBinary)
    revision: Mapped[int] = plain(server_default=text("1"))

    __table_args__ = (
        CheckConstraint(f"status IN ({_listed(TaskStatus)})", name="status"),
        CheckConstraint(f"kind IN ({_listed(TaskKind)})", name="kind"),
        CheckConstraint(f"pool IN ({_listed(Pool)})", name="pool"),
        CheckConstraint(f"facing IN ({_listed(Facing)})", name="facing"),
        CheckConstraint(f"priority IN ({_listed(Priority)})", name="priority"),
        CheckConstraint("planned_at <= due_at", name="due_later"),
        CheckConstraint("due_at < ends_at", name="window"),
        CheckConstraint("NOT blocked OR after_id IS NOT NULL", name="blocked"),
        CheckConstraint("(status IN ('done', 'cancelled', 'skipped')) = (closed_at IS NOT NULL)", name="closed"),
        Index("ix_follow_up_task_visit_id", "visit_id"),
        Index("ix_follow_up_task_owner", "clinician_id", "due_at", "id"),
        Index("ix_follow_up_task_next", "next_at", postgresql_where=text("next_at IS NOT NULL")),
        Index("ix_follow_up_task_wanted", "due_at", "id", postgresql_where=text(DUE_AND_OPEN)),
        Index("ix_follow_up_task_own", "owner_id", "due_at", "id", postgresql_where=text(NOT_CLOSED)),
        Index("ix_follow_up_task_patient", "patient_id", "kind", postgresql_where=text(NOT_CLOSED)),
        Index("ix_follow_up_task_moved_at", "moved_at", "id"),
        Index("ix_follow_up_task_patient_moved_at", "patient_id", "moved_at", "id"),
        Index("ix_follow_up_task_after", "after_id", postgresql_where=text("after_id IS NOT NULL")),
        Index("ix_follow_up_task_series", "series_id", postgresql_where=text("series_id IS NOT NULL")),
        Index(
            "uq_follow_up_task_origin",
            "visit_id",
            "origin",
            unique=True,
            postgresql_where=text(MADE_BY_ITSELF),
        ),
    )


class StepRow(Table):
    """Append-only: who gave which command. `seq` is the revision it made; `note` is sealed. A revision without a
    step is that the task before this one was closed, or opened again.
    """

    __tablename__ = "follow_up_step"

    task_id: Mapped[UUID] = plain(ForeignKey("follow_up_task.id"), primary_key=True)
    seq: Mapped[int] = plain(primary_key=True)
    at: Mapped[datetime] = plain()
    command: Mapped[str] = plain()
    before: Mapped[str | None] = plain()
    after: Mapped[str] = plain()
    actor_id: Mapped[UUID | None] = plain()
    role: Mapped[str] = plain()
    cause: Mapped[str] = plain(server_default=text("''"))
    note: Mapped[bytes | None] = phi(LargeBinary)

    __table_args__ = (CheckConstraint(f"command IN ({_listed(Command)})", name="command"),)


class TriggerRow(Table):
    """What this clinic does otherwise than the house: whether an ending of a visit, or what a device
    tells, makes a task.
    """

    __tablename__ = "follow_up_trigger"

    ending: Mapped[str] = plain(primary_key=True)
    enabled: Mapped[bool] = plain()
    changed_at: Mapped[datetime] = plain()


class CoordinationRow(Table):
    """Append-only: who was named to hear of what is escalated; the last version is in force."""

    __tablename__ = "follow_up_coordination"

    version: Mapped[int] = plain(primary_key=True, autoincrement=False)
    clinician_ids: Mapped[list[UUID]] = plain(ARRAY(Uuid))
    named_at: Mapped[datetime] = plain()
    named_by: Mapped[UUID | None] = plain()


CONFLICTS: Mapping[str, type[Refusal]] = {"pk_follow_up_coordination": Stale}
