"""Personal links of a visit: who gets one, and the identity step behind it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, update

from telehealth.access import guests as access
from telehealth.access.links import Locked, Mistaken, Passed, judge, unknown
from telehealth.access.rules import digest, new_secret
from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId, ParticipantId, PatientId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.lifecycle import guests as parts
from telehealth.visits.lifecycle.joining import reading_end, session_end
from telehealth.visits.lifecycle.models import ParticipantRow, VisitRow
from telehealth.visits.lifecycle.parts import PATIENT_SIDE, ParticipantKind, Step, allowed
from telehealth.visits.lifecycle.queries import visit_of
from telehealth.visits.lifecycle.rules import OVER, Visit
from telehealth.visits.participants import queries
from telehealth.visits.participants.events import LinkLocked, ParticipantMoved
from telehealth.visits.participants.rules import Identity, NoAuthority, Participant, answers_to, identity_of

K = ParticipantKind
LINK = "participant_link"


@dataclass(frozen=True, slots=True)
class Identified:
    """It is them: `secret` and `max_age` (seconds) are for the cookie of a session bound to this one visit.

    `page` is where they go on: once the visit is over, to what they are given to read after it.
    """

    participant: Participant
    visit: Visit
    secret: str
    max_age: int
    page: str


@dataclass(frozen=True, slots=True)
class Closed:
    """It is them, the visit is over for good, and there is nothing to read after it."""


Identification = Identified | Mistaken | Locked | Closed
Place = tuple[Visit, ParticipantKind, PatientId | ClinicianId]
Right = Callable[[Unit, ParticipantRow], Awaitable[bool]]


async def invite_all(unit: Unit, invited: Sequence[Place]) -> list[str]:
    """The patients and clinicians of visits that have just been booked. The secrets of their links in that order; a
    clinician has none.
    """
    made = [(unit.new_id(), new_secret() if each[1] is K.PATIENT else "", each) for each in invited]
    rows = [
        {
            "id": participant_id,
            "visit_id": visit.id,
            "role": kind,
            "person_id": person_id,
            "link_hash": digest(secret) if secret else None,
            "link": sealed(unit, participant_id, secret) if secret else None,
        }
        for participant_id, secret, (visit, kind, person_id) in made
    ]
    await parts.invite(unit, rows)
    return [secret for _, secret, _ in made]


async def invite(unit: Unit, visit: Visit, kind: ParticipantKind, person_id: PatientId | ClinicianId) -> str:
    """The same for one of them."""
    return (await invite_all(unit, [(visit, kind, person_id)]))[0]


def sealed(unit: Unit, participant_id: UUID, secret: str) -> bytes:
    """The link as it is kept for whoever sends it."""
    return unit.vault.seal(("participant", "link", participant_id), secret)


async def keep_readable(unit: Unit, visit: Visit, until: datetime) -> None:
    """The patient's own link leads to what they are given to read after the visit, at least until then."""
    own = ParticipantRow
    theirs = (own.visit_id == visit.id, own.role == K.PATIENT, own.person_id == visit.patient_id)
    await unit.session.execute(update(own).where(*theirs).values(reads_until=func.greatest(own.reads_until, until)))


async def identify_guest(unit: Unit, link_secret: str, birth_date: date) -> Identification:
    """Whoever has the link of a patient, or of who acts for one, and knows the patient's date of birth gets a session.

    A wrong try is answered, not raised: the count of tries must outlive the refusal. The link stays valid. Raises
    NoAuthority for who may not act for the patient now.
    """

    async def right(unit: Unit, row: ParticipantRow) -> bool:
        patient_id = await _patient_id(unit, row)
        return (await people.patient(unit, patient_id)).birth_date == birth_date

    return await _identify(unit, link_secret, Identity.BIRTH_DATE, right)


async def identify_by_name(unit: Unit, link_secret: str, name: str) -> Identification:
    """The same for companions, who give the name they were invited by."""

    async def right(_: Unit, row: ParticipantRow) -> bool:
        return answers_to(name, row.name or "")

    return await _identify(unit, link_secret, Identity.NAME, right)


async def _identify(unit: Unit, link_secret: str, asked: Identity, right: Right) -> Identification:
    row = await unit.session.scalar(
        select(ParticipantRow)
        .where(ParticipantRow.link_hash == digest(link_secret), ParticipantRow.revoked_at.is_(None))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or identity_of(K(row.role)) is not asked:
        return unknown(unit, LINK)
    patient_id = await _patient_id(unit, row)
    answer = judge(unit, row, LINK, right=await right(unit, row), patient_id=patient_id)
    match answer:
        case Passed():
            return await _let_in(unit, row)
        case Locked(begun=True):
            await parts.move(unit, row, Step.LOCK, by=Role.ANONYMOUS)
            unit.emit(LinkLocked(visit_id=queries.participant_of(row).visit_id, participant_id=ParticipantId(row.id)))
    await _advance(unit, row, Step.OPEN)
    return answer


async def _let_in(unit: Unit, row: ParticipantRow) -> Identified | Closed:
    row.verified_at = unit.now
    visit = visit_of(await unit.session.get_one(VisitRow, row.visit_id))
    until = max(session_end(visit, unit.now), reading_end(row.reads_until, unit.now))
    if until <= unit.now:
        return Closed()
    if row.role == K.PROXY and row.person_id is not None:
        authority = await people.related_person(unit, row.person_id)
        if not (authority.may_join and authority.may_act(unit.now)):
            raise NoAuthority
        until = min(until, authority.ends_at or until)
    await _advance(unit, row, Step.VERIFY)
    secret = await access.open_guest_session(
        unit,
        participant_id=ParticipantId(row.id),
        visit_id=visit.id,
        person_id=visit.patient_id if K(row.role) in PATIENT_SIDE else None,
        until=until,
    )
    theirs = queries.participant_of(row)
    return Identified(theirs, visit, secret, int((until - unit.now).total_seconds()), _page(theirs, visit, unit.now))


def _page(theirs: Participant, visit: Visit, now: datetime) -> str:
    if not theirs.acts_as_patient:
        return "/attend"
    return "/visit/summary" if visit.status in OVER and theirs.reads(now) else "/visit"


async def _advance(unit: Unit, row: ParticipantRow, step: Step) -> None:
    """Whoever holds the link takes a step, if it is one from where they are."""
    theirs = queries.participant_of(row)
    if step in allowed(theirs.state, Role.ANONYMOUS, theirs.circumstances()):
        await parts.move(unit, row, step, by=Role.ANONYMOUS)
        unit.emit(ParticipantMoved(visit_id=theirs.visit_id, participant_id=theirs.id))


async def _patient_id(unit: Unit, row: ParticipantRow) -> PatientId:
    return PatientId((await unit.session.get_one(VisitRow, row.visit_id)).patient_id)
