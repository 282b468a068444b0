"""Integrations read follow-up tasks in the order in which they changed."""

from alembic import op

revision = "0044"
down_revision: str | None = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_follow_up_task_moved_at", "follow_up_task", ["moved_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_follow_up_task_moved_at", "follow_up_task")
