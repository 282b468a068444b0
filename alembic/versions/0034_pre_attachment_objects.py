"""Every object of a file by its name until it is deleted, and how often its examination broke off."""

import sqlalchemy as sa

from alembic import op

revision = "0034"
down_revision: str | None = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attachment", sa.Column("tries", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.create_table(
        "attachment_object",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("put_until", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_attachment_object_attachment_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment_object")),
    )
    op.create_index("ix_attachment_object_attachment_id", "attachment_object", ["attachment_id"])
    op.execute(
        "INSERT INTO attachment_object (id, attachment_id, put_until)"
        " SELECT object_id, id, coalesce(lease_until, kept_at, created_at) FROM attachment WHERE object_id IS NOT NULL"
    )


def downgrade() -> None:
    op.drop_table("attachment_object")
    op.drop_column("attachment", "tries")
