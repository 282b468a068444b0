"""Encounters and Appointments of visits go the way of signed notes into the record."""

import sqlalchemy as sa

from alembic import op

revision = "0037"
down_revision: str | None = "0036"
branch_labels = None
depends_on = None

TABLE = "record_delivery"
CHECKS = {
    "resource_type": "resource_type IN ('DocumentReference', 'Encounter', 'Appointment')",
    "note": "(resource_type = 'DocumentReference') = (note_version_id IS NOT NULL)",
    "visit": "(note_version_id IS NULL) = (visit_id IS NOT NULL AND revision IS NOT NULL)",
}


def upgrade() -> None:
    usual = sa.text("'DocumentReference'")
    op.add_column(TABLE, sa.Column("resource_type", sa.String(), server_default=usual, nullable=False))
    op.add_column(TABLE, sa.Column("visit_id", sa.Uuid(), nullable=True))
    op.add_column(TABLE, sa.Column("revision", sa.Integer(), nullable=True))
    op.alter_column(TABLE, "note_version_id", nullable=True)
    for name, condition in CHECKS.items():
        op.create_check_constraint(op.f(f"ck_record_delivery_{name}"), TABLE, condition)
    op.create_foreign_key(op.f("fk_record_delivery_visit_id"), TABLE, "visit", ["visit_id"], ["id"])
    op.create_unique_constraint(
        op.f("uq_record_delivery_destination_visit_id_resource_type"),
        TABLE,
        ["destination", "visit_id", "resource_type"],
    )
    op.create_table(
        "visit_to_write",
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_visit_to_write_visit_id")),
        sa.PrimaryKeyConstraint("visit_id", name=op.f("pk_visit_to_write")),
    )


def downgrade() -> None:
    op.drop_table("visit_to_write")
    op.execute("DELETE FROM record_delivery WHERE note_version_id IS NULL")
    op.drop_constraint(op.f("uq_record_delivery_destination_visit_id_resource_type"), TABLE)
    op.drop_constraint(op.f("fk_record_delivery_visit_id"), TABLE)
    for name in CHECKS:
        op.drop_constraint(op.f(f"ck_record_delivery_{name}"), TABLE)
    op.alter_column(TABLE, "note_version_id", nullable=False)
    for name in ("revision", "visit_id", "resource_type"):
        op.drop_column(TABLE, name)
