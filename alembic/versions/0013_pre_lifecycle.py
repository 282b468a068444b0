"""What is due by itself as rows, histories that rebuild the visit, and patience by kind of visit."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0013"
down_revision: str | None = "0012"
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
# What is known of visits that began before their history said what changes: how they stand at its last entry.
AS_THEY_STAND = """
UPDATE visit_event SET changes = to_jsonb(visit) - '{id,status,revision,created_at,changed_at}'::text[]
FROM visit WHERE visit.id = visit_event.visit_id AND visit.revision = visit_event.seq
"""
DUE = """
INSERT INTO timer (id, visit_id, kind, due_at)
SELECT gen_random_uuid(), id, {kind}, changed_at + {after} FROM visit WHERE status = {status}
"""
PATIENCE = ("grace", 5), ("patient_no_show_after", 15), ("provider_no_show_after", 30)


def upgrade() -> None:
    for table in ("visit_type", "visit"):
        for name, minutes in PATIENCE:
            op.add_column(table, sa.Column(name, sa.Integer(), server_default=sa.text(str(minutes)), nullable=False))
        op.add_column(
            table, sa.Column("no_show_automatic", sa.Boolean(), server_default=sa.text("false"), nullable=False)
        )
    op.create_check_constraint(
        op.f("ck_visit_type_patience"),
        "visit_type",
        "grace > 0 AND patient_no_show_after > 0 AND provider_no_show_after > 0",
    )
    op.add_column("visit", sa.Column("away_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "visit_event", sa.Column("changes", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False)
    )
    op.execute("ALTER TABLE visit_event DISABLE TRIGGER append_only")
    op.execute(AS_THEY_STAND)
    op.execute("ALTER TABLE visit_event ENABLE TRIGGER append_only")
    op.create_check_constraint(op.f("ck_visit_event_step"), "visit_event", STEP)
    _create_timer()
    op.execute(DUE.format(kind="'answer'", after="interval '60 seconds'", status="'admitting'"))
    op.execute(DUE.format(kind="'grace'", after="interval '5 minutes'", status="'interrupted'"))


def _create_timer() -> None:
    op.create_table(
        "timer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('answer', 'grace', 'away', 'patient_no_show', 'provider_no_show')", name=op.f("ck_timer_kind")
        ),
        sa.CheckConstraint("outcome IN ('fired', 'moot')", name=op.f("ck_timer_outcome")),
        sa.CheckConstraint("(settled_at IS NULL) = (outcome IS NULL)", name=op.f("ck_timer_settled")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_timer_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_timer")),
    )
    still_open = sa.text("settled_at IS NULL")
    op.create_index(
        "uq_timer_visit_id_kind_open", "timer", ["visit_id", "kind"], unique=True, postgresql_where=still_open
    )
    op.create_index("ix_timer_due_at_open", "timer", ["due_at"], postgresql_where=still_open)


def downgrade() -> None:
    op.drop_table("timer")
    op.drop_constraint(op.f("ck_visit_event_step"), "visit_event")
    op.drop_column("visit_event", "changes")
    op.drop_column("visit", "away_since")
    op.drop_constraint(op.f("ck_visit_type_patience"), "visit_type")
    for table in ("visit", "visit_type"):
        for name in ("no_show_automatic", "provider_no_show_after", "patient_no_show_after", "grace"):
            op.drop_column(table, name)
