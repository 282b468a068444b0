"""What the page of a task shows of the alerts that made it: the implementation of a lower floor's port."""

from typing import Any
from uuid import UUID

from telehealth.alerts import queries
from telehealth.alerts.parts import Alert
from telehealth.db.unit import Unit


class TaskAlerts:
    """`followups.ports.DeviceAlerts`."""

    async def of_task(self, unit: Unit, task_id: UUID, /) -> dict[str, Any]:
        found = await queries.of_task(unit, task_id)
        return {"count": found.count, "alerts": [_drawn(each) for each in found.latest]}


def _drawn(alert: Alert) -> dict[str, Any]:
    told = alert.report
    return {
        "text": told.code.text,
        "measured": "" if told.quantity is None else told.quantity.written,
        "device": told.device.name,
        "device_identifier": told.device.identifier,
        "severity": told.severity,
        "note": told.note,
        "raised_at": told.raised_at,
        "resolved_at": alert.resolved_at,
    }
