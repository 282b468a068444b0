"""Supervisors of trainees, and what trainees signed until it is co-signed."""

import sqlalchemy as sa

from alembic import op

revision = "0040"
down_revision: str | None = "0039"
branch_labels = None
depends_on = None

COSIGNER = (
    "(cosigner_id IS NULL) = (cosigned_at IS NULL) AND (cosigner_id IS NULL) = (cosigner_name IS NULL)"
    " AND cosigner_id <> author_id"
)
DECIDED = "(state = 'awaited') = (decided_at IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)"
# As 0028 keeps versions: sealed words may be sealed again with another key, their hash says that they are the same.
KEEP = """
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OF id, note_id, revision, sha256, author_id, author_name, signed_at
  ON cosignature FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
KEEP_ALL = """
CREATE TRIGGER append_only_all BEFORE TRUNCATE ON cosignature FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
KEEP_VERSIONS = """
CREATE TRIGGER append_only_cosigner BEFORE UPDATE OF cosigner_id, cosigner_name, cosigned_at ON note_version
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
KINDS = "'call', 'rebook', 'lab', 'imaging', 'questionnaire', 'medication', 'referral', 'message', 'custom'"
IN_USE = "SELECT count(*) FROM note WHERE state = 'preliminary'"
COSIGNED = "SELECT count(*) FROM note_version WHERE cosigner_id IS NOT NULL"


def upgrade() -> None:
    create_supervision()
    create_cosignature()
    op.drop_constraint(op.f("ck_note_state"), "note")
    op.create_check_constraint(op.f("ck_note_state"), "note", "state IN ('draft', 'preliminary', 'signed')")
    op.add_column("note_version", sa.Column("cosigner_id", sa.Uuid(), nullable=True))
    op.add_column("note_version", sa.Column("cosigner_name", sa.String(), nullable=True))
    op.add_column("note_version", sa.Column("cosigned_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(op.f("fk_note_version_cosigner_id"), "note_version", "clinician", ["cosigner_id"], ["id"])
    op.create_check_constraint(op.f("ck_note_version_cosigner"), "note_version", COSIGNER)
    op.execute(KEEP_VERSIONS)
    op.drop_constraint(op.f("ck_follow_up_task_kind"), "follow_up_task")
    op.create_check_constraint(op.f("ck_follow_up_task_kind"), "follow_up_task", f"kind IN ({KINDS}, 'cosign')")


def create_supervision() -> None:
    op.create_table(
        "supervision",
        sa.Column("trainee_id", sa.Uuid(), nullable=False),
        sa.Column("supervisor_id", sa.Uuid(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("trainee_id <> supervisor_id", name=op.f("ck_supervision_not_oneself")),
        sa.ForeignKeyConstraint(["trainee_id"], ["clinician.id"], name=op.f("fk_supervision_trainee_id")),
        sa.ForeignKeyConstraint(["supervisor_id"], ["clinician.id"], name=op.f("fk_supervision_supervisor_id")),
        sa.PrimaryKeyConstraint("trainee_id", "supervisor_id", name=op.f("pk_supervision")),
    )
    op.create_index(op.f("ix_supervision_supervisor_id"), "supervision", ["supervisor_id"])


def create_cosignature() -> None:
    op.create_table(
        "cosignature",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("note_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("author_name", sa.String(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("state IN ('awaited', 'given', 'returned', 'withdrawn')", name=op.f("ck_cosignature_state")),
        sa.CheckConstraint(DECIDED, name=op.f("ck_cosignature_decided")),
        sa.CheckConstraint(
            "state IN ('awaited', 'withdrawn') OR decided_by <> author_id", name=op.f("ck_cosignature_not_oneself")
        ),
        sa.ForeignKeyConstraint(["note_id"], ["note.id"], name=op.f("fk_cosignature_note_id")),
        sa.ForeignKeyConstraint(["author_id"], ["clinician.id"], name=op.f("fk_cosignature_author_id")),
        sa.ForeignKeyConstraint(["decided_by"], ["clinician.id"], name=op.f("fk_cosignature_decided_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cosignature")),
        sa.UniqueConstraint("note_id", "revision", name=op.f("uq_cosignature_note_id_revision")),
    )
    op.create_index(
        "uq_cosignature_awaited", "cosignature", ["note_id"], unique=True, postgresql_where=sa.text("state = 'awaited'")
    )
    op.execute(KEEP)
    op.execute(KEEP_ALL)


def downgrade() -> None:
    connection = op.get_bind()
    if connection.scalar(sa.text(IN_USE)) or connection.scalar(sa.text(COSIGNED)):
        raise RuntimeError("a note awaits a co-signature or has one: older code would not know whose it is")
    op.execute("DROP TRIGGER append_only_cosigner ON note_version")
    for column in ("cosigned_at", "cosigner_name", "cosigner_id"):
        op.drop_column("note_version", column)
    op.drop_constraint(op.f("ck_note_state"), "note")
    op.create_check_constraint(op.f("ck_note_state"), "note", "state IN ('draft', 'signed')")
    op.execute("UPDATE follow_up_task SET kind = 'custom' WHERE kind = 'cosign'")
    op.drop_constraint(op.f("ck_follow_up_task_kind"), "follow_up_task")
    op.create_check_constraint(op.f("ck_follow_up_task_kind"), "follow_up_task", f"kind IN ({KINDS})")
    op.drop_table("cosignature")
    op.drop_table("supervision")
