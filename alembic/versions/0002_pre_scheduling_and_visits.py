"""Hours, occupied time, visits, their history and participants."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0002"
down_revision: str | None = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "occupancy",
    "visit_type",
    "hours",
    "visit",
    "availability_rule",
    "participant",
    "visit_event",
)

APPEND_ONLY = """
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON visit_event
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
    create_occupancy()
    create_visit_type()
    create_hours()
    create_visit()
    create_availability_rule()
    create_participant()
    create_visit_event()
    op.execute(APPEND_ONLY)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


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
    op.create_index(
        "ix_visit_status_unfinished",
        "visit",
        ["status"],
        unique=False,
        postgresql_where=sa.text("status IN ('arrived', 'ready', 'admitting', 'in_progress', 'interrupted', 'ended')"),
    )


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
