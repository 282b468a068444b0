"""How many alerts an integration has told lately is looked up by each that it tells."""

from alembic import op

revision = "0059"
down_revision: str | None = "0058"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_device_alert_received_at", "device_alert", ["integration_id", "severity", "received_at"])


def downgrade() -> None:
    op.drop_index("ix_device_alert_received_at", "device_alert")
