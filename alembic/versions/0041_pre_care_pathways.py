"""Care pathways, what was started of them for visits, and which tasks that made."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0041"
down_revision: str | None = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "care_pathway",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("content", postgresql.JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_pathway")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_care_pathway_code_version")),
    )
    op.create_index(
        "uq_care_pathway_in_force",
        "care_pathway",
        ["code"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    _add_runs()


def _add_runs() -> None:
    op.create_table(
        "care_pathway_run",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("pathway_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started_by", sa.Uuid(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cancelled_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("cause IN ('visit_type', 'diagnosis', 'by_hand')", name=op.f("ck_care_pathway_run_cause")),
        sa.ForeignKeyConstraint(["pathway_id"], ["care_pathway.id"], name=op.f("fk_care_pathway_run_pathway_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_care_pathway_run_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_care_pathway_run")),
    )
    op.create_index(
        "uq_care_pathway_run_going",
        "care_pathway_run",
        ["visit_id", "code"],
        unique=True,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_table(
        "care_pathway_task",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["care_pathway_run.id"], name=op.f("fk_care_pathway_task_run_id")),
        sa.ForeignKeyConstraint(["task_id"], ["follow_up_task.id"], name=op.f("fk_care_pathway_task_task_id")),
        sa.PrimaryKeyConstraint("task_id", name=op.f("pk_care_pathway_task")),
    )
    op.create_index("ix_care_pathway_task_run", "care_pathway_task", ["run_id", "number"])


def downgrade() -> None:
    op.drop_table("care_pathway_task")
    op.drop_table("care_pathway_run")
    op.drop_table("care_pathway")
