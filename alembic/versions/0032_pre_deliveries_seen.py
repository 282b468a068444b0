"""Why a delivery is held, and what was found of it in the record since."""

import sqlalchemy as sa

from alembic import op

revision = "0032"
down_revision: str | None = "0031"
branch_labels = None
depends_on = None

LISTED = sa.text("state <> 'delivered' OR finding IS NOT NULL")
ARRIVED = sa.text("state = 'delivered'")


def upgrade() -> None:
    op.add_column("record_delivery", sa.Column("reason", sa.String(), nullable=True))
    op.add_column("record_delivery", sa.Column("seen_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("record_delivery", sa.Column("finding", sa.String(), nullable=True))
    op.create_check_constraint(
        op.f("ck_record_delivery_finding"),
        "record_delivery",
        "finding IN ('missing', 'duplicate', 'changed', 'retracted')",
    )
    op.create_index("ix_record_delivery_listed", "record_delivery", ["since", "id"], postgresql_where=LISTED)
    op.create_index("ix_record_delivery_seen", "record_delivery", ["destination", "seen_at"], postgresql_where=ARRIVED)


def downgrade() -> None:
    op.drop_index("ix_record_delivery_seen", "record_delivery")
    op.drop_index("ix_record_delivery_listed", "record_delivery")
    op.drop_constraint("ck_record_delivery_finding", "record_delivery")
    op.drop_column("record_delivery", "finding")
    op.drop_column("record_delivery", "seen_at")
    op.drop_column("record_delivery", "reason")
