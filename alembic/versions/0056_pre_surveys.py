"""How a visit was: what the clinic has chosen to ask, who was asked, and what they said in numbers."""

import sqlalchemy as sa

from alembic import op

revision = "0056"
down_revision: str | None = "0055"
branch_labels = None
depends_on = None

ASKED = """
SELECT EXISTS (SELECT FROM message WHERE kind = 'survey') OR EXISTS (SELECT FROM monitoring_request WHERE task_id IS NULL)
"""


def upgrade() -> None:
    op.alter_column("monitoring_request", "task_id", existing_type=sa.Uuid(), nullable=True)
    op.add_column("monitoring_request", sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True))
    window = "(task_id IS NULL) = (ends_at IS NOT NULL)"
    op.create_check_constraint(op.f("ck_monitoring_request_window"), "monitoring_request", window)
    op.create_table(
        "survey_choice",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("questionnaire", sa.String(), nullable=True),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("set_by", sa.Uuid(), nullable=True),
        sa.CheckConstraint("minutes BETWEEN 0 AND 1440", name=op.f("ck_survey_choice_minutes")),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_survey_choice")),
    )
    _add_surveys()
    _add_tally()


def _add_surveys() -> None:
    op.create_table(
        "survey",
        sa.Column("request_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["monitoring_request.id"], name=op.f("fk_survey_request_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_survey_visit_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_survey_patient_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_survey_visit_type_id")),
        sa.ForeignKeyConstraint(["form_id"], ["monitoring_form.id"], name=op.f("fk_survey_form_id")),
        sa.PrimaryKeyConstraint("request_id", name=op.f("pk_survey")),
        sa.UniqueConstraint("visit_id", name=op.f("uq_survey_visit_id")),
    )
    op.create_index("ix_survey_patient_id", "survey", ["patient_id", "due_at"])
    op.create_index("ix_survey_month", "survey", ["month"])


def _add_tally() -> None:
    op.create_table(
        "survey_tally",
        sa.Column("form_id", sa.Uuid(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("visit_type_id", sa.Uuid(), nullable=False),
        sa.Column("link_id", sa.String(), nullable=False),
        sa.Column("answers", sa.Integer(), nullable=False),
        sa.Column("total", sa.Numeric(), nullable=False),
        sa.Column("shown_answers", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("shown_total", sa.Numeric(), server_default=sa.text("0"), nullable=False),
        sa.ForeignKeyConstraint(["form_id"], ["monitoring_form.id"], name=op.f("fk_survey_tally_form_id")),
        sa.ForeignKeyConstraint(["visit_type_id"], ["visit_type.id"], name=op.f("fk_survey_tally_visit_type_id")),
        sa.PrimaryKeyConstraint("form_id", "month", "visit_type_id", "link_id", name=op.f("pk_survey_tally")),
    )


def downgrade() -> None:
    """Refused once a patient was asked: an earlier release cannot read that message, and holds no such answers."""
    if op.get_bind().scalar(sa.text(ASKED)):
        raise RuntimeError("patients were asked how a visit was: this release cannot be taken back")
    op.execute("DELETE FROM message_text WHERE kind = 'survey'")
    for table in ("survey_tally", "survey", "survey_choice"):
        op.drop_table(table)
    op.drop_constraint(op.f("ck_monitoring_request_window"), "monitoring_request", type_="check")
    op.drop_column("monitoring_request", "ends_at")
    op.alter_column("monitoring_request", "task_id", existing_type=sa.Uuid(), nullable=False)
