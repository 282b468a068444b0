"""Alerts that go from one to the next until somebody takes them on, and the rules of a clinic for it."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0019"
down_revision: str | None = "0018"
branch_labels = None
depends_on = None

KINDS = "kind IN ('waiting', 'queued', 'locked_link', 'unjoinable')"
WHOM = "whom IN ('board', 'clinician', 'pool', 'coordinator')"
OPEN = sa.text("closed_at IS NULL")
UNHEARD = sa.text("closed_at IS NULL AND acknowledged_at IS NULL AND next_at IS NOT NULL")
APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON alert_step
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    create_alert()
    create_alert_step()
    create_escalation_rule()


def downgrade() -> None:
    op.drop_table("escalation_rule")
    op.drop_table("alert_step")
    op.drop_table("alert")


def create_alert() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("queue_entry_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("place", sa.String(), nullable=True),
        sa.Column("faults", postgresql.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("step", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("acknowledged_by", sa.Uuid(), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closing", sa.String(), nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_alert_kind")),
        sa.CheckConstraint("num_nonnulls(visit_id, queue_entry_id) = 1", name=op.f("ck_alert_one_subject")),
        sa.CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name=op.f("ck_alert_acknowledged")),
        sa.CheckConstraint("closing IN ('over', 'mended', 'taken_on', 'again')", name=op.f("ck_alert_closing")),
        sa.CheckConstraint("(closed_at IS NULL) = (closing IS NULL)", name=op.f("ck_alert_closed")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_alert_visit_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_alert_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_visit_id", "alert", ["visit_id"])
    op.create_index("uq_alert_visit_id_open", "alert", ["visit_id", "kind"], unique=True, postgresql_where=OPEN)
    op.create_index(
        "uq_alert_queue_entry_id_open", "alert", ["queue_entry_id", "kind"], unique=True, postgresql_where=OPEN
    )
    op.create_index("ix_alert_next_at", "alert", ["next_at"], postgresql_where=UNHEARD)


def create_alert_step() -> None:
    op.create_table(
        "alert_step",
        sa.Column("alert_id", sa.Uuid(), nullable=False),
        sa.Column("rung", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("whom", sa.String(), nullable=False),
        sa.Column("way", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=True),
        sa.Column("recipient_id", sa.Uuid(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.CheckConstraint(WHOM, name=op.f("ck_alert_step_whom")),
        sa.CheckConstraint("way IN ('board', 'mail')", name=op.f("ck_alert_step_way")),
        sa.CheckConstraint("(role IS NULL) = (recipient_id IS NULL)", name=op.f("ck_alert_step_recipient")),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_alert_step_alert_id")),
        sa.PrimaryKeyConstraint("alert_id", "rung", "number", name=op.f("pk_alert_step")),
    )
    op.create_index("ix_alert_step_recipient_id", "alert_step", ["recipient_id"])
    op.execute(APPEND_ONLY)


def create_escalation_rule() -> None:
    op.create_table(
        "escalation_rule",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("rung", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("whom", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=True),
        sa.CheckConstraint(KINDS, name=op.f("ck_escalation_rule_kind")),
        sa.CheckConstraint(WHOM, name=op.f("ck_escalation_rule_whom")),
        sa.CheckConstraint("after >= 0", name=op.f("ck_escalation_rule_after")),
        sa.CheckConstraint("address IS NULL OR whom = 'coordinator'", name=op.f("ck_escalation_rule_address")),
        sa.PrimaryKeyConstraint("kind", "rung", name=op.f("pk_escalation_rule")),
    )
