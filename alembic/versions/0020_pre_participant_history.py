"""What happened to whoever takes part in a visit, as entries; their states are those of their machine."""

import sqlalchemy as sa

from alembic import op

revision = "0020"
down_revision: str | None = "0019"
branch_labels = None
depends_on = None

STATE = """state IN (
    'invited', 'notified', 'opened', 'verified', 'checked', 'waiting', 'admitted', 'connected', 'disconnected', 'left',
    'removed', 'revoked'
)"""
STEP = """step || ':' || COALESCE(before, '') || ':' || after IN (
    'admit:invited:admitted',
    'admit:left:admitted',
    'admit:notified:admitted',
    'admit:opened:admitted',
    'admit:waiting:admitted',
    'carry_over:invited:admitted',
    'carry_over:invited:checked',
    'carry_over:invited:connected',
    'carry_over:invited:disconnected',
    'carry_over:invited:invited',
    'carry_over:invited:left',
    'carry_over:invited:notified',
    'carry_over:invited:opened',
    'carry_over:invited:removed',
    'carry_over:invited:revoked',
    'carry_over:invited:verified',
    'carry_over:invited:waiting',
    'check:checked:checked',
    'check:verified:checked',
    'connect:admitted:connected',
    'connect:disconnected:connected',
    'disconnect:connected:disconnected',
    'hand_over:admitted:revoked',
    'hand_over:checked:revoked',
    'hand_over:connected:revoked',
    'hand_over:disconnected:revoked',
    'hand_over:invited:revoked',
    'hand_over:left:revoked',
    'hand_over:notified:revoked',
    'hand_over:opened:revoked',
    'hand_over:verified:revoked',
    'hand_over:waiting:revoked',
    'invite::invited',
    'invite_again:removed:invited',
    'invite_again:revoked:invited',
    'leave:admitted:left',
    'leave:checked:left',
    'leave:connected:left',
    'leave:disconnected:left',
    'leave:verified:left',
    'leave:waiting:left',
    'lock:admitted:admitted',
    'lock:checked:checked',
    'lock:connected:connected',
    'lock:disconnected:disconnected',
    'lock:invited:invited',
    'lock:left:left',
    'lock:notified:notified',
    'lock:opened:opened',
    'lock:verified:verified',
    'lock:waiting:waiting',
    'notify:invited:notified',
    'open:invited:opened',
    'open:notified:opened',
    'remove:admitted:removed',
    'remove:checked:removed',
    'remove:connected:removed',
    'remove:disconnected:removed',
    'remove:left:removed',
    'remove:verified:removed',
    'remove:waiting:removed',
    'renew:admitted:invited',
    'renew:checked:invited',
    'renew:connected:invited',
    'renew:disconnected:invited',
    'renew:invited:invited',
    'renew:left:invited',
    'renew:notified:invited',
    'renew:opened:invited',
    'renew:verified:invited',
    'renew:waiting:invited',
    'resend:admitted:admitted',
    'resend:checked:checked',
    'resend:connected:connected',
    'resend:disconnected:disconnected',
    'resend:invited:invited',
    'resend:left:left',
    'resend:notified:notified',
    'resend:opened:opened',
    'resend:verified:verified',
    'resend:waiting:waiting',
    'revoke:admitted:revoked',
    'revoke:checked:revoked',
    'revoke:connected:revoked',
    'revoke:disconnected:revoked',
    'revoke:invited:revoked',
    'revoke:left:revoked',
    'revoke:notified:revoked',
    'revoke:opened:revoked',
    'revoke:verified:revoked',
    'revoke:waiting:revoked',
    'take_over:removed:invited',
    'take_over:revoked:invited',
    'verify:admitted:admitted',
    'verify:checked:checked',
    'verify:connected:connected',
    'verify:disconnected:disconnected',
    'verify:invited:verified',
    'verify:left:verified',
    'verify:notified:verified',
    'verify:opened:verified',
    'verify:verified:verified',
    'verify:waiting:waiting',
    'wait:admitted:waiting',
    'wait:checked:waiting',
    'wait:left:waiting',
    'wait:verified:waiting'
)"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON participant_event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
INVITED = """
INSERT INTO participant_event (participant_id, seq, visit_id, at, step, actor_id, role, purpose, before, after)
SELECT id, 1, visit_id, created_at, 'invite', NULL, invited_as, 'TREAT', NULL, 'invited' FROM participant
"""
# How they came to be where they are was not written down: one entry says that they are there.
CARRIED_OVER = """
INSERT INTO participant_event (participant_id, seq, visit_id, at, step, actor_id, role, purpose, before, after)
SELECT id, 2, visit_id, since, 'carry_over', NULL, 'system', 'TREAT', 'invited', state FROM participant
WHERE state <> 'invited'
"""


def upgrade() -> None:
    op.create_table(
        "participant_event",
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.CheckConstraint(STEP, name=op.f("ck_participant_event_step")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_participant_event_participant_id")
        ),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_participant_event_visit_id")),
        sa.PrimaryKeyConstraint("participant_id", "seq", name=op.f("pk_participant_event")),
    )
    op.execute(INVITED)
    op.execute(CARRIED_OVER)
    op.create_index("ix_participant_event_visit_id", "participant_event", ["visit_id"])
    op.execute(APPEND_ONLY)
    op.create_check_constraint(op.f("ck_participant_state"), "participant", STATE)
    op.create_index("ix_participant_person_id", "participant", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_participant_person_id", "participant")
    op.drop_constraint(op.f("ck_participant_state"), "participant")
    op.drop_table("participant_event")
