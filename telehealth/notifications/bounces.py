"""Addresses that do not work: nothing more is sent there, and the desk hears of each once."""

from contextlib import suppress
from uuid import UUID

from sqlalchemy import and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from telehealth.core.actors import Role
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.followups import service as followups
from telehealth.followups.parts import Owner, Pool, Priority, TaskClosed, TaskKind, Wish
from telehealth.notifications.addresses import normal
from telehealth.notifications.models import AddressRow
from telehealth.notifications.rules import OF_VISITS, Channel, Message, MessageKind
from telehealth.notifications.wishes import is_written, masked
from telehealth.people import queries as people
from telehealth.records.after_visit import queries as after_visit
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import Visit


async def failed(unit: Unit, address_id: UUID, code: int) -> None:
    """Nothing arrives there any more; hearing so again changes nothing."""
    row = AddressRow
    new = (
        update(row)
        .where(row.id == address_id, row.failed_at.is_(None))
        .values(failed_at=unit.now, fault=str(code))
        .returning(row.id)
    )
    if await unit.session.scalar(new) is not None:
        unit.audit("update", "message_address", address_id, outcome="failed")


async def report(unit: Unit, address_id: UUID, message: Message) -> None:
    """One task for the desk, of the first visit that a message about did not arrive there for."""
    row = await _locked(unit, address_id)
    visit = None if row.task_id is not None else await _visit(unit, message)
    if visit is None:
        return
    channel = Channel(row.channel)
    wish = Wish(
        kind=TaskKind.CALL,
        title=masked(channel, row.address),
        owner=Owner(Pool.DESK),
        priority=Priority.URGENT,
        origin=f"bad_{channel}",
    )
    try:
        async with unit.session.begin_nested():
            (task,) = await followups.plan(unit, visit.id, wish)
    except IntegrityError:  # of that visit the desk knows it already
        return
    row.task_id = task.id
    row.patient_id = visit.patient_id if message.recipient_role is Role.PATIENT else None
    await unit.session.flush()


async def contact_set(unit: Unit, patient_id: PatientId) -> None:
    """Staff have written down how the patient is reached: tasks about it are done, and what stands is tried again."""
    patient = await people.patient(unit, patient_id)
    row, written = AddressRow, {Channel.EMAIL: patient.email or "", Channel.SMS: patient.phone or ""}
    theirs = [
        and_(row.channel == channel, row.address == normal(channel, text, "")) for channel, text in written.items()
    ]
    reported = select(row).where(row.failed_at.is_not(None), or_(row.patient_id == patient_id, *theirs))
    for each in await unit.session.scalars(reported.with_for_update()):
        if is_written(each.address, written[Channel(each.channel)]):
            each.failed_at, each.fault = None, None
            unit.audit("update", "message_address", each.id, patient_id=patient_id, outcome="confirmed")
        await _settle(unit, each)
    await unit.session.flush()


async def _settle(unit: Unit, row: AddressRow) -> None:
    """Its task is done, unless somebody has closed it."""
    if row.task_id is not None:
        with suppress(TaskClosed):
            await followups.done(unit, row.task_id)
        row.task_id, row.patient_id = None, None


async def _locked(unit: Unit, address_id: UUID) -> AddressRow:
    return (await unit.session.scalars(select(AddressRow).where(AddressRow.id == address_id).with_for_update())).one()


async def _visit(unit: Unit, message: Message) -> Visit | None:
    """The visit that it is about, if it is about one."""
    if message.kind in OF_VISITS:
        return await visits.find(unit, message.subject_id)
    if message.kind is MessageKind.AFTER_VISIT_SUMMARY:
        visit_id = await after_visit.worth_reading(unit, message.subject_id)
        return None if visit_id is None else await visits.find(unit, visit_id)
    return None
