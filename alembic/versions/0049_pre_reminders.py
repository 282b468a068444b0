"""When patients are reminded of a visit, by its kind."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0049"
down_revision: str | None = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    default = sa.text("'[1440, 60, 10]'")
    op.add_column("visit_type", sa.Column("reminders", postgresql.JSONB(), server_default=default, nullable=False))


def downgrade() -> None:
    """Every kind of visit is reminded of a day, an hour and ten minutes before again."""
    op.drop_column("visit_type", "reminders")
