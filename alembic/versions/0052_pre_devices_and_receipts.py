"""Browsers that asked for notifications, and what became of a message that was taken."""

import sqlalchemy as sa

from alembic import op

revision = "0052"
down_revision: str | None = "0051"
branch_labels = None
depends_on = None

GONE = "SELECT count(*) FROM message WHERE channel IN ('push', 'phone') AND state <> 'pending'"
STOPS = """
DELETE FROM message_stop WHERE address_id IN (SELECT id FROM message_address WHERE channel IN ('push', 'phone'))
"""
BY_TEXT = """
UPDATE message AS waiting SET channel = 'sms' WHERE channel IN ('push', 'phone') AND NOT EXISTS (
    SELECT FROM message AS other WHERE other.channel = 'sms' AND other.kind = waiting.kind
    AND other.subject_id = waiting.subject_id AND other.recipient_id = waiting.recipient_id
    AND other.due_at = waiting.due_at)
"""


def upgrade() -> None:
    op.create_table(
        "push_device",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_hash", sa.LargeBinary(), nullable=False),
        sa.Column("subscription", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_push_device")),
        sa.UniqueConstraint("endpoint_hash", name=op.f("uq_push_device_endpoint_hash")),
    )
    op.create_index("ix_push_device_person_id", "push_device", ["person_id"])
    op.add_column("message", sa.Column("receipt", sa.String(), nullable=True))
    op.add_column("message", sa.Column("receipt_at", sa.DateTime(timezone=True), nullable=True))
    op.create_check_constraint(op.f("ck_message_receipt"), "message", "receipt IN ('delivered', 'undelivered')")


def downgrade() -> None:
    """Refused once a message has gone by either channel: an earlier release cannot read what became of it."""
    if op.get_bind().scalar(sa.text(GONE)):
        raise RuntimeError("messages went by notification or call: this release cannot be taken back")
    op.execute("DELETE FROM message_preference WHERE channel IN ('push', 'phone')")
    op.execute("UPDATE message SET address_id = NULL WHERE channel IN ('push', 'phone')")
    op.execute(BY_TEXT)
    op.execute("DELETE FROM message WHERE channel IN ('push', 'phone')")  # the text has it
    op.execute(STOPS)
    op.execute("DELETE FROM message_address WHERE channel IN ('push', 'phone')")
    op.drop_constraint(op.f("ck_message_receipt"), "message", type_="check")
    op.drop_column("message", "receipt_at")
    op.drop_column("message", "receipt")
    op.drop_table("push_device")
