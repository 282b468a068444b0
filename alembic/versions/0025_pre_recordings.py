"""Recordings of calls: who asked, who agreed, what was written, and until when it is kept."""

import sqlalchemy as sa

from alembic import op

revision = "0025"
down_revision: str | None = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_recording()
    create_recording_consent()
    create_recording_track()


def downgrade() -> None:
    op.drop_table("recording_track")
    op.drop_table("recording_consent")
    op.drop_table("recording")


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def create_recording() -> None:
    op.create_table(
        "recording",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        _instant("asked_at", nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=True),
        _instant("started_at"),
        _instant("renewed_at"),
        _instant("stopped_at"),
        sa.Column("stopped_by", sa.Uuid(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        _instant("delete_after"),
        _instant("deleted_at"),
        sa.CheckConstraint("why IN ('stopped', 'declined', 'over')", name=op.f("ck_recording_why")),
        sa.CheckConstraint("(stopped_at IS NULL) = (why IS NULL)", name=op.f("ck_recording_ending")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_recording_visit_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["participant.id"], name=op.f("fk_recording_asked_by")),
        sa.ForeignKeyConstraint(["stopped_by"], ["participant.id"], name=op.f("fk_recording_stopped_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recording")),
    )
    op.create_index("ix_recording_visit_id", "recording", ["visit_id"])
    running, kept = sa.text("stopped_at IS NULL"), sa.text("deleted_at IS NULL")
    op.create_index("ix_recording_asked_at_open", "recording", ["asked_at"], postgresql_where=running)
    op.create_index("ix_recording_delete_after_kept", "recording", ["delete_after"], postgresql_where=kept)


def create_recording_consent() -> None:
    op.create_table(
        "recording_consent",
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        _instant("given_at"),
        _instant("withdrawn_at"),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_recording_consent_recording_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_recording_consent_participant_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", "participant_id", name=op.f("pk_recording_consent")),
    )


def create_recording_track() -> None:
    op.create_table(
        "recording_track",
        sa.Column("file", sa.Uuid(), nullable=False),
        sa.Column("recording_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("codec", sa.String(), nullable=False),
        sa.Column("offset_ms", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("chunks", sa.Integer(), nullable=False),
        sa.Column("octets", sa.BigInteger(), nullable=False),
        sa.Column("head", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recording.id"], name=op.f("fk_recording_track_recording_id")),
        sa.ForeignKeyConstraint(["participant_id"], ["participant.id"], name=op.f("fk_recording_track_participant_id")),
        sa.PrimaryKeyConstraint("file", name=op.f("pk_recording_track")),
    )
    op.create_index(op.f("ix_recording_track_recording_id"), "recording_track", ["recording_id"])
