"""Where messages go, and what people wish of them."""

import sqlalchemy as sa

from alembic import op

revision = "0042"
down_revision: str | None = "0041"
branch_labels = None
depends_on = None

OLD_STATES = "state IN ('pending', 'sending', 'sent', 'dropped', 'rerouted', 'dead')"
STATES = "state IN ('pending', 'sending', 'sent', 'dropped', 'suppressed', 'rerouted', 'dead')"
PURPOSES = "purpose IN ('appointments', 'care', 'surveys')"
STOPPED = "SELECT count(*) FROM message_stop"


def upgrade() -> None:
    op.create_table(
        "message_address",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("known_since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_address")),
        sa.UniqueConstraint("channel", "address", name=op.f("uq_message_address_channel_address")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_message_address_secret_hash")),
    )
    op.create_table(
        "message_stop",
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("said_by", sa.String(), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(PURPOSES, name=op.f("ck_message_stop_purpose")),
        sa.ForeignKeyConstraint(["address_id"], ["message_address.id"], name=op.f("fk_message_stop_address_id")),
        sa.PrimaryKeyConstraint("address_id", "purpose", name=op.f("pk_message_stop")),
    )
    op.create_table(
        "message_preference",
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("preferred_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(PURPOSES, name=op.f("ck_message_preference_purpose")),
        sa.PrimaryKeyConstraint("patient_id", "purpose", name=op.f("pk_message_preference")),
    )
    op.create_table(
        "message_texted_back",
        sa.Column("gateway_id", sa.String(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("meant", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["message_address.id"], name=op.f("fk_message_texted_back_address_id")),
        sa.PrimaryKeyConstraint("gateway_id", name=op.f("pk_message_texted_back")),
    )
    op.create_index("ix_message_texted_back_address_id", "message_texted_back", ["address_id"])
    op.add_column("message", sa.Column("address_id", sa.Uuid(), nullable=True))
    op.add_column("message", sa.Column("override", sa.String(), nullable=True))
    op.create_foreign_key(op.f("fk_message_address_id"), "message", "message_address", ["address_id"], ["id"])
    pending = sa.text("state = 'pending'")
    op.create_index("ix_message_ahead", "message", ["recipient_id"], postgresql_where=pending)
    say_states(STATES)


def downgrade() -> None:
    """Refused once somebody has stopped messages: an earlier release would send them again."""
    if op.get_bind().scalar(sa.text(STOPPED)):
        raise RuntimeError("people have stopped messages: this release cannot be taken back")
    op.execute("UPDATE message SET state = 'dropped' WHERE state = 'suppressed'")
    say_states(OLD_STATES)
    op.drop_index("ix_message_ahead", "message")
    op.drop_column("message", "override")
    op.drop_column("message", "address_id")
    for table in ("message_texted_back", "message_preference", "message_stop", "message_address"):
        op.drop_table(table)


def say_states(states: str) -> None:
    op.drop_constraint(op.f("ck_message_state"), "message", type_="check")
    op.create_check_constraint(op.f("ck_message_state"), "message", states)
