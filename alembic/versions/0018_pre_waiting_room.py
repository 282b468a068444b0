"""Patients of the queue get a link of their own, and hear from staff while they wait."""

import sqlalchemy as sa

from alembic import op

revision = "0018"
down_revision: str | None = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("queue_entry", sa.Column("participant_id", sa.Uuid(), nullable=True))
    op.execute("UPDATE queue_entry SET participant_id = gen_random_uuid()")
    op.alter_column("queue_entry", "participant_id", nullable=False)
    op.create_unique_constraint(op.f("uq_queue_entry_participant_id"), "queue_entry", ["participant_id"])
    op.add_column("queue_entry", sa.Column("link_hash", sa.LargeBinary(), nullable=True))
    op.create_unique_constraint(op.f("uq_queue_entry_link_hash"), "queue_entry", ["link_hash"])
    op.add_column("queue_entry", sa.Column("link", sa.LargeBinary(), nullable=True))
    op.add_column("queue_entry", sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("queue_entry", sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("queue_entry", sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("queue_entry", sa.Column("seen_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "running_late",
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("minutes BETWEEN 0 AND 120", name=op.f("ck_running_late_minutes")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_running_late_clinician_id")),
        sa.PrimaryKeyConstraint("clinician_id", name=op.f("pk_running_late")),
    )
    op.create_table(
        "waiting_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("said_by", sa.Uuid(), nullable=True),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("num_nonnulls(code, words) = 1", name=op.f("ck_waiting_message_one_form")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waiting_message")),
    )
    op.create_index("ix_waiting_message_visit_id", "waiting_message", ["visit_id", "said_at"])


def downgrade() -> None:
    op.drop_table("waiting_message")
    op.drop_table("running_late")
    op.drop_column("queue_entry", "seen_until")
    op.drop_column("queue_entry", "verified_at")
    op.drop_column("queue_entry", "locked_until")
    op.drop_column("queue_entry", "attempts")
    op.drop_column("queue_entry", "link")
    op.drop_column("queue_entry", "link_hash")
    op.drop_column("queue_entry", "participant_id")
