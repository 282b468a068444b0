"""Since when the house is open, and when its clinicians were last there."""

import sqlalchemy as sa

from alembic import op

revision = "0023"
down_revision: str | None = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "open_doors",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("open_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_open_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_open_doors_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_doors")),
    )
    op.create_table(
        "clinician_presence",
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_clinician_presence_clinician_id")),
        sa.PrimaryKeyConstraint("clinician_id", name=op.f("pk_clinician_presence")),
    )


def downgrade() -> None:
    op.drop_table("clinician_presence")
    op.drop_table("open_doors")
