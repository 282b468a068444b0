"""Licences by jurisdiction, where patients say they will be, and where they said they were at a visit."""

import sqlalchemy as sa

from alembic import op

revision = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_licence()
    create_patient_location()
    op.add_column("visit", sa.Column("location", sa.String(), nullable=True))
    op.add_column("visit", sa.Column("location_attested_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("visit", sa.Column("licensed_there", sa.Boolean(), nullable=True))
    op.create_check_constraint(
        op.f("ck_visit_location"), "visit", "(location IS NULL) = (location_attested_at IS NULL)"
    )


def downgrade() -> None:
    op.drop_constraint(op.f("ck_visit_location"), "visit", type_="check")
    op.drop_column("visit", "licensed_there")
    op.drop_column("visit", "location_attested_at")
    op.drop_column("visit", "location")
    op.drop_table("patient_location")
    op.drop_table("licence")


def create_licence() -> None:
    op.create_table(
        "licence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.String(), nullable=False),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("first <= last", name=op.f("ck_licence_dates")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_licence_clinician_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_licence")),
    )
    op.create_index(op.f("ix_licence_clinician_id"), "licence", ["clinician_id"], unique=False)
    op.create_index(op.f("ix_licence_jurisdiction"), "licence", ["jurisdiction"], unique=False)


def create_patient_location() -> None:
    op.create_table(
        "patient_location",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("jurisdiction", sa.String(), nullable=False),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("attested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attested_by", sa.String(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("first <= last", name=op.f("ck_patient_location_dates")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_patient_location_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient_location")),
    )
    op.create_index(
        "ix_patient_location_patient_id",
        "patient_location",
        ["patient_id", "position"],
        unique=False,
        postgresql_where=sa.text("withdrawn_at IS NULL"),
    )
