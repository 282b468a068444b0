"""Messages that went by the next channel instead, and when the visit begins that they are about."""

import sqlalchemy as sa

from alembic import op

revision = "0031"
down_revision: str | None = "0030"
branch_labels = None
depends_on = None

OLD_STATES = "state IN ('pending', 'sending', 'sent', 'dropped', 'dead')"
STATES = "state IN ('pending', 'sending', 'sent', 'dropped', 'rerouted', 'dead')"


def upgrade() -> None:
    op.add_column("message", sa.Column("visit_at", sa.DateTime(timezone=True), nullable=True))
    say_states(STATES)


def downgrade() -> None:
    """What went by text message an earlier release cannot say: of that it knows that it could not be mailed."""
    op.execute("DELETE FROM message WHERE channel <> 'email'")
    op.execute("UPDATE message SET state = 'dead' WHERE state = 'rerouted'")
    say_states(OLD_STATES)
    op.drop_column("message", "visit_at")


def say_states(states: str) -> None:
    op.drop_constraint(op.f("ck_message_state"), "message", type_="check")
    op.create_check_constraint(op.f("ck_message_state"), "message", states)
