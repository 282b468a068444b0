"""What devices told of patients, as integrations bring it, and which task came of it."""

import sqlalchemy as sa

from alembic import op

revision = "0058"
down_revision: str | None = "0057"
branch_labels = None
depends_on = None

# An earlier release knows neither this scope nor this kind of data, and cannot read a row that names one.
FORGET = (
    "UPDATE integration SET scopes = array_remove(scopes, 'alerts.write') WHERE 'alerts.write' = ANY(scopes)",
    "UPDATE access_token SET scopes = array_remove(scopes, 'alerts.write') WHERE 'alerts.write' = ANY(scopes)",
    "UPDATE access_grant SET data_kinds = array_remove(data_kinds, 'alerts') WHERE 'alerts' = ANY(data_kinds)",
    "DELETE FROM follow_up_trigger WHERE ending = 'device_alert'",
    "DELETE FROM message_text WHERE kind = 'follow_up_at_once'",
)


def upgrade() -> None:
    op.create_table(
        "device_alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("integration_id", sa.Uuid(), nullable=False),
        sa.Column("identifier", sa.String(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("visit_id", sa.Uuid(), nullable=False),
        sa.Column("task_id", sa.Uuid(), nullable=True),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("code_system", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("severity IN ('low', 'medium', 'high')", name=op.f("ck_device_alert_severity")),
        sa.CheckConstraint(
            "code_system IN ('http://loinc.org', 'urn:iso:std:iso:11073:10101')",
            name=op.f("ck_device_alert_code_system"),
        ),
        sa.ForeignKeyConstraint(["integration_id"], ["integration.id"], name=op.f("fk_device_alert_integration_id")),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name=op.f("fk_device_alert_patient_id")),
        sa.ForeignKeyConstraint(["visit_id"], ["visit.id"], name=op.f("fk_device_alert_visit_id")),
        sa.ForeignKeyConstraint(["task_id"], ["follow_up_task.id"], name=op.f("fk_device_alert_task_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device_alert")),
        sa.UniqueConstraint("integration_id", "identifier", name=op.f("uq_device_alert_integration_id_identifier")),
    )
    of_task = sa.text("task_id IS NOT NULL")
    op.create_index("ix_device_alert_task_id", "device_alert", ["task_id", "id"], postgresql_where=of_task)
    op.create_index("ix_device_alert_visit_id", "device_alert", ["visit_id", "id"])


def downgrade() -> None:
    """Refused once an alert was taken, which an earlier release would show nobody, or somebody was told of a task that
    cannot wait: it cannot read that message.
    """
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM device_alert)")):
        raise RuntimeError("alerts of devices were taken: this release cannot be taken back")
    if op.get_bind().scalar(sa.text("SELECT EXISTS (SELECT FROM message WHERE kind = 'follow_up_at_once')")):
        raise RuntimeError("clinicians were told of tasks that cannot wait: this release cannot be taken back")
    op.drop_table("device_alert")
    for forget in FORGET:
        op.execute(forget)
