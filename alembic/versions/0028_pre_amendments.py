"""Addenda, replacements and retractions of signed notes; what is signed is kept by the database itself."""

import sqlalchemy as sa

from alembic import op

revision = "0028"
down_revision: str | None = "0027"
branch_labels = None
depends_on = None

SIGNED_BEFORE = """
INSERT INTO note_standing (note_version_id, status, changed_at) SELECT id, 'current', signed_at FROM note_version
"""
# Its words may be sealed again with another key: their hash, which may not change, says that they are the same. And a
# dump that is restored into another cluster numbers transactions anew.
KEEP = """
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OF id, note_id, version, kind, sha256, author_id, author_name,
  signed_at, relation, relates_to ON note_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
KEEP_ALL = """
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON note_version FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
UNAMENDED = "SELECT count(*) FROM note_version WHERE version > 1"


def upgrade() -> None:
    op.add_column("note", sa.Column("relation", sa.String(), nullable=True))
    op.create_check_constraint(op.f("ck_note_relation"), "note", "relation IN ('appends', 'replaces')")
    op.add_column("note_version", sa.Column("relation", sa.String(), nullable=True))
    op.add_column("note_version", sa.Column("relates_to", sa.Integer(), nullable=True))
    op.create_check_constraint(
        op.f("ck_note_version_relation"), "note_version", "relation IN ('appends', 'replaces', 'retracts')"
    )
    op.create_check_constraint(
        op.f("ck_note_version_relates_to"),
        "note_version",
        "(relation IS NULL) = (relates_to IS NULL) AND relates_to < version",
    )
    op.create_foreign_key(
        op.f("fk_note_version_relates_to"),
        "note_version",
        "note_version",
        ["note_id", "relates_to"],
        ["note_id", "version"],
    )
    create_note_standing()
    op.execute(SIGNED_BEFORE)
    op.execute(KEEP)
    op.execute(KEEP_ALL)


def create_note_standing() -> None:
    op.create_table(
        "note_standing",
        sa.Column("note_version_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "status IN ('current', 'superseded', 'entered-in-error')", name=op.f("ck_note_standing_status")
        ),
        sa.ForeignKeyConstraint(
            ["note_version_id"], ["note_version.id"], name=op.f("fk_note_standing_note_version_id")
        ),
        sa.PrimaryKeyConstraint("note_version_id", name=op.f("pk_note_standing")),
    )


def downgrade() -> None:
    """Refused once a note was amended: an earlier release would show its addendum for the note."""
    if op.get_bind().scalar(sa.text(UNAMENDED)):
        raise RuntimeError("notes have been amended: this release cannot be taken back")
    op.execute("DROP TRIGGER append_only ON note_version")
    op.execute("DROP TRIGGER append_only_all ON note_version")
    op.drop_table("note_standing")
    op.drop_constraint("fk_note_version_relates_to", "note_version", type_="foreignkey")
    op.drop_column("note_version", "relates_to")
    op.drop_column("note_version", "relation")
    op.drop_column("note", "relation")
