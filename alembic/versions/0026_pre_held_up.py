"""Alerts about who has come and is held up before the waiting room."""

from alembic import op

revision = "0026"
down_revision: str | None = "0025"
branch_labels = None
depends_on = None

OLD_KINDS = "kind IN ('waiting', 'queued', 'locked_link', 'unjoinable', 'house')"
KINDS = "kind IN ('waiting', 'held_up', 'queued', 'locked_link', 'unjoinable', 'house')"
SAYING = ("alert", "escalation_rule", "escalation_reopening")
HISTORY_OFF, HISTORY_ON = (f"ALTER TABLE alert_step {word} TRIGGER append_only" for word in ("DISABLE", "ENABLE"))


def upgrade() -> None:
    say_kinds(KINDS)


def downgrade() -> None:
    forget_who_was_held_up()
    say_kinds(OLD_KINDS)


def say_kinds(kinds: str) -> None:
    for table in SAYING:
        op.drop_constraint(op.f(f"ck_{table}_kind"), table, type_="check")
        op.create_check_constraint(op.f(f"ck_{table}_kind"), table, kinds)


def forget_who_was_held_up() -> None:
    """What an earlier release cannot say."""
    op.execute(HISTORY_OFF)
    op.execute("DELETE FROM alert_step WHERE alert_id IN (SELECT id FROM alert WHERE kind = 'held_up')")
    op.execute(HISTORY_ON)
    for table in SAYING:
        op.execute(f"DELETE FROM {table} WHERE kind = 'held_up'")  # noqa: S608 -- a name of above
