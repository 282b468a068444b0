"""How well the media of each call arrived, a row for each participant and minute, kept with the visit."""

import sqlalchemy as sa

from alembic import op

revision = "0029"
down_revision: str | None = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "call_minute",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("relayed", sa.Integer(), nullable=False),
        sa.Column("rtt_ms", sa.Integer(), nullable=False),
        sa.Column("worst_rtt_ms", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=False),
        sa.Column("worst_loss", sa.Float(), nullable=False),
        sa.Column("frozen_ms", sa.Integer(), nullable=False),
        sa.CheckConstraint("reports > 0", name=op.f("ck_call_minute_reports")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_call_minute_visit_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_call_minute_participant_id")),
        sa.PrimaryKeyConstraint("visit_id", "participant_id", "minute", name=op.f("pk_call_minute")),
    )


def downgrade() -> None:
    op.drop_table("call_minute")
