"""What is told when something happened, and the sweep that tells it."""

from collections.abc import Iterable

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups.events import FollowUpDue, FollowUpEscalated, FollowUpEvent, FollowUpReminded
from telehealth.monitoring.events import AnswerAwaited, QuestionsAsked, QuestionsEvent
from telehealth.notifications import bounces, calling, service
from telehealth.notifications.channels import Recipient
from telehealth.notifications.rules import Channel, MessageKind, alert_kind, reminder_times
from telehealth.notifications.sending import send_due
from telehealth.people.events import ContactSet
from telehealth.records.after_visit.events import SummaryReleased
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.waitlist.events import OfferMade
from telehealth.surveys.events import SurveyPlanned
from telehealth.tasks.work import Lane, subscription, sweep
from telehealth.visits.appointments.events import TimeToChoose
from telehealth.visits.escalation.events import AlertTold
from telehealth.visits.escalation.rules import AlertKind, Audience
from telehealth.visits.lifecycle.events import VisitBooked, VisitCancelled, VisitEvent, VisitRescheduled
from telehealth.visits.lifecycle.parts import ParticipantKind
from telehealth.visits.lifecycle.service import open_visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.events import ParticipantInvited
from telehealth.visits.participants.rules import Participant


async def invite(unit: Unit, event: VisitBooked) -> None:
    await _tell(unit, MessageKind.INVITATION, event)
    await _remind(unit, event)


async def invite_participant(unit: Unit, event: ParticipantInvited) -> None:
    """The personal link of one more, or somebody's link again."""
    invited = [
        each for each in await participants.participants_of(unit, event.visit_id) if each.id == event.participant_id
    ]
    patients: list[Recipient] = [
        (Role.PATIENT, each.person_id) for each in invited if each.kind is ParticipantKind.PATIENT and each.person_id
    ]
    recipients = [*patients, *_companions(invited)]
    if recipients:
        kind, start = MessageKind.INVITATION, (await open_visit(unit, event.visit_id)).starts_at
        await service.tell(unit, kind, event.visit_id, recipients=recipients, due_at=unit.now, visit_at=start)


async def move(unit: Unit, event: VisitRescheduled) -> None:
    await _tell(unit, MessageKind.MOVED, event)
    await _remind(unit, event)


async def call_off(unit: Unit, event: VisitCancelled) -> None:
    await _tell(unit, MessageKind.CANCELLATION, event)


async def ask_to_choose(unit: Unit, event: TimeToChoose) -> None:
    patient: Recipient = (Role.PATIENT, event.patient_id)
    kind = MessageKind.TIME_TO_CHOOSE
    await service.tell(unit, kind, event.invitation_id, recipients=[patient], due_at=unit.now)


async def tell_due(unit: Unit, event: FollowUpDue) -> None:
    """Whose it is; of what cannot wait and is anyone's, each coordinator, and with none named who gave the visit, or
    everybody when they have left.
    """
    if not event.asks_patient and await followups.is_anyones_now(unit, event.task_id):
        named = await followups.others_to_hear(unit, event.task_id, event.clinician_id) or (event.clinician_id,)
        await _tell_clinicians(unit, MessageKind.FOLLOW_UP_AT_ONCE, event, named)
    else:
        await _tell_owner(unit, MessageKind.FOLLOW_UP_DUE, event)


async def tell_open(unit: Unit, event: FollowUpReminded) -> None:
    await _tell_owner(unit, MessageKind.FOLLOW_UP_OPEN, event)


async def tell_overdue(unit: Unit, event: FollowUpEscalated) -> None:
    """Each coordinator, and whose it is or was to be, unless they coordinate themselves; everybody when they have left
    and nobody coordinates.
    """
    whose = event.owner or event.clinician_id
    named = await followups.others_to_hear(unit, event.task_id, whose)
    await _tell_clinicians(unit, MessageKind.FOLLOW_UP_ESCALATED, event, named)
    if whose not in named:
        await _tell_owner(unit, MessageKind.FOLLOW_UP_OVERDUE, event)


async def offer(unit: Unit, event: OfferMade) -> None:
    patient: Recipient = (Role.PATIENT, event.patient_id)
    await service.tell(unit, MessageKind.OFFER, event.offer_id, recipients=[patient], due_at=unit.now)


async def tell_released(unit: Unit, event: SummaryReleased) -> None:
    """Each summary that takes the place of another is told; the same once."""
    patient: Recipient = (Role.PATIENT, event.patient_id)
    kind = MessageKind.AFTER_VISIT_SUMMARY
    await service.tell(unit, kind, event.summary_id, recipients=[patient], due_at=unit.now)


async def tell_asked(unit: Unit, event: QuestionsAsked) -> None:
    await _tell_asked(unit, MessageKind.TO_DO if event.to_do else MessageKind.QUESTIONS_ASKED, event)


async def tell_awaited(unit: Unit, event: AnswerAwaited) -> None:
    await _tell_asked(unit, MessageKind.TO_DO_OPEN if event.to_do else MessageKind.QUESTIONS_OPEN, event)


async def ask_how_it_was(unit: Unit, event: SurveyPlanned) -> None:
    patient: Recipient = (Role.PATIENT, event.patient_id)
    await service.tell(unit, MessageKind.SURVEY, event.request_id, recipients=[patient], due_at=event.due_at)


async def contact_set(unit: Unit, event: ContactSet) -> None:
    said = {Channel.EMAIL: event.email, Channel.SMS: event.phone, Channel.PHONE: event.phone}
    await bounces.contact_set(unit, event.patient_id, [channel for channel, is_said in said.items() if is_said])


async def alert(unit: Unit, event: AlertTold) -> None:
    kind = alert_kind(AlertKind(event.kind), Audience(event.whom))
    recipient: Recipient = (Role(event.role), event.recipient_id)
    await service.tell(unit, kind, event.alert_id, recipients=[recipient], due_at=unit.now)


async def _tell(unit: Unit, kind: MessageKind, event: VisitEvent) -> None:
    """Once for a whole series: the nearest visit's message. The others come up with their reminders."""
    if event.told_by is None:
        invited = _companions(await participants.companions(unit, event.visit_id))
        start = await service.nearest(unit, event.visit_id, (await open_visit(unit, event.visit_id)).starts_at)
        everyone = [*_both(event), *invited]
        await service.tell(unit, kind, event.visit_id, recipients=everyone, due_at=unit.now, visit_at=start)


def _companions(invited: Iterable[Participant]) -> list[Recipient]:
    """Those who have an address of their own."""
    return [(Role.GUEST, each.id) for each in invited if each.companion and each.email]


def _both(event: VisitEvent) -> tuple[Recipient, Recipient]:
    return (Role.PATIENT, event.patient_id), (Role.CLINICIAN, event.clinician_id)


async def _remind(unit: Unit, event: VisitEvent) -> None:
    visit = await open_visit(unit, event.visit_id)
    patient: Recipient = (Role.PATIENT, event.patient_id)
    reminders = (await booking.visit_type(unit, visit.visit_type_id)).reminders
    for at in reminder_times(visit, unit.now, reminders=reminders):
        kind, start = MessageKind.REMINDER, visit.starts_at
        await service.tell(unit, kind, event.visit_id, recipients=[patient], due_at=at, visit_at=start)


async def _tell_asked(unit: Unit, kind: MessageKind, event: QuestionsEvent) -> None:
    patient: Recipient = (Role.PATIENT, event.patient_id)
    await service.tell(unit, kind, event.request_id, recipients=[patient], due_at=unit.now)


async def _tell_owner(unit: Unit, kind: MessageKind, event: FollowUpEvent) -> None:
    """A task of a pool or of the desk stands on its board; that it is overdue hears the visit's clinician. What the
    patient is asked to do or answer, they are told of themselves, and their clinician when they have not.
    """
    if event.asks_patient and kind is not MessageKind.FOLLOW_UP_OVERDUE:
        return
    clinician = event.owner or (event.clinician_id if kind is MessageKind.FOLLOW_UP_OVERDUE else None)
    if clinician is not None:
        await _tell_clinicians(unit, kind, event, [clinician])


async def _tell_clinicians(
    unit: Unit, kind: MessageKind, event: FollowUpEvent, clinicians: Iterable[ClinicianId]
) -> None:
    told: list[Recipient] = [(Role.CLINICIAN, each) for each in clinicians]
    if told:
        await service.tell(unit, kind, event.task_id, recipients=told, due_at=unit.now)


SUBSCRIPTIONS = (
    subscription(VisitBooked, invite),
    subscription(ParticipantInvited, invite_participant),
    subscription(VisitRescheduled, move),
    subscription(VisitCancelled, call_off),
    subscription(OfferMade, offer),
    subscription(TimeToChoose, ask_to_choose),
    subscription(SummaryReleased, tell_released),
    subscription(QuestionsAsked, tell_asked),
    subscription(AnswerAwaited, tell_awaited),
    subscription(SurveyPlanned, ask_how_it_was),
    subscription(AlertTold, alert),
    subscription(ContactSet, contact_set),
    subscription(FollowUpDue, tell_due),
    subscription(FollowUpReminded, tell_open),
    subscription(FollowUpEscalated, tell_overdue),
    *calling.SUBSCRIPTIONS,
)
SWEEPS = (sweep("notifications.send_due", send_due, every=1.0, lane=Lane.MESSAGES),)
