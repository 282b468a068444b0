"""How far each participant has come; companions with a name of their own; sessions by their visit."""

import sqlalchemy as sa

from alembic import op

revision = "0017"
down_revision: str | None = "0016"
branch_labels = None
depends_on = None

# Where the visit has got to says where the patient and the clinician are. Whoever was put out is out.
FILL = """
UPDATE participant SET
  since = coalesce(participant.revoked_at, participant.verified_at, participant.created_at),
  state = CASE
    WHEN participant.revoked_at IS NOT NULL THEN 'revoked'
    WHEN participant.role = 'patient' AND participant.verified_at IS NULL THEN 'invited'
    WHEN visit.status = 'admitting' THEN 'admitted'
    WHEN visit.status = 'in_progress' THEN 'connected'
    WHEN visit.status = 'interrupted' THEN 'disconnected'
    WHEN participant.role = 'clinician' THEN 'invited'
    WHEN visit.status = 'ready' THEN 'waiting'
    WHEN visit.status IN ('requested', 'held', 'booked', 'arrived') THEN 'verified'
    ELSE 'left'
  END
FROM visit WHERE visit.id = participant.visit_id
"""


def upgrade() -> None:
    op.alter_column("participant", "person_id", nullable=True)
    op.add_column("participant", sa.Column("state", sa.String(), server_default=sa.text("'invited'"), nullable=False))
    op.add_column(
        "participant", sa.Column("since", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False)
    )
    op.add_column("participant", sa.Column("name", sa.String(), nullable=True))
    op.add_column("participant", sa.Column("email", sa.String(), nullable=True))
    op.add_column("participant", sa.Column("phone", sa.LargeBinary(), nullable=True))
    op.add_column("participant", sa.Column("language", sa.String(), server_default=sa.text("'en'"), nullable=False))
    op.add_column(
        "participant", sa.Column("invited_as", sa.String(), server_default=sa.text("'system'"), nullable=False)
    )
    op.create_check_constraint("somebody", "participant", "num_nonnulls(person_id, name) >= 1")
    op.execute(FILL)
    op.create_index("ix_session_visit_id", "session", ["visit_id"])


def downgrade() -> None:
    op.drop_index("ix_session_visit_id", "session")
    op.execute("DELETE FROM session WHERE participant_id IN (SELECT id FROM participant WHERE person_id IS NULL)")
    op.execute("DELETE FROM participant WHERE person_id IS NULL")
    op.drop_constraint(op.f("ck_participant_somebody"), "participant")
    for column in ("invited_as", "language", "phone", "email", "name", "since", "state"):
        op.drop_column("participant", column)
    op.alter_column("participant", "person_id", nullable=False)
