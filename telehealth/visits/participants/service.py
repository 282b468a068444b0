"""Commands on participants: invite, resend, take back, put out, let in. Each leaves a trace and wakes the pages."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select

from telehealth.access import guests as access
from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotAllowed, NotFound, Stale
from telehealth.core.ids import ParticipantId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.people.rules import RelatedPerson, of_age
from telehealth.visits.lifecycle import guests as parts
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.joining import JoinReason, join_reason
from telehealth.visits.lifecycle.models import ParticipantRow
from telehealth.visits.lifecycle.parts import EXPECTED, NO_LINK, OUT, ParticipantKind, ParticipantState, Step, allowed
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants import guests, queries
from telehealth.visits.participants.events import (
    ParticipantEvent,
    ParticipantInvited,
    ParticipantMoved,
    ParticipantRemoved,
)
from telehealth.visits.participants.rules import (
    INVITABLE,
    AlreadyInvited,
    Companion,
    NoAuthority,
    NotToBeInvited,
    Participant,
    check_room,
    following,
)

K, S = ParticipantKind, ParticipantState
INVITERS = STAFF | {Role.PATIENT}


@dataclass(frozen=True, slots=True)
class Invited:
    """`link` is the path of the personal link, empty for who has none."""

    participant: Participant
    link: str


async def invite(unit: Unit, visit_id: UUID, companion: Companion) -> Invited:
    """Invite one more to a visit that is booked or under way, with a personal link of their own.

    Staff may for the visits they see, the patient's side for its own. Raises NotFound, NotToBeInvited, TooManyInvited,
    NoAuthority, AlreadyInvited.
    """
    if unit.actor.role not in INVITERS:
        raise NotFound
    visit = await visits.find(unit, visit_id, lock=True)
    if visit.status not in INVITABLE:
        raise NotToBeInvited
    check_room(unit.actor.role, companion.kind, await queries.ever_invited(unit, visit.id))
    if companion.kind is K.PROXY:
        return await _invite_proxy(unit, visit, companion.related_person_id)
    return await _send(unit, visit, await _row(unit, visit, companion), "create")


async def let_in_by_credential(unit: Unit, visit_id: UUID, kind: ParticipantKind, name: str) -> Participant:
    """A device or an observer takes part from now on, let in by the clinician who makes its credential.

    Raises NotFound, NotToBeInvited, TooManyInvited, StepRefused for who may not.
    """
    invited = await invite(unit, visit_id, Companion(kind=kind, name=name))
    return await mark(unit, visit_id, invited.participant.id, Step.ADMIT)


async def _invite_proxy(unit: Unit, visit: Visit, related_person_id: UUID | None) -> Invited:
    person = await _authorised(unit, visit, related_person_id)
    theirs = (
        ParticipantRow.visit_id == visit.id,
        ParticipantRow.role == K.PROXY,
        ParticipantRow.person_id == person.id,
    )
    row = await unit.session.scalar(select(ParticipantRow).where(*theirs).with_for_update())
    if row is not None and row.state not in OUT:
        raise AlreadyInvited
    if row is None:
        named = Companion(kind=K.PROXY, name=person.name, email=person.email, language=person.language)
        return await _send(unit, visit, await _row(unit, visit, named, person.id), "create")
    return await _invite_again(unit, visit, row)


async def _authorised(unit: Unit, visit: Visit, related_person_id: UUID | None) -> RelatedPerson:
    """Who may act for the patient when the visit is, or now when it has begun. Raises NotFound, NoAuthority."""
    if related_person_id is None:
        raise NotFound
    person = await people.related_person(unit, related_person_id)
    if person.patient_id != visit.patient_id:
        raise NotFound
    if not (person.may_join and person.may_act(max(visit.starts_at, unit.now))):
        raise NoAuthority
    return person


async def _row(unit: Unit, visit: Visit, companion: Companion, person_id: UUID | None = None) -> ParticipantRow:
    participant_id = unit.new_id()
    phone = companion.phone
    row = {
        "id": participant_id,
        "visit_id": visit.id,
        "role": companion.kind,
        "person_id": person_id,
        "name": companion.name,
        "email": companion.email,
        "phone": unit.vault.seal(("participant", "phone", participant_id), phone) if phone else None,
        "language": companion.language,
    }
    await parts.invite(unit, [row])
    return await unit.session.get_one(ParticipantRow, participant_id)


async def _send(unit: Unit, visit: Visit, row: ParticipantRow, action: str) -> Invited:
    """A fresh link, and the message with it."""
    secret = "" if row.role in NO_LINK else new_secret()
    if secret:
        row.link_hash, row.link = digest(secret), guests.sealed(unit, row.id, secret)
    await unit.session.flush()
    return await _invited(unit, visit, row, action)


async def _invited(unit: Unit, visit: Visit, row: ParticipantRow, action: str) -> Invited:
    theirs = queries.participant_of(row)
    unit.audit(action, "participant", theirs.id, patient_id=visit.patient_id)
    unit.emit(ParticipantInvited(visit_id=visit.id, participant_id=theirs.id))
    return Invited(theirs, await queries.link_of(unit, theirs.id) if row.link else "")


async def resend(
    unit: Unit, visit_id: UUID, participant_id: UUID, *, fresh: bool = False, shown: ParticipantState | None = None
) -> Invited:
    """Send the personal link again, and forgive the wrong answers. `fresh` makes another one: the old link and
    whatever was opened with it are over, and so it is for who was out. `shown` is how they stood before whoever asks:
    nobody asks somebody back in without knowing. Raises NotFound, NotToBeInvited, Stale.
    """
    visit, row = await _to_manage(unit, visit_id, participant_id)
    if not queries.participant_of(row).has_link or visit.status not in INVITABLE:
        raise NotToBeInvited
    if shown is not None and (shown in OUT) != (row.state in OUT):
        raise Stale
    if row.state in OUT:
        return await _invite_again(unit, visit, row)
    row.attempts, row.locked_until = 0, None
    await parts.move(unit, row, Step.RENEW if fresh else Step.RESEND)
    if not fresh:
        return await _invited(unit, visit, row, "update")
    await access.revoke_guest_sessions(unit, ParticipantId(row.id))
    return await _send(unit, visit, row, "update")


async def _invite_again(unit: Unit, visit: Visit, row: ParticipantRow) -> Invited:
    await parts.move(unit, row, Step.INVITE_AGAIN, authority=await _may_act(unit, row))
    row.attempts, row.locked_until, row.revoked_at = 0, None, None
    return await _send(unit, visit, row, "update")


async def revoke(unit: Unit, visit_id: UUID, participant_id: UUID) -> Participant:
    """Take the invitation back: link, sessions and open pages end. The patient's side takes back its own."""
    return await _put_out(unit, visit_id, participant_id, Step.REVOKE, by=INVITERS)


async def remove(unit: Unit, visit_id: UUID, participant_id: UUID) -> Participant:
    """Put somebody out who came: they are out of the call too, and their link opens nothing."""
    return await _put_out(unit, visit_id, participant_id, Step.REMOVE)


async def put_out(unit: Unit, visit_id: UUID, participant_id: UUID) -> Participant:
    """Whichever of both it is now: `remove` who came, `revoke` who has not. Raises NotFound, StepRefused."""
    theirs = await queries.participant(unit, participant_id)
    step = Step.REVOKE if theirs.state in EXPECTED else Step.REMOVE
    return await _put_out(unit, visit_id, participant_id, step)


async def _put_out(
    unit: Unit, visit_id: UUID, participant_id: UUID, step: Step, *, by: Collection[Role] = STAFF
) -> Participant:
    visit, row = await _to_manage(unit, visit_id, participant_id, by=by)
    await parts.move(unit, row, step)
    row.revoked_at, row.link = unit.now, None
    await access.revoke_guest_sessions(unit, ParticipantId(row.id))
    return _told(unit, visit, row, ParticipantRemoved)


async def admit(unit: Unit, visit_id: UUID, participant_id: UUID) -> Participant:
    """The clinician lets a companion in from the waiting room. Raises NotFound, StepRefused."""
    return await mark(unit, visit_id, participant_id, Step.ADMIT)


async def mark(unit: Unit, visit_id: UUID, participant_id: UUID, step: Step) -> Participant:
    """Staff note how far somebody is: of a phone leg everything, else only that they are let in."""
    visit, row = await _to_manage(unit, visit_id, participant_id)
    await parts.move(unit, row, step, authority=await _may_act(unit, row))
    return _told(unit, visit, row, ParticipantMoved)


async def attend(unit: Unit) -> tuple[Participant, Visit]:
    """A companion is on their page: within the join window they wait. Raises NotFound."""
    visit, row = await _own(unit)
    state, theirs = S(row.state), queries.participant_of(row)
    coming = state is not S.LEFT and join_reason(visit, unit.now) is JoinReason.OPEN
    if coming and Step.WAIT in allowed(state, unit.actor.role, theirs.circumstances()):
        await parts.move(unit, row, Step.WAIT)
        theirs = _told(unit, visit, row, ParticipantMoved)
    return theirs, visit


async def leave(unit: Unit) -> Participant:
    """A companion goes; their link brings them back. Raises NotFound, StepRefused."""
    visit, row = await _own(unit)
    await parts.move(unit, row, Step.LEAVE)
    return _told(unit, visit, row, ParticipantMoved)


async def come_back(unit: Unit) -> Participant:
    """A companion who had gone waits again. Raises NotFound, StepRefused."""
    visit, row = await _own(unit)
    await parts.move(unit, row, Step.WAIT)
    return _told(unit, visit, row, ParticipantMoved)


# What happens to them because of something else


async def note_notified(unit: Unit, participant_id: UUID) -> None:
    """The message with the link has left the house."""
    row = await _locked(unit, ParticipantRow.id == participant_id)
    if row is not None and row.state == S.INVITED:
        await parts.move(unit, row, Step.NOTIFY)


async def follow(unit: Unit, visit_id: UUID) -> None:
    """Everybody is where the visit's present status puts them, whatever order the news of it came in: under the lock of
    the visit, so that of two who follow none goes by a status that the other has seen pass.
    """
    visit = await visits.find(unit, visit_id, lock=True)
    query = select(ParticipantRow).where(ParticipantRow.visit_id == visit.id).order_by(ParticipantRow.id)
    for row in await unit.session.scalars(query.with_for_update()):
        theirs = queries.participant_of(row)
        steps = following(theirs.circumstances(), theirs.state, visit.status, checked=visit.check is not None)
        for step in steps:
            await parts.move(unit, row, step, by=Role.SYSTEM)
        if steps:
            unit.emit(ParticipantMoved(visit_id=visit.id, participant_id=theirs.id))


async def invite_guardians(unit: Unit, visit_id: UUID) -> list[Participant]:
    """Whoever may act for a minor is invited with them. Who is invited already stays so."""
    visit = await visits.find(unit, visit_id, lock=True)
    patient = await people.patient(unit, visit.patient_id)
    if visit.status not in INVITABLE or of_age(patient.birth_date) <= visit.starts_at.date():
        return []
    known = {each.person_id for each in await queries.ever_invited(unit, visit.id)}
    guardians = [
        each
        for each in await people.related_persons(unit, patient.id)
        if each.may_join and each.may_act(max(visit.starts_at, unit.now)) and each.id not in known
    ]
    return [(await _invite_proxy(unit, visit, each.id)).participant for each in guardians]


async def require_booking(unit: Unit) -> None:
    """Whether the patient's side may choose times: the patient may, who acts for them when their authority says so.

    Raises NotAllowed.
    """
    if not await may_book(unit):
        raise NotAllowed


async def may_book(unit: Unit) -> bool:
    """What `require_booking` asks for, so that nobody is shown what they would be refused."""
    if unit.actor.id is None:
        return True
    theirs = await queries.participant(unit, unit.actor.id)
    if theirs.kind is not K.PROXY or theirs.person_id is None:
        return True
    person = await people.related_person(unit, theirs.person_id)
    return person.may_book and person.may_act(unit.now)


async def end_authority(unit: Unit, related_person_id: UUID) -> None:
    """Who may no longer act for a patient is out of every visit they were invited to as such."""
    theirs = (ParticipantRow.role == K.PROXY, ParticipantRow.person_id == related_person_id)
    found = select(ParticipantRow.visit_id, ParticipantRow.id).where(*theirs, ParticipantRow.revoked_at.is_(None))
    for visit_id, participant_id in (await unit.session.execute(found)).all():
        await revoke(unit, visit_id, participant_id)


async def _to_manage(
    unit: Unit, visit_id: UUID, participant_id: UUID, *, by: Collection[Role] = STAFF
) -> tuple[Visit, ParticipantRow]:
    """For who may act on those who take part: staff who see the visit, where `by` says so the patient's side for its
    own. Raises NotFound for everyone else as for what is not there.
    """
    if unit.actor.role not in by:
        raise NotFound
    return await _found(unit, visit_id, participant_id)


async def _found(unit: Unit, visit_id: UUID, participant_id: UUID) -> tuple[Visit, ParticipantRow]:
    visit = await visits.find(unit, visit_id)
    row = await _locked(unit, (ParticipantRow.id == participant_id) & (ParticipantRow.visit_id == visit.id))
    if row is None:
        raise NotFound
    return visit, row


async def _own(unit: Unit) -> tuple[Visit, ParticipantRow]:
    if unit.actor.visit_id is None or unit.actor.id is None:
        raise NotFound
    return await _found(unit, unit.actor.visit_id, unit.actor.id)


async def _locked(unit: Unit, which: Any) -> ParticipantRow | None:
    query = select(ParticipantRow).where(which).with_for_update().execution_options(populate_existing=True)
    found: ParticipantRow | None = await unit.session.scalar(query)
    return found


async def _may_act(unit: Unit, row: ParticipantRow) -> bool:
    if row.role != K.PROXY or row.person_id is None:
        return True
    return (await people.related_person(unit, row.person_id)).may_act(unit.now)


def _told(unit: Unit, visit: Visit, row: ParticipantRow, event: type[ParticipantEvent]) -> Participant:
    theirs = queries.participant_of(row)
    unit.audit("update", f"participant-{theirs.state}", theirs.id, patient_id=visit.patient_id)
    unit.emit(event(visit_id=visit.id, participant_id=theirs.id))
    return theirs
