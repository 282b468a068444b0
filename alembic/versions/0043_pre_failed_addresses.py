"""Addresses that do not work, and the desk's task about each."""

import sqlalchemy as sa

from alembic import op

revision = "0043"
down_revision: str | None = "0042"
branch_labels = None
depends_on = None

COLUMNS = (
    ("failed_at", sa.DateTime(timezone=True)),
    ("fault", sa.String()),
    ("task_id", sa.Uuid()),
    ("patient_id", sa.Uuid()),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("message_address", sa.Column(name, kind, nullable=True))
    told = sa.text("patient_id IS NOT NULL")
    op.create_index("ix_message_address_patient_id", "message_address", ["patient_id"], postgresql_where=told)


def downgrade() -> None:
    """What failed fails again, and is told to the desk once more by the next release."""
    op.drop_index("ix_message_address_patient_id", "message_address")
    for name, _ in COLUMNS:
        op.drop_column("message_address", name)
