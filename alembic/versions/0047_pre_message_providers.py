"""Messages side by side: how each provider stands, what a message waits for, and indexes by channel and address."""

import sqlalchemy as sa

from alembic import op

revision = "0047"
down_revision: str | None = "0046"
branch_labels = None
depends_on = None

UNDER_WAY, PENDING = sa.text("state IN ('pending', 'sending')"), sa.text("state = 'pending'")
KEEP = """UPDATE message SET tries = attempt, patient_until = due_at + interval '6 hours'
WHERE state IN ('pending', 'sending')"""
ARRIVED = sa.text("state IN ('sending', 'sent')")


def upgrade() -> None:
    """What waits is tried as often as it was, and waits for its provider no longer than the longest that any does."""
    op.create_table(
        "message_provider",
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tokens", sa.Float(), server_default=sa.text("0"), nullable=False),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("channel", name="pk_message_provider"),
    )
    op.add_column("message", sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("message", sa.Column("patient_until", sa.DateTime(timezone=True), nullable=True))
    op.execute(KEEP)
    op.create_index("ix_message_channel_due", "message", ["channel", "next_attempt_at"], postgresql_where=UNDER_WAY)
    op.create_index("ix_message_patience", "message", ["channel", "patient_until"], postgresql_where=PENDING)
    op.create_index("ix_message_arrived", "message", ["address_id", "settled_at"], postgresql_where=ARRIVED)
    op.drop_index("ix_message_due", "message")


def downgrade() -> None:
    op.create_index("ix_message_due", "message", ["next_attempt_at"], postgresql_where=UNDER_WAY)
    for name in ("ix_message_arrived", "ix_message_patience", "ix_message_channel_due"):
        op.drop_index(name, "message")
    op.drop_column("message", "patient_until")
    op.drop_column("message", "tries")
    op.drop_table("message_provider")
