"""What a message has to say: read when it is about to go out, so that it tells what is true then."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from uuid import UUID

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.monitoring import queries as monitoring
from telehealth.notifications import devices, queries
from telehealth.notifications.kinds import KINDS, OF_ESCALATED, TO_WHOEVER, About, about, whom
from telehealth.notifications.rules import (
    UNTRUE,
    Facts,
    Message,
    MessageKind,
    OfferedTime,
    Reader,
    Unsendable,
    still_true,
)
from telehealth.notifications.slots import Words
from telehealth.people import queries as people
from telehealth.people.rules import Patient
from telehealth.records.after_visit import queries as after_visit
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.waitlist import queries as waitlist
from telehealth.surveys import queries as surveys
from telehealth.visits.appointments import self_booking
from telehealth.visits.escalation import queries as escalation
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.waiting_room import attendance, notices


async def facts_of(unit: Unit, message: Message) -> Facts | Unsendable:
    """What a message has to say now, and in which words; what it tells of a patient is audited. Raises NotFound."""
    found = await _found(unit, message)
    if not isinstance(found, Facts):
        return found
    words = Words(message.kind, whom(message.recipient_role), message.channel)
    return replace(found, published=await queries.published(unit, words))


async def _found(unit: Unit, message: Message) -> Facts | Unsendable:
    return await FOUND[about(message.kind)](unit, message)


async def _about_visit(unit: Unit, message: Message) -> Facts | Unsendable:
    visit = await open_visit(unit, message.subject_id)
    kind = await booking.visit_type(unit, visit.visit_type_id)
    if not still_true(message, visit, unit.now, reminders=kind.reminders) or await _uninvited(unit, message):
        return UNTRUE
    if KINDS[message.kind].to_absent and await attendance.is_here(unit, visit.id):
        return UNTRUE
    late = await notices.late_of(unit, visit.clinician_id) if message.kind is MessageKind.RUNNING_LATE else None
    if message.kind is MessageKind.RUNNING_LATE and (late is None or late.said_at != message.due_at):
        return UNTRUE  # taken back, or said otherwise since
    return Facts(
        message=message,
        reader=await reader_of(unit, message),
        visit=visit,
        clinician=(await people.clinician(unit, visit.clinician_id)).name,
        clinic=await people.clinic(unit),
        path=await _path(unit, message, visit),
        delay=0 if late is None else late.minutes,
    )


async def _uninvited(unit: Unit, message: Message) -> bool:
    """Whether the invitation was taken back meanwhile; that a visit is cancelled the patient is told all the same."""
    told_anyway = message.kind is MessageKind.CANCELLATION and message.recipient_role is not Role.GUEST
    if told_anyway or message.recipient_role is Role.CLINICIAN:
        return False
    try:
        await participants.participant(unit, await participant_of(unit, message))
    except NotFound:
        return True
    return False


async def _about_offer(unit: Unit, message: Message) -> Facts | Unsendable:
    offer = await waitlist.offer(unit, message.subject_id)
    if await waitlist.is_over(unit, offer.id):
        return UNTRUE
    entry = await waitlist.entry(unit, offer.entry_id)
    clinician = await people.clinician(unit, offer.clinician_id)
    return Facts(
        message=message,
        reader=await reader_of(unit, message),
        offered=OfferedTime(offer=offer, time_zone=clinician.time_zone, instead_of=entry.earlier_than),
        clinician=clinician.name,
        clinic=await people.clinic(unit),
        path=await waitlist.link_of(unit, offer.id),
    )


async def _about_invitation(unit: Unit, message: Message) -> Facts | Unsendable:
    invitation, path = await self_booking.sent(unit, message.subject_id)
    if not invitation.is_open(unit.now):
        return UNTRUE
    reader = await reader_of(unit, message)
    clinic = await people.clinic(unit)
    return Facts(message=message, reader=reader, clinic=clinic, path=path, until=invitation.expires_at)


async def _about_summary(unit: Unit, message: Message) -> Facts | Unsendable:
    visit_id = await after_visit.worth_reading(unit, message.subject_id)
    own = None if visit_id is None else await participants.patients_own(unit, visit_id, message.recipient_id)
    if own is None:
        return UNTRUE
    return Facts(
        message=message,
        reader=await reader_of(unit, message),
        clinic=await people.clinic(unit),
        path=await participants.link_of(unit, own),
        until=(await participants.participant(unit, own)).reads_until,
    )


async def _about_questions(unit: Unit, message: Message) -> Facts | Unsendable:
    """Untrue once they are answered, nobody waits for an answer any more, or their link leads nowhere."""
    request, path = await monitoring.sent(unit, message.subject_id)
    until = await monitoring.open_until(unit, request)
    if until is None or await participants.patients_own(unit, request.visit_id, message.recipient_id) is None:
        return UNTRUE
    reader, clinic = await reader_of(unit, message), await people.clinic(unit)
    return Facts(message=message, reader=reader, clinic=clinic, path=path, until=until)


async def _about_survey(unit: Unit, message: Message) -> Facts | Unsendable:
    """Untrue too when nobody is asked any more, or the visit never was."""
    wanted = await surveys.is_wanted(unit, message.subject_id)
    return await _about_questions(unit, message) if wanted else UNTRUE


async def _about_alert(unit: Unit, message: Message) -> Facts | Unsendable:
    if not await escalation.is_wanted(unit, message.subject_id):
        return UNTRUE
    if message.recipient_role is Role.CLINICIAN:
        return Facts(message=message, reader=await reader_of(unit, message))
    told = await escalation.told_of(unit, message.subject_id, message.recipient_id)
    clinic = await people.clinic(unit)
    return Facts(message=message, reader=Reader("", told.address, "", clinic.time_zone))


async def _about_task(unit: Unit, message: Message) -> Facts | Unsendable:
    """Untrue once somebody has closed it or taken it on: who is told of it is to have something to do."""
    task_id, to_whoever = message.subject_id, message.kind in TO_WHOEVER
    if message.kind in OF_ESCALATED and not await followups.is_escalated(unit, task_id):
        return UNTRUE
    if message.kind is MessageKind.FOLLOW_UP_AT_ONCE and not await followups.is_anyones_now(unit, task_id):
        return UNTRUE
    if not to_whoever and await followups.is_off(unit, task_id, message.recipient_id):
        return UNTRUE
    path = f"/tasks/{task_id}" if to_whoever else ""
    return Facts(message=message, reader=await reader_of(unit, message), path=path)


FOUND: Mapping[About, Callable[[Unit, Message], Awaitable[Facts | Unsendable]]] = {
    About.VISIT: _about_visit,
    About.OFFER: _about_offer,
    About.CHOICE: _about_invitation,
    About.SUMMARY: _about_summary,
    About.QUESTIONS: _about_questions,
    About.SURVEY: _about_survey,
    About.TASK: _about_task,
    About.ALERT: _about_alert,
}


async def reader_of(unit: Unit, message: Message) -> Reader:
    if message.recipient_role is Role.GUEST:
        companion = await participants.participant(unit, message.recipient_id)
        zone = (await people.clinic(unit)).time_zone
        return Reader(companion.name, companion.email, companion.language, zone)
    if message.recipient_role is Role.CLINICIAN:
        clinician = await people.clinician(unit, ClinicianId(message.recipient_id))
        language, asked = next(iter(clinician.languages), ""), await _devices(unit, Role.CLINICIAN, clinician.id)
        return Reader(clinician.name, clinician.email, language, clinician.time_zone, devices=asked)
    return await reader_who(unit, await people.patient(unit, PatientId(message.recipient_id)))


async def reader_who(unit: Unit, patient: Patient) -> Reader:
    """The patient, and by what they can be reached."""
    asked = await _devices(unit, Role.PATIENT, patient.id)
    return Reader(patient.name, patient.email, patient.language, patient.time_zone, patient.phone, asked)


async def _devices(unit: Unit, role: Role, person_id: UUID) -> str | None:
    return f"{role}:{person_id}" if await devices.has_any(unit, (role, person_id)) else None


async def _path(unit: Unit, message: Message, visit: Visit) -> str:
    if message.kind is MessageKind.CANCELLATION:
        return ""
    if message.recipient_role is Role.CLINICIAN:
        return f"/visits/{visit.id}"
    return await participants.link_of(unit, await participant_of(unit, message))


async def participant_of(unit: Unit, message: Message) -> UUID:
    """Whom a message about a visit goes to, as they take part in it. Raises NotFound when they are out."""
    if message.recipient_role is Role.GUEST:
        return message.recipient_id
    theirs = await participants.patients_own(unit, message.subject_id, message.recipient_id)
    if theirs is None:
        raise NotFound
    return theirs
