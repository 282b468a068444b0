"""Resources with everything that opens and closes them."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0005"
down_revision: str | None = "0004"
branch_labels = None
depends_on = None

TABLES = ("holiday_calendar", "availability_override", "time_off", "travel", "resource_holiday_calendar")

HOURS_TO_RESOURCES = """
INSERT INTO resource (id, clinician_id, kind, name, time_zone, version, revision, published_at)
SELECT clinician_id, clinician_id, 'clinician', '', time_zone, nextval('resource_version'), revision, published_at
FROM hours
"""
RESOURCES_TO_HOURS = """
INSERT INTO hours (clinician_id, time_zone, revision, published_at)
SELECT id, time_zone, greatest(revision, 1), published_at FROM resource WHERE kind = 'clinician'
"""
RULES_OF_OTHERS = """
DELETE FROM availability_rule USING resource WHERE resource.id = resource_id AND kind <> 'clinician'
"""


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("resource_version")))
    create_resource()
    op.execute(HOURS_TO_RESOURCES)
    widen_rules()
    op.drop_table("hours")
    create_holiday_calendar()
    create_override()
    create_time_off()
    create_travel()
    create_resource_holiday_calendar()


def downgrade() -> None:
    """Clinicians keep their weekly windows; what weekly windows cannot say is lost."""
    for table in reversed(TABLES):
        op.drop_table(table)
    create_hours()
    op.execute(RESOURCES_TO_HOURS)
    op.execute(RULES_OF_OTHERS)
    narrow_rules()
    op.drop_table("resource")
    op.execute(sa.schema.DropSequence(sa.Sequence("resource_version")))


def create_resource() -> None:
    op.create_table(
        "resource",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("capacity", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("pools", sa.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("skills", sa.ARRAY(sa.String()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("verified_until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("(kind = 'clinician') = (clinician_id IS NOT NULL)", name=op.f("ck_resource_clinician")),
        sa.CheckConstraint("clinician_id = id", name=op.f("ck_resource_same_id")),
        sa.CheckConstraint("capacity > 0", name=op.f("ck_resource_capacity")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_resource_clinician_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resource")),
    )


def widen_rules() -> None:
    table = "availability_rule"
    op.drop_constraint("fk_availability_rule_clinician_id", table, type_="foreignkey")
    op.drop_index("ix_availability_rule_clinician_id", table)
    op.alter_column(table, "clinician_id", new_column_name="resource_id")
    op.create_foreign_key(op.f("fk_availability_rule_resource_id"), table, "resource", ["resource_id"], ["id"])
    op.create_index(op.f("ix_availability_rule_resource_id"), table, ["resource_id"], unique=False)
    op.add_column(table, sa.Column("valid_from", sa.Date(), nullable=True))
    op.add_column(table, sa.Column("valid_to", sa.Date(), nullable=True))
    op.add_column(table, sa.Column("only_types", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False))
    op.add_column(table, sa.Column("release_before", sa.Integer(), nullable=True))
    op.add_column(table, sa.Column("staffing", sa.Integer(), server_default=sa.text("100"), nullable=False))
    op.create_check_constraint(op.f("ck_availability_rule_validity"), table, "valid_from <= valid_to")
    op.create_check_constraint(op.f("ck_availability_rule_release_before"), table, "release_before >= 0")
    op.create_check_constraint(op.f("ck_availability_rule_staffing"), table, "staffing > 0")


def narrow_rules() -> None:
    table = "availability_rule"
    for name in ("valid_from", "valid_to", "only_types", "release_before", "staffing"):
        op.drop_column(table, name)
    op.drop_constraint("fk_availability_rule_resource_id", table, type_="foreignkey")
    op.drop_index("ix_availability_rule_resource_id", table)
    op.alter_column(table, "resource_id", new_column_name="clinician_id")
    op.create_foreign_key(op.f("fk_availability_rule_clinician_id"), table, "hours", ["clinician_id"], ["clinician_id"])
    op.create_index(op.f("ix_availability_rule_clinician_id"), table, ["clinician_id"], unique=False)


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


def create_holiday_calendar() -> None:
    op.create_table(
        "holiday_calendar",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("everyone", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("days", sa.ARRAY(sa.Date()), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holiday_calendar")),
    )


def create_override() -> None:
    op.create_table(
        "availability_override",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("windows", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_availability_override_resource_id")),
        sa.PrimaryKeyConstraint("resource_id", "day", name=op.f("pk_availability_override")),
    )


def create_time_off() -> None:
    op.create_table(
        "time_off",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("s", sa.Integer(), nullable=True),
        sa.Column("e", sa.Integer(), nullable=True),
        sa.Column("first", sa.Date(), nullable=True),
        sa.Column("last", sa.Date(), nullable=True),
        sa.Column("only_types", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.CheckConstraint("s < e", name=op.f("ck_time_off_span")),
        sa.CheckConstraint("first <= last", name=op.f("ck_time_off_dates")),
        sa.CheckConstraint(
            "num_nonnulls(s, e) = 2 AND num_nonnulls(first, last) = 0 "
            "OR num_nonnulls(s, e) = 0 AND num_nonnulls(first, last) = 2",
            name=op.f("ck_time_off_one_of_two"),
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_time_off_resource_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_time_off")),
    )
    op.create_index(op.f("ix_time_off_resource_id"), "time_off", ["resource_id"], unique=False)


def create_travel() -> None:
    op.create_table(
        "travel",
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.CheckConstraint("first <= last", name=op.f("ck_travel_dates")),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f("fk_travel_resource_id")),
        sa.PrimaryKeyConstraint("resource_id", "first", name=op.f("pk_travel")),
    )


def create_resource_holiday_calendar() -> None:
    table = "resource_holiday_calendar"
    op.create_table(
        table,
        sa.Column("resource_id", sa.Uuid(), nullable=False),
        sa.Column("calendar_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["calendar_id"],
            ["holiday_calendar.id"],
            name=op.f("fk_resource_holiday_calendar_calendar_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["resource.id"], name=op.f(f"fk_{table}_resource_id")),
        sa.PrimaryKeyConstraint("resource_id", "calendar_id", name=op.f(f"pk_{table}")),
    )
    op.create_index(op.f(f"ix_{table}_calendar_id"), table, ["calendar_id"], unique=False)
