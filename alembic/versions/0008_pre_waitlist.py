"""Who would come earlier, and what they were offered."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_waitlist_entry()
    create_waitlist_offer()


def downgrade() -> None:
    op.drop_table("waitlist_offer")
    op.drop_table("waitlist_entry")


def create_waitlist_entry() -> None:
    op.create_table(
        "waitlist_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_ids", postgresql.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("wishes", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("min_lead", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("priority", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("earlier_than", sa.DateTime(timezone=True), nullable=True),
        sa.Column("state", sa.String(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'booked', 'withdrawn', 'lapsed')", name=op.f("ck_waitlist_entry_state")
        ),
        sa.CheckConstraint("min_lead >= 0", name=op.f("ck_waitlist_entry_min_lead")),
        sa.CheckConstraint("first <= last", name=op.f("ck_waitlist_entry_dates")),
        sa.CheckConstraint("(visit_id IS NULL) = (earlier_than IS NULL)", name=op.f("ck_waitlist_entry_earlier")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_waitlist_entry_patient_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_waitlist_entry_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_entry")),
    )
    waiting = sa.text("state = 'waiting'")
    op.create_index(
        "ix_waitlist_entry_place",
        "waitlist_entry",
        [sa.text("priority DESC"), "joined_at", "id"],
        postgresql_where=waiting,
    )
    op.create_index("ix_waitlist_entry_patient_id", "waitlist_entry", ["patient_id"])
    op.create_index("uq_waitlist_entry_visit", "waitlist_entry", ["visit_id"], unique=True, postgresql_where=waiting)


def create_waitlist_offer() -> None:
    op.create_table(
        "waitlist_offer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("round_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("mode", sa.String(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'open'"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("link_hash", sa.LargeBinary(), nullable=False),
        sa.Column("link", sa.LargeBinary(), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("mode IN ('exclusive', 'broadcast')", name=op.f("ck_waitlist_offer_mode")),
        sa.CheckConstraint(
            "state IN ('open', 'accepted', 'declined', 'expired', 'gone')", name=op.f("ck_waitlist_offer_state")
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_waitlist_offer_times")),
        sa.ForeignKeyConstraint(["entry_id"], ["waitlist_entry.id"], name=op.f("fk_waitlist_offer_entry_id")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_waitlist_offer_clinician_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_waitlist_offer_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waitlist_offer")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_waitlist_offer_link_hash")),
    )
    still_open = sa.text("state = 'open'")
    op.create_index("ix_waitlist_offer_round_id", "waitlist_offer", ["round_id"])
    op.create_index("ix_waitlist_offer_entry_id", "waitlist_offer", ["entry_id"])
    op.create_index("uq_waitlist_offer_open", "waitlist_offer", ["entry_id"], unique=True, postgresql_where=still_open)
    op.create_index("ix_waitlist_offer_expires_at", "waitlist_offer", ["expires_at"], postgresql_where=still_open)
    op.create_index("ix_waitlist_offer_clinician_id_starts_at", "waitlist_offer", ["clinician_id", "starts_at"])
