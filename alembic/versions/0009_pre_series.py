"""Requests, series, the time that was meant."""

from datetime import UTC, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import sqlalchemy as sa

from alembic import op

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

READ_BACK = """
UPDATE visit
SET local_start = to_char(starts_at AT TIME ZONE time_zone, 'YYYY-MM-DD"T"HH24:MI'), tzdata = 'unknown'
WHERE time_zone IN (SELECT name FROM pg_timezone_names)
"""
# AT TIME ZONE fails on a name this PostgreSQL has not heard of: its zones may be older than ours.
LEFT = "SELECT id, starts_at, time_zone FROM visit WHERE local_start IS NULL"
WRITE = "UPDATE visit SET local_start = :local_start, tzdata = 'unknown' WHERE id = :id"


def upgrade() -> None:
    create_series()
    for column in columns():
        op.add_column("visit", column)
    read_back()
    op.alter_column("visit", "local_start", nullable=False)
    op.alter_column("visit", "tzdata", nullable=False)
    op.create_check_constraint(op.f("ck_visit_series"), "visit", "(series_id IS NULL) = (occurrence IS NULL)")
    op.create_foreign_key(op.f("fk_visit_series_id"), "visit", "series", ["series_id"], ["id"])
    op.create_unique_constraint(op.f("uq_visit_series_id_occurrence"), "visit", ["series_id", "occurrence"])


def read_back() -> None:
    connection = op.get_bind()
    connection.execute(sa.text(READ_BACK))
    for visit_id, starts_at, time_zone in connection.execute(sa.text(LEFT)).all():
        local = starts_at.astimezone(zone_of(time_zone))
        connection.execute(sa.text(WRITE), {"id": visit_id, "local_start": f"{local:%Y-%m-%dT%H:%M}"})


def zone_of(name: str) -> tzinfo:
    """UTC for a name that nobody knows: when such a visit begins is certain all the same."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def downgrade() -> None:
    op.drop_constraint(op.f("uq_visit_series_id_occurrence"), "visit")
    op.drop_constraint(op.f("fk_visit_series_id"), "visit")
    op.drop_constraint(op.f("ck_visit_series"), "visit")
    for column in reversed(columns()):
        op.drop_column("visit", column.name)
    op.drop_table("series")


def columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("planned_location", sa.String(), nullable=True),
        sa.Column("local_start", sa.String(), nullable=True),
        sa.Column("tzdata", sa.String(), nullable=True),
        sa.Column("team", sa.ARRAY(sa.Uuid()), nullable=True),
        sa.Column("also", sa.ARRAY(sa.Uuid()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("overbooked", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("override", sa.LargeBinary(), nullable=True),
        sa.Column("series_id", sa.Uuid(), nullable=True),
        sa.Column("occurrence", sa.Integer(), nullable=True),
    )


def create_series() -> None:
    op.create_table(
        "series",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("rrule", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("local_start", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("policy IN ('atomic', 'skip')", name=op.f("ck_series_policy")),
        sa.ForeignKeyConstraint(["clinician_id"], ["clinician.id"], name=op.f("fk_series_clinician_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_series_patient_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_series_visit_type_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_series")),
    )
    op.create_index(op.f("ix_series_patient_id"), "series", ["patient_id"], unique=False)
