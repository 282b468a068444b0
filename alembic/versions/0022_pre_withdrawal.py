"""Consent can be taken back, and given again."""

import sqlalchemy as sa

from alembic import op

revision = "0022"
down_revision: str | None = "0021"
branch_labels = None
depends_on = None

STEP = """command || ':' || COALESCE(before, '') || ':' || after IN (
    'request::requested',
    'hold::held',
    'hold:requested:held',
    'expire:held:expired',
    'release:held:expired',
    'book::booked',
    'book:held:booked',
    'book:requested:booked',
    'reschedule:booked:booked',
    'arrive:booked:arrived',
    'check:arrived:arrived',
    'check:ready:ready',
    'attest:arrived:arrived',
    'attest:ready:ready',
    'waive:arrived:arrived',
    'waive:booked:booked',
    'waive:ready:ready',
    'withdraw:admitting:arrived',
    'withdraw:arrived:arrived',
    'withdraw:booked:booked',
    'withdraw:in_progress:in_progress',
    'withdraw:interrupted:interrupted',
    'withdraw:ready:arrived',
    'away:arrived:arrived',
    'away:ready:ready',
    'back:arrived:arrived',
    'back:ready:ready',
    'make_ready:arrived:ready',
    'admit:ready:admitting',
    'no_answer:admitting:ready',
    'put_back:admitting:ready',
    'hand_over:admitting:admitting',
    'hand_over:arrived:arrived',
    'hand_over:booked:booked',
    'hand_over:in_progress:in_progress',
    'hand_over:interrupted:interrupted',
    'hand_over:ready:ready',
    'connect:admitting:in_progress',
    'drop:in_progress:interrupted',
    'resume:interrupted:in_progress',
    'end:in_progress:ended',
    'end:interrupted:ended',
    'complete:ended:completed',
    'cancel:admitting:cancelled',
    'cancel:arrived:cancelled',
    'cancel:booked:cancelled',
    'cancel:held:cancelled',
    'cancel:ready:cancelled',
    'cancel:requested:cancelled',
    'patient_no_show:booked:patient_no_show',
    'provider_no_show:arrived:provider_no_show',
    'provider_no_show:ready:provider_no_show',
    'leave:arrived:left_unseen',
    'leave:ready:left_unseen',
    'fail:admitting:incomplete',
    'fail:in_progress:incomplete',
    'fail:interrupted:incomplete',
    'mark_error:admitting:entered_in_error',
    'mark_error:arrived:entered_in_error',
    'mark_error:booked:entered_in_error',
    'mark_error:cancelled:entered_in_error',
    'mark_error:completed:entered_in_error',
    'mark_error:ended:entered_in_error',
    'mark_error:expired:entered_in_error',
    'mark_error:held:entered_in_error',
    'mark_error:in_progress:entered_in_error',
    'mark_error:incomplete:entered_in_error',
    'mark_error:interrupted:entered_in_error',
    'mark_error:left_unseen:entered_in_error',
    'mark_error:patient_no_show:entered_in_error',
    'mark_error:provider_no_show:entered_in_error',
    'mark_error:ready:entered_in_error',
    'mark_error:requested:entered_in_error',
    'correct:incomplete:admitting',
    'correct:incomplete:in_progress',
    'correct:incomplete:interrupted',
    'correct:left_unseen:arrived',
    'correct:left_unseen:ready',
    'correct:patient_no_show:booked',
    'correct:provider_no_show:arrived',
    'correct:provider_no_show:ready'
)"""
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.add_column("consent", sa.Column("number", sa.Integer(), server_default=sa.text("1"), nullable=False))
    op.drop_constraint(op.f("uq_consent_visit_id_consent_text_id"), "consent")
    op.create_unique_constraint(
        op.f("uq_consent_visit_id_consent_text_id_number"), "consent", ["visit_id", "consent_text_id", "number"]
    )
    op.create_table(
        "consent_withdrawal",
        sa.Column("consent_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("participant_id", sa.Uuid(), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["consent_id"], ["consent.id"], name=op.f("fk_consent_withdrawal_consent_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_consent_withdrawal_visit_id")),
        sa.ForeignKeyConstraint(
            ["participant_id"], ["participant.id"], name=op.f("fk_consent_withdrawal_participant_id")
        ),
        sa.PrimaryKeyConstraint("consent_id", name=op.f("pk_consent_withdrawal")),
    )
    op.create_index("ix_consent_withdrawal_visit_id", "consent_withdrawal", ["visit_id"])
    for table in ("consent", "consent_withdrawal"):
        op.execute(APPEND_ONLY.format(table=table))
    replace_step(STEP)


def downgrade() -> None:
    """A consent that was taken back is none. The history of a visit stays as it is, checked by what the machine was."""
    op.execute("DROP TRIGGER append_only ON consent")
    op.drop_constraint(op.f("fk_consent_withdrawal_consent_id"), "consent_withdrawal")
    op.execute("DELETE FROM consent WHERE id IN (SELECT consent_id FROM consent_withdrawal)")
    op.drop_table("consent_withdrawal")
    op.drop_constraint(op.f("uq_consent_visit_id_consent_text_id_number"), "consent")
    op.create_unique_constraint(op.f("uq_consent_visit_id_consent_text_id"), "consent", ["visit_id", "consent_text_id"])
    op.drop_column("consent", "number")
    former = "\n".join(line for line in STEP.splitlines() if "'withdraw:" not in line)
    replace_step(former, "NOT VALID")


def replace_step(condition: str, options: str = "") -> None:
    op.drop_constraint(op.f("ck_visit_event_step"), "visit_event")
    op.execute(f"ALTER TABLE visit_event ADD CONSTRAINT ck_visit_event_step CHECK ({condition}) {options}")
