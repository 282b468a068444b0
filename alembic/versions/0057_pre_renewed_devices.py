"""A browser whose push service takes nothing any more may tell the place that it has been given since."""

import sqlalchemy as sa

from alembic import op

revision = "0057"
down_revision: str | None = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("push_device", sa.Column("gone_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """What is gone is forgotten, as it was before."""
    op.execute("DELETE FROM push_device WHERE gone_at IS NOT NULL")
    op.drop_column("push_device", "gone_at")
