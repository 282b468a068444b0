"""What patients are given to read after a visit, and until when their link leads to it."""

import sqlalchemy as sa

from alembic import op

revision = "0038"
down_revision: str | None = "0037"
branch_labels = None
depends_on = None

# Only the sealed words may be sealed again with another key; what was released stays what it was.
NEVER_CHANGED = """
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OF id, visit_id, patient_id, clinician_id, note_version_id, number,
  language, note_language, words_language, sha256, author_name, released_at
  ON after_visit_summary FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
NEVER_EMPTIED = """
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON after_visit_summary
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
GIVEN = "SELECT count(*) FROM after_visit_summary"
# Older code fails on a message of a kind it does not know, and the message it fails on is the next one every time.
CALL_OFF = """
UPDATE message SET state = 'dropped', settled_at = coalesce(settled_at, now())
WHERE kind = 'after_visit_summary' AND state IN ('pending', 'sending', 'dead')
"""


def upgrade() -> None:
    op.add_column("participant", sa.Column("reads_until", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "after_visit_summary",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("clinician_id", sa.Uuid(), nullable=False),
        sa.Column("note_version_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("note_language", sa.String(), nullable=False),
        sa.Column("words_language", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("number > 0", name=op.f("ck_after_visit_summary_number")),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=op.f(f"fk_after_visit_summary_{column}"))
            for column, table in (
                ("visit_id", "visit"),
                ("patient_id", "patient"),
                ("clinician_id", "clinician"),
                ("note_version_id", "note_version"),
            )
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_after_visit_summary")),
        sa.UniqueConstraint("visit_id", "number", name=op.f("uq_after_visit_summary_visit_id_number")),
    )
    op.create_index("ix_after_visit_summary_patient_id", "after_visit_summary", ["patient_id"])
    op.execute(NEVER_CHANGED)
    op.execute(NEVER_EMPTIED)


def downgrade() -> None:
    """Refused once a patient was given something: nothing else says what they were told."""
    if op.get_bind().scalar(sa.text(GIVEN)):
        raise RuntimeError("patients were given summaries: this release cannot be taken back")
    op.execute(CALL_OFF)
    op.drop_table("after_visit_summary")
    op.drop_column("participant", "reads_until")
