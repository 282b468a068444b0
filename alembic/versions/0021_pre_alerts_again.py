"""Alerts that are raised again, one for what the whole house lacks, and after how long somebody is reminded."""

import sqlalchemy as sa

from alembic import op

revision = "0021"
down_revision: str | None = "0020"
branch_labels = None
depends_on = None

OLD_KINDS = "kind IN ('waiting', 'queued', 'locked_link', 'unjoinable')"
KINDS = "kind IN ('waiting', 'queued', 'locked_link', 'unjoinable', 'house')"
CHECKS = {
    "one_subject": "num_nonnulls(visit_id, queue_entry_id) = CASE kind WHEN 'house' THEN 0 ELSE 1 END",
    "patient": "(patient_id IS NULL) = (kind = 'house')",
    "affected": "(affected IS NULL) = (kind <> 'house')",
}
TAKEN_ON = sa.text("closed_at IS NULL AND acknowledged_at IS NOT NULL")
OPEN_OF_THE_HOUSE = sa.text("closed_at IS NULL AND kind = 'house'")
HISTORY_OFF, HISTORY_ON = (f"ALTER TABLE alert_step {word} TRIGGER append_only" for word in ("DISABLE", "ENABLE"))


def upgrade() -> None:
    op.add_column("alert", sa.Column("resumed_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("alert", sa.Column("affected", sa.Integer(), nullable=True))
    op.alter_column("alert", "patient_id", existing_type=sa.Uuid(), nullable=True)
    op.drop_constraint(op.f("ck_alert_one_subject"), "alert", type_="check")
    for name, check in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_alert_{name}"), "alert", check)
    say_kinds(KINDS)
    op.create_index("uq_alert_kind_open", "alert", ["kind"], unique=True, postgresql_where=OPEN_OF_THE_HOUSE)
    op.create_index("ix_alert_acknowledged_at", "alert", ["acknowledged_at"], postgresql_where=TAKEN_ON)
    op.add_column("alert_step", sa.Column("had_by", sa.Uuid(), nullable=True))
    op.create_table(
        "escalation_reopening",
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.CheckConstraint(KINDS, name=op.f("ck_escalation_reopening_kind")),
        sa.CheckConstraint("after > 0", name=op.f("ck_escalation_reopening_after")),
        sa.PrimaryKeyConstraint("kind", name=op.f("pk_escalation_reopening")),
    )


def downgrade() -> None:
    op.drop_table("escalation_reopening")
    op.drop_column("alert_step", "had_by")
    op.drop_index("ix_alert_acknowledged_at", "alert")
    op.drop_index("uq_alert_kind_open", "alert")
    forget_the_house()
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_alert_{name}"), "alert", type_="check")
    say_kinds(OLD_KINDS)
    op.create_check_constraint(op.f("ck_alert_one_subject"), "alert", "num_nonnulls(visit_id, queue_entry_id) = 1")
    op.alter_column("alert", "patient_id", existing_type=sa.Uuid(), nullable=False)
    op.drop_column("alert", "affected")
    op.drop_column("alert", "resumed_from")


def say_kinds(kinds: str) -> None:
    for table in ("alert", "escalation_rule"):
        op.drop_constraint(op.f(f"ck_{table}_kind"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, kinds)


def forget_the_house() -> None:
    """What an earlier release cannot say."""
    op.execute(HISTORY_OFF)
    op.execute("DELETE FROM alert_step WHERE alert_id IN (SELECT id FROM alert WHERE kind = 'house')")
    op.execute(HISTORY_ON)
    op.execute("DELETE FROM alert WHERE kind = 'house'")
    op.execute("DELETE FROM escalation_rule WHERE kind = 'house'")
