"""Reading alerts of devices: who sees the task that one made, and whose visit it came to; integrations their own."""

import json
from collections.abc import Collection
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import ColumnElement, Text, cast, func, select

from telehealth.alerts.models import DeviceAlertRow
from telehealth.alerts.parts import Alert, Alerts, Code, CodeSystem, Device, Quantity, Report, Severity
from telehealth.alerts.rules import LONGEST_WAIT
from telehealth.core.ids import IntegrationId, PatientId, TaskId, VisitId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups.parts import FollowUp
from telehealth.visits.lifecycle.service import open_visit

LONGEST_LIST = 50


async def known(unit: Unit, identifier: str) -> Alert | None:
    """The alert that the integration that asks has sent under this identifier. Leaves the trace to the command."""
    row = DeviceAlertRow
    own = row.integration_id == unit.actor.id, row.identifier == identifier
    found = await unit.session.scalar(select(row).where(*own).execution_options(populate_existing=True))
    return None if found is None else alert_of(unit, found)


async def told_within(unit: Unit, severity: Severity, lately: timedelta) -> list[tuple[datetime, str]]:
    """When each came of that severity that the integration that asks has told lately, and of which device, the last
    first.
    """
    row = DeviceAlertRow
    own = row.integration_id == unit.actor.id, row.severity == severity, row.received_at > unit.now - lately
    found = await unit.session.execute(select(row.received_at, row.device).where(*own).order_by(row.received_at.desc()))
    return [(received_at, device) for received_at, device in found]


async def for_task(unit: Unit, task_id: UUID) -> Alerts:
    """What devices told that a task is about; audited. Raises NotFound."""
    await followups.follow_up(unit, task_id)
    return await of_task(unit, task_id)


async def of_task(unit: Unit, task_id: UUID) -> Alerts:
    """The same for whom the caller has found a right to the task; audited."""
    return await _latest(unit, DeviceAlertRow.task_id == task_id)


async def for_visit(unit: Unit, visit_id: UUID) -> Alerts:
    """What came to a visit, with a task or without; audited. Raises NotFound."""
    await open_visit(unit, visit_id)
    return await _latest(unit, DeviceAlertRow.visit_id == visit_id)


async def about_the_same(unit: Unit, told: Report, task_ids: Collection[UUID]) -> set[UUID]:
    """Those of these tasks that came of the same device of the same integration, and what it measures."""
    row = DeviceAlertRow
    device = row.integration_id == unit.actor.id, row.device == told.device.identifier
    measure = row.code_system == told.code.system, row.code == told.code.code
    query = select(row.task_id).where(row.task_id.in_(task_ids), *device, *measure)
    return {each for each in await unit.session.scalars(query) if each is not None}


async def is_of_alerts(unit: Unit, task_id: UUID) -> bool:
    """Whether a task is about alerts of which one is not over."""
    row = DeviceAlertRow
    found = select(row.id).where(row.task_id == task_id, row.resolved_at.is_(None)).limit(1)
    return await unit.session.scalar(found) is not None


async def unread(unit: Unit, task: FollowUp, reader: UUID | None) -> list[Alert]:
    """Of the alerts that joined a task and are not over the latest, without those that this reader was shown before it
    was closed: each reading has left its trace. What the task was made for, its title says. Leaves the trace to what is
    done with them.
    """
    row, trace = DeviceAlertRow, AuditRow
    since = task.planned_at - LONGEST_WAIT
    theirs = trace.patient_id == task.patient_id, trace.at > since, trace.at < task.closed_at, trace.actor_id == reader
    shown = select(trace.position).where(*theirs, trace.entity_id == row.id, trace.action == "read")
    joined = row.task_id == task.id, row.received_at > since, cast(row.id, Text) != task.source
    query = select(row).where(*joined, row.resolved_at.is_(None), ~shown.exists())
    found = await unit.session.scalars(query.order_by(row.id.desc()).limit(LONGEST_LIST))
    return [alert_of(unit, each) for each in found]


async def was_just_told(unit: Unit, task: FollowUp, within: timedelta) -> bool:
    """Whether the last that was done to a task was an alert's joining it, or making it, and lately."""
    row = DeviceAlertRow
    alerts = select(row.id).where(row.task_id == task.id, row.received_at == task.moved_at).limit(1)
    return task.moved_at > unit.now - within and await unit.session.scalar(alerts) is not None


async def _latest(unit: Unit, which: ColumnElement[bool]) -> Alerts:
    row = DeviceAlertRow
    rows = await unit.session.scalars(select(row).where(which).order_by(row.id.desc()).limit(LONGEST_LIST))
    found = tuple(alert_of(unit, each) for each in rows)
    for each in found:
        unit.audit("read", "device_alert", each.id, patient_id=each.report.patient_id)
    if len(found) < LONGEST_LIST:
        return Alerts(found, len(found))
    return Alerts(found, await unit.session.scalar(select(func.count()).select_from(row).where(which)) or 0)


def place(alert_id: UUID) -> tuple[str, str, UUID]:
    """Where what a device told is sealed for."""
    return ("device_alert", "content", alert_id)


def sealed(unit: Unit, alert_id: UUID, told: Report) -> bytes:
    measured = None if told.quantity is None else [str(told.quantity.value), told.quantity.unit]
    words = {"device": told.device.name, "text": told.code.text, "measured": measured, "note": told.note}
    return unit.vault.seal(place(alert_id), json.dumps(words))


def alert_of(unit: Unit, row: DeviceAlertRow) -> Alert:
    words = json.loads(unit.vault.open(place(row.id), row.content))
    measured = words["measured"]
    return Alert(
        id=row.id,
        integration_id=IntegrationId(row.integration_id),
        visit_id=VisitId(row.visit_id),
        task_id=None if row.task_id is None else TaskId(row.task_id),
        report=Report(
            identifier=row.identifier,
            patient_id=PatientId(row.patient_id),
            device=Device(words["device"], row.device),
            code=Code(CodeSystem(row.code_system), row.code, words["text"]),
            severity=Severity(row.severity),
            raised_at=row.raised_at,
            quantity=None if measured is None else Quantity(Decimal(measured[0]), measured[1]),
            note=words["note"],
        ),
        received_at=row.received_at,
        resolved_at=row.resolved_at,
    )
