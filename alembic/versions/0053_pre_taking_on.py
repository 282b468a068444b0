"""Who took on what was escalated has time for it, and who is to hear of such tasks has a name."""

import sqlalchemy as sa

from alembic import op

revision = "0053"
down_revision: str | None = "0052"
branch_labels = None
depends_on = None

KEEP = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON follow_up_coordination
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
# Older code would call whoever took it on silent from the first minute: it looks again after as long as it was given.
AGAIN = """
UPDATE follow_up_task SET ends_at = taken_on_at + (ends_at - due_at)
WHERE taken_on_at IS NOT NULL AND status = 'reminded'
"""


def upgrade() -> None:
    op.add_column("follow_up_task", sa.Column("taken_on_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "follow_up_coordination",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("clinician_ids", sa.ARRAY(sa.Uuid()), nullable=False),
        sa.Column("named_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("named_by", sa.Uuid(), nullable=True),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_follow_up_coordination")),
    )
    op.execute(KEEP)


def downgrade() -> None:
    """Refused once somebody was told as a coordinator: an earlier release cannot read that message."""
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM message WHERE kind = 'follow_up_escalated'")):
        raise RuntimeError("coordinators were told of tasks: this release cannot be taken back")
    op.execute("DELETE FROM message_text WHERE kind = 'follow_up_escalated'")
    op.drop_table("follow_up_coordination")
    op.execute(AGAIN)
    op.drop_column("follow_up_task", "taken_on_at")
