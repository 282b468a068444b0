"""The queue of those who came without a time."""

import sqlalchemy as sa

from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

STILL_WAITING = "taken_at IS NULL AND left_at IS NULL"


def upgrade() -> None:
    op.create_table(
        "queue_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.String(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("came_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dropped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("left_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(taken_at IS NULL) = (taken_by IS NULL)", name=op.f("ck_queue_entry_taken")),
        sa.CheckConstraint("taken_at IS NULL OR left_at IS NULL", name=op.f("ck_queue_entry_over_once")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_queue_entry_patient_id")),
        sa.ForeignKeyConstraint(["taken_by"], ["clinician.id"], name=op.f("fk_queue_entry_taken_by")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_queue_entry_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queue_entry")),
    )
    waiting = sa.text(STILL_WAITING)
    op.create_index(
        "uq_queue_entry_patient_id_waiting", "queue_entry", ["patient_id"], unique=True, postgresql_where=waiting
    )
    op.create_index("ix_queue_entry_waiting", "queue_entry", ["visit_type_id", "since"], postgresql_where=waiting)
    op.create_index("ix_queue_entry_taken_at", "queue_entry", ["taken_at"])


def downgrade() -> None:
    op.drop_table("queue_entry")
