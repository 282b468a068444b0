"""What came of each attempt to send a message, and an index for those that wait for a person."""

import sqlalchemy as sa

from alembic import op

revision = "0048"
down_revision: str | None = "0047"
branch_labels = None
depends_on = None

STUCK = sa.text("state = 'dead' OR (state IN ('pending', 'sending') AND fault IS NOT NULL)")


def upgrade() -> None:
    op.create_table(
        "message_attempt",
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_message_attempt_message_id_message"),
        sa.PrimaryKeyConstraint("message_id", "attempt", name="pk_message_attempt"),
    )
    op.create_index("ix_message_stuck", "message", ["due_at", "id"], postgresql_where=STUCK)


def downgrade() -> None:
    """What came of each attempt is forgotten; the ledger keeps the last."""
    op.drop_index("ix_message_stuck", "message")
    op.drop_table("message_attempt")
