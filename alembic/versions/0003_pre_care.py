"""Tickets for calls, notes and their delivery, follow-up tasks, messages."""

import sqlalchemy as sa

from alembic import op

revision = "0003"
down_revision: str | None = "0002"
branch_labels = None
depends_on = None

TABLES = (
    "message",
    "follow_up_task",
    "note",
    "video_ticket",
    "note_version",
    "record_delivery",
)


def upgrade() -> None:
    create_message()
    create_follow_up_task()
    create_note()
    create_video_ticket()
    create_note_version()
    create_record_delivery()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_message() -> None:
    op.create_table(
        "message",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("recipient_role", sa.String(), nullable=False),
        sa.Column("recipient_id", sa.Uuid(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fault", sa.String(), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'sending', 'sent', 'dropped', 'dead')", name=op.f("ck_message_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("kind", "channel", "subject_id", "recipient_id", "due_at", name="uq_message_once"),
    )
    op.create_index(
        "ix_message_due",
        "message",
        ["next_attempt_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending')"),
    )
    op.create_index("ix_message_subject_id", "message", ["subject_id"], unique=False)


def create_follow_up_task() -> None:
    op.create_table(
        "follow_up_task",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.LargeBinary(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(status IN ('done', 'cancelled')) = (closed_at IS NOT NULL)", name=op.f("ck_follow_up_task_closed")
        ),
        sa.CheckConstraint(
            "status IN ('planned', 'due', 'reminded', 'escalated', 'done', 'cancelled')",
            name=op.f("ck_follow_up_task_status"),
        ),
        sa.CheckConstraint("planned_at <= due_at", name=op.f("ck_follow_up_task_due_later")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_follow_up_task_clinician_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_follow_up_task_patient_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_follow_up_task_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_follow_up_task")),
    )
    op.create_index("ix_follow_up_task_owner", "follow_up_task", ["clinician_id", "due_at", "id"], unique=False)
    op.create_index(
        "ix_follow_up_task_ticking",
        "follow_up_task",
        ["status", "due_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('planned', 'due', 'reminded')"),
    )
    op.create_index(op.f("ix_follow_up_task_visit_id"), "follow_up_task", ["visit_id"], unique=False)


def create_note() -> None:
    op.create_table(
        "note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("kind IN ('11506-3', '11488-4')", name=op.f("ck_note_kind")),
        sa.CheckConstraint("state IN ('draft', 'signed')", name=op.f("ck_note_state")),
        sa.CheckConstraint("revision > 0", name=op.f("ck_note_revision")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_note_clinician_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_note_patient_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_note_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_note_visit_id")),
    )
    op.create_index("ix_note_patient_id", "note", ["patient_id"], unique=False)


def create_video_ticket() -> None:
    op.create_table(
        "video_ticket",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("holder_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("role IN ('clinician', 'patient')", name=op.f("ck_video_ticket_side")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_video_ticket_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_video_ticket")),
        sa.UniqueConstraint("secret", name=op.f("uq_video_ticket_secret")),
    )
    op.create_index(op.f("ix_video_ticket_expires_at"), "video_ticket", ["expires_at"], unique=False)


def create_note_version() -> None:
    op.create_table(
        "note_version",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "written_in",
            sa.BigInteger(),
            server_default=sa.text("(pg_current_xact_id()::text::bigint)"),
            nullable=False,
        ),
        sa.CheckConstraint("version > 0", name=op.f("ck_note_version_version")),
        sa.ForeignKeyConstraint(["author_id"], ["clinician.id"], name=op.f("fk_note_version_author_id")),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name=op.f("fk_note_version_note_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_version")),
        sa.UniqueConstraint("note_id", "version", name=op.f("uq_note_version_note_id_version")),
    )
    op.create_index("ix_note_version_written_in", "note_version", ["written_in", "id"], unique=False)


def create_record_delivery() -> None:
    op.create_table(
        "record_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("destination", sa.String(), nullable=False),
        sa.Column("note_version_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("remote_id", sa.String(), nullable=True),
        sa.Column("remote_version", sa.String(), nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("codes", sa.String(), nullable=True),
        sa.Column("first_ambiguous_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name=op.f("ck_record_delivery_lease")),
        sa.CheckConstraint(
            "(state IN ('pending', 'verifying')) = (next_attempt_at IS NOT NULL)", name=op.f("ck_record_delivery_due")
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'sending', 'verifying', 'delivered', 'held', 'dead')",
            name=op.f("ck_record_delivery_state"),
        ),
        sa.ForeignKeyConstraint(
            ["note_version_id"], ["note_version.id"], name=op.f("fk_record_delivery_note_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record_delivery")),
        sa.UniqueConstraint(
            "destination", "note_version_id", name=op.f("uq_record_delivery_destination_note_version_id")
        ),
    )
    op.create_index(
        "ix_record_delivery_due",
        "record_delivery",
        [sa.literal_column("coalesce(next_attempt_at, lease_until)")],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'sending', 'verifying')"),
    )
