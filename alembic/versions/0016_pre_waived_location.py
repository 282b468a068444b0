"""Where a patient is for whom the clinician waived the licence."""

import sqlalchemy as sa

from alembic import op

revision = "0016"
down_revision: str | None = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("visit", sa.Column("waived_location", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("visit", "waived_location")
