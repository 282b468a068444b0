"""Taking alerts of devices from integrations, and hearing that they are over. By grant, traced with its purpose."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update

from telehealth.access import queries as access
from telehealth.access.rules import DataKind, NoGrant
from telehealth.alerts import queries
from telehealth.alerts.models import DeviceAlertRow
from telehealth.alerts.parts import Alert, AlertDiffers, NoVisit, Report
from telehealth.alerts.rules import (
    AGAIN,
    NEWER,
    RESOLVED,
    SAID_EVERY,
    WITHIN,
    check,
    gravest_last,
    joined,
    make_room,
    owner,
    task_of,
)
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.followups import keeping
from telehealth.followups import queries as tasks
from telehealth.followups import service as followups
from telehealth.followups.parts import FollowUp, TaskClosed, TaskKind
from telehealth.followups.rules import DEVICE_ALERT, STAFF
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit

LOCK_WAIT = "1s"


async def take(unit: Unit, told: Report) -> Alert:
    """Keep an alert; clinicians have a task of it at once, or know from an open one. The same again changes nothing.

    Raises NoGrant, NotFound for a patient no grant covers, UnfitAlert, AlertDiffers, TooManyAlerts, NoVisit.
    """
    traced = await _granted(unit, told.patient_id)
    await _one_at_a_time(unit, told.patient_id)
    before = await queries.known(unit, told.identifier)
    if before is not None:
        if before.report != told:
            raise AlertDiffers
        traced.audit("read", "device_alert", before.id, patient_id=told.patient_id)
        return before
    check(told.raised_at, unit.now)
    await _room(unit, told)
    visit = await visits.of_care(_house(unit), (await people.patient(unit, told.patient_id)).id)
    if visit is None:
        raise NoVisit
    alert_id = unit.new_id()
    task = await _task(unit, told, alert_id, visit) if (await tasks.triggers(unit))[DEVICE_ALERT] else None
    row = _row(unit, told, alert_id, visit.id)
    if task is not None:
        row.task_id, row.visit_id = task.id, task.visit_id
    unit.session.add(row)
    await unit.session.flush()
    traced.audit("create", "device_alert", alert_id, patient_id=told.patient_id)
    return queries.alert_of(unit, row)


async def resolve(unit: Unit, alert_id: UUID) -> Alert:
    """It is over, as the integration says that sent it; saying so twice is no fault. The task is done with the last of
    its alerts; one that is closed stays as it is.

    Raises NoGrant, NotFound.
    """
    await access.data_granted(unit, DataKind.ALERTS)
    row = DeviceAlertRow
    own = row.id == alert_id, row.integration_id == unit.actor.id
    patient_id = await unit.session.scalar(select(row.patient_id).where(*own))
    if patient_id is None:
        raise NotFound
    traced = await _granted(unit, PatientId(patient_id))
    await _one_at_a_time(unit, PatientId(patient_id))
    found = (await unit.session.scalars(select(row).where(*own).execution_options(populate_existing=True))).one()
    if found.resolved_at is None:
        found.resolved_at = unit.now
        await unit.session.flush()
    if found.task_id is not None:
        await _settle(unit, found.task_id)
    traced.audit("update", "device_alert", alert_id, patient_id=patient_id)
    return queries.alert_of(unit, found)


async def _granted(unit: Unit, patient_id: PatientId) -> Unit:
    """The transaction with the purpose of the grant that covers the patient. Raises NoGrant, NotFound."""
    granted = await access.data_granted(unit, DataKind.ALERTS)
    try:
        return access.acting_for(unit, granted.purpose(patient_id))
    except NoGrant:
        raise NotFound from None


async def _room(unit: Unit, told: Report) -> None:
    """An alert waits for others of its severity alone. Raises TooManyAlerts."""
    lately = await queries.told_within(unit, told.severity, WITHIN)
    make_room([at for at, _ in lately], [at for at, device in lately if device == told.device.identifier], unit.now)


async def _one_at_a_time(unit: Unit, patient_id: PatientId) -> None:
    """Of two alerts of a patient at once, the second sees what came of the first. Nobody waits long for the other with
    a connection in hand.
    """
    patience = func.set_config("lock_timeout", LOCK_WAIT, True)
    key = func.pg_advisory_xact_lock(func.hashtext("device_alert"), func.hashtext(str(patient_id)))
    await unit.session.execute(select(patience, key))


async def _task(unit: Unit, told: Report, alert_id: UUID, visit: Visit) -> FollowUp:
    """The open one about the same, unless this is graver or nobody has answered that: then one of its own, in the place
    of what nobody has begun.

    A task of its own falls due, is told and escalated from its beginning, which one raised halfway would have to be
    again; and what somebody has in hand stays as they know it.
    """
    house = _house(unit)
    still_open = await keeping.open_of(house, told.patient_id, TaskKind.CALL, DEVICE_ALERT)
    same = await queries.about_the_same(unit, told, [each.id for each in still_open])
    about = [each for each in still_open if each.id in same]
    task = joined(told.severity, about)
    if task is not None:
        if not await queries.was_just_told(unit, task, SAID_EVERY):
            await keeping.told_again(house, task.id, AGAIN)
        return task
    signing_in = {each.person_id for each in await access.staff(house, Role.CLINICIAN)}
    host = visit.clinician_id if visit.status in visits.BOOKED and visit.clinician_id in signing_in else None
    (task,) = await followups.plan(house, visit.id, task_of(told, alert_id, owner(told.severity, host)))
    await _take_place(unit, task, [each.id for each in about])
    return task


async def _take_place(unit: Unit, task: FollowUp, former: Sequence[UUID]) -> None:
    """What the former ones were about is the new one's, but for those that somebody has begun."""
    if not former:
        return
    await keeping.cancel_unbegun(_house(unit), former, NEWER)
    left = await keeping.not_cancelled(unit, former, TaskKind.CALL)
    await _move(unit, DeviceAlertRow.task_id.in_([each for each in former if each not in left]), task)


async def _move(unit: Unit, which: ColumnElement[bool], task: FollowUp) -> None:
    """These alerts are of that task, and of its visit, from now on."""
    house, row = _house(unit), DeviceAlertRow
    moved = update(row).where(which).values(task_id=task.id, visit_id=task.visit_id).returning(row.id)
    for each in await unit.session.scalars(moved):
        house.audit("update", "device_alert", each, patient_id=task.patient_id)


async def reopened(unit: Unit, task_id: UUID, patient_id: PatientId) -> None:
    """A task that staff open again after its alerts were over is done by that; no alert joins it meanwhile."""
    await _one_at_a_time(unit, patient_id)
    await _settle(unit, task_id)


async def closed(unit: Unit, task_id: UUID, patient_id: PatientId) -> None:
    """What joined a task and who closed it has not read has another task, as the next alert would."""
    if not await queries.is_of_alerts(unit, task_id):
        return
    await _one_at_a_time(unit, patient_id)
    house = _house(unit)
    task = await keeping.locked(house, task_id)
    last = (await tasks.steps(house, task_id))[-1]
    by_hand = task.closed_at is not None and last.role in STAFF
    left = gravest_last(await queries.unread(unit, task, last.actor_id)) if by_hand else []
    visit = await visits.of_care(house, patient_id)
    if not left or visit is None or not (await tasks.triggers(unit))[DEVICE_ALERT]:
        return
    sender = replace(unit, actor=Actor(left[-1].integration_id, Role.INTEGRATION))
    other = await _task(sender, left[-1].report, left[-1].id, visit)
    await _move(unit, DeviceAlertRow.id.in_([each.id for each in left]), other)


async def _settle(unit: Unit, task_id: UUID) -> None:
    """A task whose alerts are all over is done; one that is of no alert, or closed, stays as it is."""
    row = DeviceAlertRow
    over = select(func.bool_and(row.resolved_at.is_not(None))).where(row.task_id == task_id)
    if await unit.session.scalar(over):
        with suppress(TaskClosed):
            await keeping.fulfil(_house(unit), task_id, RESOLVED)


def _house(unit: Unit) -> Unit:
    """The same transaction as ourselves: an integration sees neither visits nor tasks."""
    return replace(unit, actor=SYSTEM)


def _row(unit: Unit, told: Report, alert_id: UUID, visit_id: UUID) -> DeviceAlertRow:
    return DeviceAlertRow(
        id=alert_id,
        integration_id=unit.actor.id,
        identifier=told.identifier,
        patient_id=told.patient_id,
        visit_id=visit_id,
        device=told.device.identifier,
        code_system=told.code.system,
        code=told.code.code,
        severity=told.severity,
        content=queries.sealed(unit, alert_id, told),
        raised_at=told.raised_at,
        received_at=unit.now,
    )
