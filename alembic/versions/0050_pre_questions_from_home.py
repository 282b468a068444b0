"""Questions that patients answer from home: what is asked, of whom, and what they answered."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0050"
down_revision: str | None = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("follow_up_task", sa.Column("questionnaire", sa.String(), nullable=True))
    op.create_table(
        "monitoring_form",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("resource", postgresql.JSONB(), nullable=False),
        sa.Column("thresholds", postgresql.JSONB(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.Uuid(), nullable=True),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_form")),
        sa.UniqueConstraint("code", "version", name=op.f("uq_monitoring_form_code_version")),
    )
    op.create_index(
        "uq_monitoring_form_in_force",
        "monitoring_form",
        ["code"],
        unique=True,
        postgresql_where=sa.text("retired_at IS NULL"),
    )
    _add_requests()
    _add_responses()


def _add_requests() -> None:
    op.create_table(
        "monitoring_request",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["task_id"], ["follow_up_task.id"], name=op.f("fk_monitoring_request_task_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_monitoring_request_visit_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_monitoring_request_patient_id")),
        sa.ForeignKeyConstraint(["form_id"], ["monitoring_form.id"], name=op.f("fk_monitoring_request_form_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_request")),
        sa.UniqueConstraint("task_id", name=op.f("uq_monitoring_request_task_id")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_monitoring_request_link_hash")),
    )
    op.create_index("ix_monitoring_request_visit_id", "monitoring_request", ["visit_id"])


def _add_responses() -> None:
    op.create_table(
        "monitoring_response",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=True),
        sa.Column("answers", sa.LargeBinary(), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["monitoring_request.id"], name=op.f("fk_monitoring_response_request_id")
        ),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_monitoring_response_patient_id")),
        sa.ForeignKeyConstraint(["form_id"], ["monitoring_form.id"], name=op.f("fk_monitoring_response_form_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_monitoring_response_participant_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitoring_response")),
        sa.UniqueConstraint("request_id", name=op.f("uq_monitoring_response_request_id")),
    )
    op.create_index("ix_monitoring_response_answered_at", "monitoring_response", ["answered_at", "id"])
    op.create_index(
        "ix_monitoring_response_patient_answered_at", "monitoring_response", ["patient_id", "answered_at", "id"]
    )


def downgrade() -> None:
    op.drop_table("monitoring_response")
    op.drop_table("monitoring_request")
    op.drop_table("monitoring_form")
    op.drop_column("follow_up_task", "questionnaire")
