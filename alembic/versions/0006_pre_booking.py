"""Visit types in full; who took what time for which visit, as what."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from alembic import op

revision = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

KINDS = "kind IN ('hold', 'offer', 'visit', 'block', 'external')"
OLD_KINDS = "kind IN ('hold', 'visit', 'block', 'external')"


def visit_type_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("buffers_inside_hours", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("grid_tz", sa.String(), server_default=sa.text("''"), nullable=False),
        sa.Column("cap_per_day", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("cap_per_week", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("seats", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("modality", sa.String(), server_default=sa.text("'video'"), nullable=False),
        sa.Column("roles", postgresql.JSONB(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("first_of_day_only", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("needs_licence", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("overbook_limit", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("overbook_threshold", sa.Integer(), server_default=sa.text("80"), nullable=False),
    ]


def occupancy_columns() -> list[sa.Column[object]]:
    return [
        sa.Column("role", sa.String(), server_default=sa.text("'resource'"), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=True),
        sa.Column("visit_start", sa.Integer(), nullable=True),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("risk", sa.Integer(), server_default=sa.text("0"), nullable=False),
    ]


# What was taken before belongs to visits: their rows say of which type, when, and who is who.
REMEMBER = """
UPDATE occupancy SET
  visit_type_id = visit.visit_type_id,
  visit_start = floor(extract(epoch FROM visit.starts_at) / 60)::int,
  role = CASE resource_id WHEN visit.clinician_id THEN 'host' WHEN visit.patient_id THEN 'patient' ELSE role END
FROM visit WHERE visit.id = occupancy.owner_id
"""


def upgrade() -> None:
    for column in visit_type_columns():
        op.add_column("visit_type", column)
    for column in occupancy_columns():
        op.add_column("occupancy", column)
    op.execute(REMEMBER)
    op.create_check_constraint(
        op.f("ck_visit_type_counts"), "visit_type", "cap_per_day >= 0 AND cap_per_week >= 0 AND seats > 0"
    )
    op.create_check_constraint(
        op.f("ck_visit_type_overbooking"), "visit_type", "overbook_limit >= 0 AND overbook_threshold > 0"
    )
    op.create_check_constraint(
        op.f("ck_occupancy_role"), "occupancy", "role IN ('host', 'resource', 'patient', 'seat')"
    )
    op.create_check_constraint(op.f("ck_occupancy_risk"), "occupancy", "risk BETWEEN 0 AND 100")
    op.drop_constraint(op.f("ck_occupancy_kind"), "occupancy", type_="check")
    op.create_check_constraint(op.f("ck_occupancy_kind"), "occupancy", KINDS)
    op.create_index("ix_occupancy_released", "occupancy", ["e"], postgresql_where=sa.text("state = 'released'"))
    op.create_index(
        "ix_occupancy_expires_at", "occupancy", ["expires_at"], postgresql_where=sa.text("state = 'active'")
    )


def downgrade() -> None:
    op.drop_index("ix_occupancy_expires_at", "occupancy")
    op.drop_index("ix_occupancy_released", "occupancy")
    op.execute("DELETE FROM occupancy WHERE kind = 'offer'")
    op.drop_constraint(op.f("ck_occupancy_kind"), "occupancy", type_="check")
    op.create_check_constraint(op.f("ck_occupancy_kind"), "occupancy", OLD_KINDS)
    for column in occupancy_columns():
        op.drop_column("occupancy", column.name)
    for column in visit_type_columns():
        op.drop_column("visit_type", column.name)
