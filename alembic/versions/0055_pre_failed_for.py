"""Whose message a provider did not take last: of one person's alone it does not count as away."""

import sqlalchemy as sa

from alembic import op

revision = "0055"
down_revision: str | None = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("message_provider", sa.Column("failed_for", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("message_provider", "failed_for")
