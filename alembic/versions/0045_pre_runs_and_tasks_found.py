"""What was started for a visit, and the follow-up tasks of a patient in the order in which they changed."""

from alembic import op

revision = "0045"
down_revision: str | None = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_care_pathway_run_visit_id", "care_pathway_run", ["visit_id"])
    op.create_index("ix_follow_up_task_patient_moved_at", "follow_up_task", ["patient_id", "moved_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_follow_up_task_patient_moved_at", "follow_up_task")
    op.drop_index("ix_care_pathway_run_visit_id", "care_pathway_run")
