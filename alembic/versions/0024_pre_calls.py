"""Calls of more than two: tickets by participant, what is written in a call, and where its media live."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0024"
down_revision: str | None = "0023"
branch_labels = None
depends_on = None

SIDE = "ck_video_ticket_side"


def upgrade() -> None:
    widen_video_ticket()
    create_chat_message()
    create_media_node()
    create_media_lease()


def downgrade() -> None:
    op.drop_table("media_lease")
    op.drop_table("media_node")
    op.drop_table("chat_message")
    op.execute("DELETE FROM video_ticket WHERE role = 'guest' OR person_id IS NULL")  # good for a minute only
    op.drop_constraint(op.f(SIDE), "video_ticket", type_="check")
    op.create_check_constraint(op.f(SIDE), "video_ticket", "role IN ('clinician', 'patient')")
    op.alter_column("video_ticket", "person_id", nullable=False)
    op.drop_column("video_ticket", "polled_until")
    op.drop_constraint(op.f("fk_video_ticket_participant_id"), "video_ticket", type_="foreignkey")
    op.drop_column("video_ticket", "participant_id")


def widen_video_ticket() -> None:
    """A ticket that an older process writes meanwhile names no participant, and opens nothing."""
    op.add_column("video_ticket", sa.Column("participant_id", sa.Uuid(), nullable=True))
    op.add_column("video_ticket", sa.Column("polled_until", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("video_ticket", "person_id", nullable=True)
    op.create_foreign_key(
        op.f("fk_video_ticket_participant_id"), "video_ticket", "participant", ["participant_id"], ["id"]
    )
    op.drop_constraint(op.f(SIDE), "video_ticket", type_="check")
    op.create_check_constraint(op.f(SIDE), "video_ticket", "role IN ('clinician', 'patient', 'guest')")


def create_chat_message() -> None:
    op.create_table(
        "chat_message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("session", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("heard_by", postgresql.ARRAY(sa.Uuid()), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_chat_message_visit_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_chat_message_participant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chat_message")),
        sa.UniqueConstraint("visit_id", "session", "number", name=op.f("uq_chat_message_visit_id_session_number")),
    )
    op.create_index("ix_chat_message_visit_id_at", "chat_message", ["visit_id", "at"])


def create_media_node() -> None:
    op.create_table(
        "media_node",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("reported_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("load", sa.Float(), nullable=False),
        sa.Column("draining", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_media_node")),
    )


def create_media_lease() -> None:
    op.create_table(
        "media_lease",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("node", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("epoch > 0", name=op.f("ck_media_lease_epoch")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_media_lease_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_media_lease")),
    )
    op.create_index(
        "ix_media_lease_expires_at_live", "media_lease", ["expires_at"], postgresql_where=sa.text("NOT released")
    )
