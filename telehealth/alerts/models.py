"""The table of alerts of devices. Private to this package."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.alerts.parts import AlertDiffers, CodeSystem, Severity
from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, pii, plain


def _listed(values: type[Severity | CodeSystem]) -> str:
    return ", ".join(f"'{value}'" for value in values)


class DeviceAlertRow(Table):
    """`identifier` is the integration's own of the alert, `device` what it calls the device. `content` is sealed JSON:
    names, what was measured, the note. `task_id` is who sees to it, null where the clinic wanted no task.
    """

    __tablename__ = "device_alert"

    id: Mapped[UUID] = plain(primary_key=True)
    integration_id: Mapped[UUID] = plain(ForeignKey("integration.id"))
    identifier: Mapped[str] = pii()
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    task_id: Mapped[UUID | None] = plain(ForeignKey("follow_up_task.id"))
    device: Mapped[str] = pii()
    code_system: Mapped[str] = phi()
    code: Mapped[str] = phi()
    severity: Mapped[str] = phi()
    content: Mapped[bytes] = phi(LargeBinary)
    raised_at: Mapped[datetime] = phi()
    received_at: Mapped[datetime] = plain()
    resolved_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("integration_id", "identifier"),
        CheckConstraint(f"severity IN ({_listed(Severity)})", name="severity"),
        CheckConstraint(f"code_system IN ({_listed(CodeSystem)})", name="code_system"),
        Index("ix_device_alert_task_id", "task_id", "id", postgresql_where=text("task_id IS NOT NULL")),
        Index("ix_device_alert_visit_id", "visit_id", "id"),
        Index("ix_device_alert_received_at", "integration_id", "severity", "received_at"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_device_alert_integration_id_identifier": AlertDiffers}
