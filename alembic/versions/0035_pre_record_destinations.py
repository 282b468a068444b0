"""What all workers know together of a record service: its breaker, and the tokens that are left of its rate."""

import sqlalchemy as sa

from alembic import op

revision = "0035"
down_revision: str | None = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "record_destination",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False, server_default=sa.text("0")),
        sa.Column("probe_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("refused", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("tokens", sa.Float(), nullable=False, server_default=sa.text("0")),
        sa.Column("filled_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_record_destination")),
    )


def downgrade() -> None:
    op.drop_table("record_destination")
