"""Who is not on the page of their visit when it begins, or when the clinician is late, is told where they are."""

from sqlalchemy import update

from telehealth.core.actors import Role
from telehealth.db.unit import Unit
from telehealth.notifications import service
from telehealth.notifications.models import MessageRow
from telehealth.notifications.rules import MessageKind, MessageState
from telehealth.tasks.work import subscription
from telehealth.visits.lifecycle.events import (
    NobodyAnswered,
    VisitAdmitted,
    VisitBooked,
    VisitEvent,
    VisitRescheduled,
)
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.waiting_room import attendance, notices
from telehealth.visits.waiting_room.events import ClinicianLate


async def plan_call(unit: Unit, event: VisitEvent) -> None:
    """At its start they are called, unless they are there: once for each time that it has."""
    start = (await open_visit(unit, event.visit_id)).starts_at
    if start > unit.now:
        kind, patient = MessageKind.JOIN_NOW, (Role.PATIENT, event.patient_id)
        await service.tell(unit, kind, event.visit_id, recipients=[patient], due_at=start, visit_at=start)


async def call_now(unit: Unit, event: VisitEvent) -> None:
    """The clinician has begun before the time, and they are not there: they are called now instead."""
    if await attendance.is_here(unit, event.visit_id):
        return
    row = MessageRow
    waits = (row.subject_id == event.visit_id, row.kind == MessageKind.JOIN_NOW, row.state == MessageState.PENDING)
    await unit.session.execute(
        update(row).where(*waits, row.next_attempt_at > unit.now).values(next_attempt_at=unit.now)
    )


async def tell_late(unit: Unit, event: ClinicianLate) -> None:
    """Once for each time that the clinician says by how much; who is on the page reads it there."""
    late = await notices.late_of(unit, event.clinician_id)
    if late is None or late.minutes != event.minutes:
        return
    for visit_id in await notices.concerned(unit, event.clinician_id):
        if not await attendance.is_here(unit, visit_id):
            visit = await open_visit(unit, visit_id)
            patient, start = (Role.PATIENT, visit.patient_id), visit.starts_at
            kind, said = MessageKind.RUNNING_LATE, late.said_at
            await service.tell(unit, kind, visit_id, recipients=[patient], due_at=said, visit_at=start)


SUBSCRIPTIONS = (
    subscription(VisitBooked, plan_call),
    subscription(VisitRescheduled, plan_call),
    subscription(VisitAdmitted, call_now),
    subscription(NobodyAnswered, call_now),
    subscription(ClinicianLate, tell_late),
)
