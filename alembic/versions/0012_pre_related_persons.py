"""Who may act for a patient."""

import sqlalchemy as sa

from alembic import op

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "related_person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("relationship", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("may_join", sa.Boolean(), nullable=False),
        sa.Column("may_book", sa.Boolean(), nullable=False),
        sa.Column("begins_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "relationship IN ('parent', 'guardian', 'power_of_attorney', 'representative')",
            name=op.f("ck_related_person_relationship"),
        ),
        sa.CheckConstraint("begins_at <= ends_at", name=op.f("ck_related_person_times")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_related_person_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_related_person")),
    )
    op.create_index("ix_related_person_patient_id", "related_person", ["patient_id"])


def downgrade() -> None:
    op.drop_table("related_person")
