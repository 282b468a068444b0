"""Addresses that do not work: nothing more is sent there, and the desk has a task to ask for another."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.exc import IntegrityError

from telehealth.core.actors import Role
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.followups import queries as tasks
from telehealth.followups import service as followups
from telehealth.followups.parts import Owner, Pool, Priority, TaskClosed, TaskKind, Wish
from telehealth.monitoring import queries as monitoring
from telehealth.notifications.addresses import normal
from telehealth.notifications.kinds import About, about
from telehealth.notifications.models import AddressRow
from telehealth.notifications.rules import Channel, Message
from telehealth.notifications.wishes import digits_of, is_written, masked
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
    """One task for the desk, of the first visit that a message about did not arrive there for.

    When that is closed and the address is as it was, another one, of the next visit.
    """
    row = await _locked(unit, address_id)
    if row.failed_at is None or await _is_open(unit, row.task_id):
        return
    visit = await _visit(unit, message)
    if visit is None:
        return
    channel = Channel(row.channel)
    wish = Wish(
        kind=TaskKind.CALL,
        title=masked(channel, row.address),
        owner=Owner(Pool.DESK),
        priority=Priority.URGENT,
        origin=f"bad_{channel}:{row.id}:{row.failed_at:%Y%m%dT%H%M%S.%f}",
    )
    try:
        async with unit.session.begin_nested():
            (task,) = await followups.plan(unit, visit.id, wish)
    except IntegrityError:  # of that visit the desk has dealt with it
        return
    row.task_id = task.id
    row.patient_id = visit.patient_id if message.recipient_role is Role.PATIENT else None
    await unit.session.flush()


async def failing(unit: Unit, written: Mapping[Channel, str], region: str) -> dict[Channel, datetime]:
    """Of the addresses that are written down, those at which nothing arrives, and since when."""
    row = AddressRow
    each = [
        and_(row.channel == channel, row.address == normal(channel, text, region)) for channel, text in written.items()
    ]
    found = await unit.session.execute(select(row.channel, row.failed_at).where(row.failed_at.is_not(None), or_(*each)))
    return {Channel(channel): failed_at for channel, failed_at in found if failed_at is not None}


async def contact_set(unit: Unit, patient_id: PatientId, channels: Collection[Channel]) -> None:
    """Staff have written down where those channels find the patient: what is there is tried again, and tasks to ask
    for it are done.
    """
    patient = await people.patient(unit, patient_id)
    row, phone = AddressRow, patient.phone or ""
    written = {Channel.EMAIL: patient.email or "", Channel.SMS: phone, Channel.PHONE: phone}
    theirs = [and_(row.channel == each, _looks_like(written[each])) for each in channels if written[each]]
    asked = row.channel.in_(channels), row.failed_at.is_not(None), or_(row.patient_id == patient_id, *theirs)
    for each in await unit.session.scalars(select(row).where(*asked).with_for_update()):
        stands = is_written(each.address, written[Channel(each.channel)])
        if stands:
            each.failed_at, each.fault = None, None
            unit.audit("update", "message_address", each.id, patient_id=patient_id, outcome="confirmed")
        if stands or each.patient_id == patient_id:
            await _settle(unit, each)
    await unit.session.flush()


async def _settle(unit: Unit, row: AddressRow) -> None:
    """Its task is done, unless somebody has closed it."""
    if row.task_id is not None:
        with suppress(TaskClosed):
            await followups.done(unit, row.task_id)
        row.task_id, row.patient_id = None, None


def _looks_like(text: str) -> ColumnElement[bool]:
    """Addresses that may be written so: `is_written` has the last word."""
    mail = AddressRow.address == text.strip().lower()
    return mail if "@" in text else or_(mail, AddressRow.address.endswith(digits_of(text), autoescape=True))


async def _is_open(unit: Unit, task_id: UUID | None) -> bool:
    return task_id is not None and (await tasks.follow_up(unit, task_id)).closed_at is None


async def _locked(unit: Unit, address_id: UUID) -> AddressRow:
    return (await unit.session.scalars(select(AddressRow).where(AddressRow.id == address_id).with_for_update())).one()


async def _visit(unit: Unit, message: Message) -> Visit | None:
    """The visit that it is about; the patient's of care, if there is any, when it is about a time to choose."""
    match about(message.kind):
        case About.VISIT:
            return await visits.find(unit, message.subject_id)
        case About.QUESTIONS | About.SURVEY:
            return await visits.find(unit, (await monitoring.request(unit, message.subject_id)).visit_id)
        case About.SUMMARY:
            visit_id = await after_visit.worth_reading(unit, message.subject_id)
            return None if visit_id is None else await visits.find(unit, visit_id)
        case _:
            return await visits.of_care(unit, message.recipient_id)
