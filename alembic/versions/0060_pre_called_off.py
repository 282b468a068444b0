"""What patients say who cancel their visit themselves, sealed."""

import sqlalchemy as sa

from alembic import op

revision = "0060"
down_revision: str | None = "0059"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "called_off",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_called_off_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_called_off")),
    )


def downgrade() -> None:
    op.drop_table("called_off")
