"""Files attached to visits."""

import sqlalchemy as sa

from alembic import op

revision = "0030"
down_revision: str | None = "0029"
branch_labels = None
depends_on = None

UNSETTLED = "state IN ('uploading', 'received') OR (state = 'removed' AND object_id IS NOT NULL)"
WHOLE = (
    "state <> 'kept' OR (object_id IS NOT NULL AND media_type IS NOT NULL AND octets IS NOT NULL"
    " AND sha256 IS NOT NULL AND kept_at IS NOT NULL)"
)


def upgrade() -> None:
    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("by_patient", sa.Boolean(), nullable=False),
        sa.Column("attached_by", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("object_id", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("media_type", sa.String(), nullable=True),
        sa.Column("octets", sa.Integer(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("unfit", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('uploading', 'received', 'kept', 'refused', 'removed')", name=op.f("ck_attachment_state")
        ),
        sa.CheckConstraint("received BETWEEN 0 AND length AND length > 0", name=op.f("ck_attachment_received")),
        sa.CheckConstraint(WHOLE, name=op.f("ck_attachment_kept")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_attachment_visit_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_attachment_patient_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index("ix_attachment_visit_id", "attachment", ["visit_id"])
    op.create_index("ix_attachment_unsettled", "attachment", ["created_at"], postgresql_where=sa.text(UNSETTLED))
    op.create_table(
        "attachment_part",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["attachment_id"], ["attachment.id"], name=op.f("fk_attachment_part_attachment_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_part")),
        sa.UniqueConstraint("attachment_id", "start", name=op.f("uq_attachment_part_attachment_id_start")),
    )


def downgrade() -> None:
    op.drop_table("attachment_part")
    op.drop_table("attachment")
