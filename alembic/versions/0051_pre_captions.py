"""Captions of calls: who asked, who agreed, from when until when. What was said is kept nowhere."""

import sqlalchemy as sa

from alembic import op

revision = "0051"
down_revision: str | None = "0050"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_captioning()
    create_captioning_consent()


def downgrade() -> None:
    op.drop_table("captioning_consent")
    op.drop_table("captioning")


def _instant(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def create_captioning() -> None:
    op.create_table(
        "captioning",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=False),
        _instant("asked_at", nullable=False),
        _instant("started_at"),
        _instant("renewed_at"),
        _instant("stopped_at"),
        sa.Column("stopped_by", sa.Uuid(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.CheckConstraint("why IN ('stopped', 'declined', 'over')", name=op.f("ck_captioning_why")),
        sa.CheckConstraint("(stopped_at IS NULL) = (why IS NULL)", name=op.f("ck_captioning_ending")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_captioning_visit_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["participant.id"], name=op.f("fk_captioning_asked_by")),
        sa.ForeignKeyConstraint(["stopped_by"], ["participant.id"], name=op.f("fk_captioning_stopped_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_captioning")),
    )
    op.create_index("ix_captioning_visit_id", "captioning", ["visit_id"])
    running = sa.text("stopped_at IS NULL")
    op.create_index("ix_captioning_asked_at_open", "captioning", ["asked_at"], postgresql_where=running)


def create_captioning_consent() -> None:
    op.create_table(
        "captioning_consent",
        sa.Column("captioning_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        _instant("given_at"),
        _instant("withdrawn_at"),
        sa.ForeignKeyConstraint(["captioning_id"], ["captioning.id"], name=op.f("fk_captioning_consent_captioning_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_captioning_consent_participant_id")
        ),
        sa.PrimaryKeyConstraint("captioning_id", "participant_id", name=op.f("pk_captioning_consent")),
    )
