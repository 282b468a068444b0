"""What patients are asked may be to do something: then there are no questions to answer."""

import sqlalchemy as sa

from alembic import op

revision = "0054"
down_revision: str | None = "0053"
branch_labels = None
depends_on = None

ASKED = "SELECT count(*) FROM monitoring_request WHERE form_id IS NULL"


def upgrade() -> None:
    op.alter_column("monitoring_request", "form_id", existing_type=sa.Uuid(), nullable=True)


def downgrade() -> None:
    """Refused once a patient was asked to do something: an earlier release looks for the questions."""
    if op.get_bind().scalar(sa.text(ASKED)):
        raise RuntimeError("patients were asked to do something: this release cannot be taken back")
    op.execute("DELETE FROM message_text WHERE kind IN ('to_do', 'to_do_open')")
    op.alter_column("monitoring_request", "form_id", existing_type=sa.Uuid(), nullable=False)
