"""Credentials of devices and observers, and the connection each has."""

import sqlalchemy as sa

from alembic import op

revision = "0039"
down_revision: str | None = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "media_credential",
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seat", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("epoch", sa.Integer(), nullable=True),
        sa.Column("ice", sa.Integer(), nullable=True),
        sa.CheckConstraint("kind IN ('device', 'observer')", name=op.f("ck_media_credential_kind")),
        sa.CheckConstraint("(session_id IS NULL) = (opened_at IS NULL)", name=op.f("ck_media_credential_session")),
        sa.CheckConstraint("num_nonnulls(seat, url, epoch, ice) IN (0, 4)", name=op.f("ck_media_credential_place")),
        sa.CheckConstraint("session_id IS NOT NULL OR epoch IS NULL", name=op.f("ck_media_credential_placed")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_media_credential_participant_id")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_media_credential_visit_id")),
        sa.PrimaryKeyConstraint("participant_id", name=op.f("pk_media_credential")),
        sa.UniqueConstraint("secret", name=op.f("uq_media_credential_secret")),
        sa.UniqueConstraint("session_id", name=op.f("uq_media_credential_session_id")),
    )
    op.create_index("ix_media_credential_visit_id", "media_credential", ["visit_id"])


def downgrade() -> None:
    op.drop_table("media_credential")
