"""Follow-up tasks get kinds, owners, windows, predecessors, checklists and a history; endings of visits make some."""

import sqlalchemy as sa

from alembic import op

revision = "0033"
down_revision: str | None = "0032"
branch_labels = None
depends_on = None

OLD = "'planned', 'due', 'reminded', 'escalated', 'done', 'cancelled'"
KINDS = "'call', 'rebook', 'lab', 'imaging', 'questionnaire', 'medication', 'referral', 'message', 'custom'"
COMMANDS = (
    "'plan', 'fire', 'remind', 'escalate', 'claim', 'assign', 'note', 'check', 'complete', 'skip', 'cancel', 'reopen'"
)
CHECKS = {
    "kind": f"kind IN ({KINDS})",
    "pool": "pool IN ('clinicians', 'desk')",
    "facing": "facing IN ('staff', 'patient')",
    "priority": "priority IN ('routine', 'urgent', 'asap', 'stat')",
    "window": "due_at < ends_at",
    "blocked": "NOT blocked OR after_id IS NOT NULL",
}
AS_THEY_WERE = """
UPDATE follow_up_task SET owner_id = clinician_id, ends_at = due_at + interval '3 days', next_at = CASE status
WHEN 'planned' THEN due_at WHEN 'due' THEN due_at + interval '1 day' WHEN 'reminded' THEN due_at + interval '3 days' END
"""
BACK = "UPDATE follow_up_task SET status = 'cancelled' WHERE status = 'skipped'"
NEVER_CHANGED = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON follow_up_step
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
TICKING = "status IN ('planned', 'due', 'reminded')"
INDEXES = (
    ("next", ["next_at"], "next_at IS NOT NULL"),
    ("wanted", ["due_at", "id"], "status IN ('due', 'reminded', 'escalated')"),
    ("own", ["owner_id", "due_at", "id"], "closed_at IS NULL"),
    ("patient", ["patient_id", "kind"], "closed_at IS NULL"),
    ("after", ["after_id"], "after_id IS NOT NULL"),
    ("series", ["series_id"], "series_id IS NOT NULL"),
)
MADE_BY_ITSELF = "origin IS NOT NULL AND status <> 'cancelled'"


def upgrade() -> None:
    for column in _columns():
        op.add_column("follow_up_task", column)
    op.execute(AS_THEY_WERE)
    _states(f"{OLD}, 'skipped'", "'done', 'cancelled', 'skipped'")
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_follow_up_task_{name}"), "follow_up_task", condition)
    op.create_foreign_key(op.f("fk_follow_up_task_after_id"), "follow_up_task", "follow_up_task", ["after_id"], ["id"])
    op.drop_index("ix_follow_up_task_ticking", "follow_up_task")
    for name, columns, where in INDEXES:
        op.create_index(f"ix_follow_up_task_{name}", "follow_up_task", columns, postgresql_where=sa.text(where))
    op.create_index(
        "uq_follow_up_task_origin",
        "follow_up_task",
        ["visit_id", "origin"],
        unique=True,
        postgresql_where=sa.text(MADE_BY_ITSELF),
    )
    _create_step()
    op.execute(NEVER_CHANGED)
    op.create_table(
        "follow_up_trigger",
        sa.Column("ending", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("ending", name=op.f("pk_follow_up_trigger")),
    )


def downgrade() -> None:
    op.drop_table("follow_up_trigger")
    op.drop_table("follow_up_step")
    for name in ("uq_follow_up_task_origin", *(f"ix_follow_up_task_{name}" for name, _, _ in INDEXES)):
        op.drop_index(name, "follow_up_task")
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_follow_up_task_{name}"), "follow_up_task")
    op.execute(BACK)
    _states(OLD, "'done', 'cancelled'")
    for column in _columns():
        op.drop_column("follow_up_task", column.name)
    op.create_index(
        "ix_follow_up_task_ticking", "follow_up_task", ["status", "due_at"], postgresql_where=sa.text(TICKING)
    )


def _states(statuses: str, closed: str) -> None:
    for name in ("status", "closed"):
        op.drop_constraint(op.f(f"ck_follow_up_task_{name}"), "follow_up_task")
    op.create_check_constraint(op.f("ck_follow_up_task_status"), "follow_up_task", f"status IN ({statuses})")
    op.create_check_constraint(
        op.f("ck_follow_up_task_closed"), "follow_up_task", f"(status IN ({closed})) = (closed_at IS NOT NULL)"
    )


def _columns() -> list[sa.Column[object]]:
    return [
        _word("kind", "custom"),
        _word("pool", "clinicians"),
        _word("facing", "staff"),
        _word("priority", "routine"),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=True),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column("blocked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("number", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("checklist", sa.LargeBinary(), nullable=True),
        sa.Column("revision", sa.Integer(), server_default=sa.text("1"), nullable=False),
    ]


def _word(name: str, usual: str) -> sa.Column[object]:
    return sa.Column(name, sa.String(), server_default=sa.text(f"'{usual}'"), nullable=False)


def _create_step() -> None:
    op.create_table(
        "follow_up_step",
        sa.Column("task_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint(f"command IN ({COMMANDS})", name=op.f("ck_follow_up_step_command")),
        sa.ForeignKeyConstraint(["task_id"], ["follow_up_task.id"], name=op.f("fk_follow_up_step_task_id")),
        sa.PrimaryKeyConstraint("task_id", "seq", name=op.f("pk_follow_up_step")),
    )
