"""The tables of the first visit.

Revision: 0001
Before it: nothing
"""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


TABLES = (
    "audit_event",
    "clinic",
    "clinician",
    "message",
    "occupancy",
    "outbox",
    "patient",
    "sign_in_try",
    "visit_type",
    "account",
    "hours",
    "outbox_handled",
    "visit",
    "availability_rule",
    "follow_up_task",
    "integration",
    "note",
    "participant",
    "session",
    "video_ticket",
    "visit_event",
    "access_grant",
    "access_token",
    "note_version",
    "used_assertion",
    "access_grant_patient",
    "record_delivery",
)


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    create_audit_event()
    create_clinic()
    create_clinician()
    create_message()
    create_occupancy()
    create_outbox()
    create_patient()
    create_sign_in_try()
    create_visit_type()
    create_account()
    create_hours()
    create_outbox_handled()
    create_visit()
    create_availability_rule()
    create_follow_up_task()
    create_integration()
    create_note()
    create_participant()
    create_session()
    create_video_ticket()
    create_visit_event()
    create_access_grant()
    create_access_token()
    create_note_version()
    create_used_assertion()
    create_access_grant_patient()
    create_record_delivery()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def create_audit_event() -> None:
    op.create_table(
        "audit_event",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("entity", sa.String(), nullable=False),
        sa.Column("entity_id", sa.Uuid(), nullable=True),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_actor_id_at", "audit_event", ["actor_id", "at"], unique=False)
    op.create_index("ix_audit_event_patient_id_at", "audit_event", ["patient_id", "at"], unique=False)


def create_clinic() -> None:
    op.create_table(
        "clinic",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_clinic_only_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinic")),
    )


def create_clinician() -> None:
    op.create_table(
        "clinician",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("languages", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clinician")),
    )


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


def create_occupancy() -> None:
    op.create_table(
        "occupancy",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("s", sa.Integer(), nullable=False),
        sa.Column("e", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("layer", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("state", sa.String(), server_default=sa.text("'active'"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        postgresql.ExcludeConstraint(
            (sa.literal_column("resource_id"), "="),
            (sa.literal_column("layer"), "="),
            (sa.text("int4range(s, e)"), "&&"),
            where=sa.text("state = 'active'"),
            using="gist",
            name="ex_occupancy_taken",
        ),
        sa.CheckConstraint("kind IN ('hold', 'visit', 'block', 'external')", name=op.f("ck_occupancy_kind")),
        sa.CheckConstraint("state IN ('active', 'released')", name=op.f("ck_occupancy_state")),
        sa.CheckConstraint("s < e", name=op.f("ck_occupancy_span")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_occupancy")),
    )
    op.create_index(op.f("ix_occupancy_owner_id"), "occupancy", ["owner_id"], unique=False)
    op.create_index(
        "ix_occupancy_resource_id_s",
        "occupancy",
        ["resource_id", "s"],
        unique=False,
        postgresql_where=sa.text("state = 'active'"),
    )


def create_outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("position", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("emitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("fault", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("position", name=op.f("pk_outbox")),
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["due_at"],
        unique=False,
        postgresql_where=sa.text("done_at IS NULL AND parked_at IS NULL"),
    )


def create_patient() -> None:
    op.create_table(
        "patient",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("given", sa.String(), nullable=False),
        sa.Column("family", sa.String(), nullable=False),
        sa.Column("birth_date", sa.Date(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patient")),
        sa.UniqueConstraint("identifier", name=op.f("uq_patient_identifier")),
    )
    op.create_index(op.f("ix_patient_birth_date"), "patient", ["birth_date"], unique=False)


def create_sign_in_try() -> None:
    op.create_table(
        "sign_in_try",
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("wait_until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_sign_in_try")),
    )
    op.create_index(op.f("ix_sign_in_try_last_at"), "sign_in_try", ["last_at"], unique=False)


def create_visit_type() -> None:
    op.create_table(
        "visit_type",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("buffer_before", sa.Integer(), nullable=False),
        sa.Column("buffer_after", sa.Integer(), nullable=False),
        sa.Column("grid", sa.Integer(), nullable=False),
        sa.Column("grid_offset", sa.Integer(), nullable=False),
        sa.Column("notice", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("opens_before", sa.Integer(), nullable=False),
        sa.Column("closes_after", sa.Integer(), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name=op.f("ck_visit_type_buffers")),
        sa.CheckConstraint(
            "minutes > 0 AND grid > 0 AND grid_offset >= 0 AND grid_offset < grid", name=op.f("ck_visit_type_grid")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit_type")),
        sa.UniqueConstraint("code", name=op.f("uq_visit_type_code")),
    )


def create_account() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(role = 'clinician') = (person_id IS NOT NULL)", name=op.f("ck_account_person_of_clinician")
        ),
        sa.CheckConstraint("role IN ('clinician', 'front_desk', 'admin')", name=op.f("ck_account_staff_role")),
        sa.ForeignKeyConstraint(["person_id"], ["clinician.id"], name=op.f("fk_account_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
    )


def create_hours() -> None:
    op.create_table(
        "hours",
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_hours_clinician_id")),
        sa.PrimaryKeyConstraint("clinician_id", name=op.f("pk_hours")),
    )


def create_outbox_handled() -> None:
    op.create_table(
        "outbox_handled",
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("handler", sa.String(), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["position"], ["outbox.position"], name=op.f("fk_outbox_handled_position")),
        sa.PrimaryKeyConstraint("position", "handler", name=op.f("pk_outbox_handled")),
    )


def create_visit() -> None:
    op.create_table(
        "visit",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opens_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closes_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("check", sa.String(), nullable=True),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('requested', 'held', 'booked', 'arrived', 'ready', 'admitting', 'in_progress', 'interrupted', 'ended', 'completed', 'cancelled', 'expired', 'patient_no_show', 'provider_no_show', 'left_unseen', 'incomplete', 'entered_in_error')",
            name=op.f("ck_visit_status"),
        ),
        sa.CheckConstraint("starts_at < ends_at", name=op.f("ck_visit_times")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_visit_clinician_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_visit_patient_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_visit_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_visit")),
    )
    op.create_index("ix_visit_changed_at", "visit", ["changed_at", "id"], unique=False)
    op.create_index("ix_visit_clinician_id_starts_at", "visit", ["clinician_id", "starts_at"], unique=False)
    op.create_index("ix_visit_patient_id_starts_at", "visit", ["patient_id", "starts_at"], unique=False)
    op.create_index("ix_visit_starts_at", "visit", ["starts_at"], unique=False)


def create_availability_rule() -> None:
    op.create_table(
        "availability_rule",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("start_minute", sa.Integer(), nullable=False),
        sa.Column("end_minute", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 <= start_minute AND start_minute < end_minute AND end_minute <= 2880",
            name=op.f("ck_availability_rule_window"),
        ),
        sa.CheckConstraint("weekday BETWEEN 1 AND 7", name=op.f("ck_availability_rule_weekday")),
        sa.ForeignKeyConstraint(
            ["clinician_id"], ["hours.clinician_id"], name=op.f("fk_availability_rule_clinician_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_availability_rule")),
    )
    op.create_index(op.f("ix_availability_rule_clinician_id"), "availability_rule", ["clinician_id"], unique=False)


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


def create_integration() -> None:
    op.create_table(
        "integration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("jwks", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["added_by"], ["account.id"], name=op.f("fk_integration_added_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_integration")),
    )


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


def create_participant() -> None:
    op.create_table(
        "participant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("link_hash", sa.LargeBinary(), nullable=True),
        sa.Column("link", sa.LargeBinary(), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_participant_visit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("link_hash", name=op.f("uq_participant_link_hash")),
        sa.UniqueConstraint("visit_id", "role", "person_id", name=op.f("uq_participant_visit_id_role_person_id")),
    )


def create_session() -> None:
    op.create_table(
        "session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("participant_id", sa.Uuid(), nullable=True),
        sa.Column("visit_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("(participant_id IS NULL) = (visit_id IS NULL)", name=op.f("ck_session_guest_of_one_visit")),
        sa.CheckConstraint("num_nonnulls(account_id, participant_id) = 1", name=op.f("ck_session_one_holder")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_session")),
        sa.UniqueConstraint("secret", name=op.f("uq_session_secret")),
    )
    op.create_index(op.f("ix_session_account_id"), "session", ["account_id"], unique=False)
    op.create_index(op.f("ix_session_ends_at"), "session", ["ends_at"], unique=False)
    op.create_index(op.f("ix_session_participant_id"), "session", ["participant_id"], unique=False)


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


def create_visit_event() -> None:
    op.create_table(
        "visit_event",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("command", sa.String(), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("before", sa.String(), nullable=True),
        sa.Column("after", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_event_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", "seq", name=op.f("pk_visit_event")),
    )


def create_access_grant() -> None:
    op.create_table(
        "access_grant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("data_kinds", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("valid_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("valid_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.Uuid(), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_by", sa.Uuid(), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("valid_from < valid_until", name=op.f("ck_access_grant_valid_some_time")),
        sa.ForeignKeyConstraint(["approved_by"], ["account.id"], name=op.f("fk_access_grant_approved_by")),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name=op.f("fk_access_grant_integration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_grant")),
    )
    op.create_index(
        "ix_access_grant_integration_id_valid_until", "access_grant", ["integration_id", "valid_until"], unique=False
    )


def create_access_token() -> None:
    op.create_table(
        "access_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.String()), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name=op.f("fk_access_token_integration_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("secret", name=op.f("uq_access_token_secret")),
    )
    op.create_index(op.f("ix_access_token_ends_at"), "access_token", ["ends_at"], unique=False)
    op.create_index(op.f("ix_access_token_integration_id"), "access_token", ["integration_id"], unique=False)


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
        sa.CheckConstraint("version > 0", name=op.f("ck_note_version_version")),
        sa.ForeignKeyConstraint(["author_id"], ["clinician.id"], name=op.f("fk_note_version_author_id")),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name=op.f("fk_note_version_note_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_note_version")),
        sa.UniqueConstraint("note_id", "version", name=op.f("uq_note_version_note_id_version")),
    )
    op.create_index("ix_note_version_signed_at", "note_version", ["signed_at", "id"], unique=False)


def create_used_assertion() -> None:
    op.create_table(
        "used_assertion",
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("jti", sa.LargeBinary(), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name=op.f("fk_used_assertion_integration_id")),
        sa.PrimaryKeyConstraint("integration_id", "jti", name=op.f("pk_used_assertion")),
    )
    op.create_index(op.f("ix_used_assertion_ends_at"), "used_assertion", ["ends_at"], unique=False)


def create_access_grant_patient() -> None:
    op.create_table(
        "access_grant_patient",
        sa.Column("grant_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_access_grant_patient_grant_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_access_grant_patient_patient_id")),
        sa.PrimaryKeyConstraint("grant_id", "patient_id", name=op.f("pk_access_grant_patient")),
    )


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
