"""Inviting, letting in and putting out, on a real PostgreSQL."""

import asyncio
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from telehealth.access.authentication import StoredCredentials
from telehealth.access.links import Locked, Mistaken
from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.core.events import Event
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people import service as people
from telehealth.people.rules import Relationship
from telehealth.people.service import Authority
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.parts import ParticipantKind, ParticipantState, Step, StepRefused
from telehealth.visits.lifecycle.rules import DeviceCheck, NotNow
from telehealth.visits.participants import guests, queries, service
from telehealth.visits.participants.events import LinkLocked, ParticipantInvited, ParticipantRemoved
from telehealth.visits.participants.rules import (
    AlreadyInvited,
    Attendance,
    Companion,
    NoAuthority,
    NotToBeInvited,
    TooManyInvited,
    attendance_of,
)
from tests.kit.clinic import BORN, TUESDAY_NINE, Clinic, book, guest_of, open_clinic

K, S = ParticipantKind, ParticipantState
INTERPRETER = Companion(kind=K.INTERPRETER, name="Inés Vidal", email="ines@interpreters.example", language="es")


@dataclass(frozen=True, slots=True)
class Room:
    """A booked visit, and how to reach it."""

    unit_of_work: UnitOfWork
    clinic: Clinic
    booked: appointments.Booked

    @property
    def visit(self) -> UUID:
        return self.booked.visit.id

    async def invite(self, companion: Companion = INTERPRETER, actor: Actor | None = None) -> service.Invited:
        return await self.unit_of_work.run(service.invite, actor or self.clinic.front_desk, self.visit, companion)

    async def name(self, invited: service.Invited, typed: str) -> guests.Identification:
        secret = invited.link.rpartition("/")[2]
        return await self.unit_of_work.run(guests.identify_by_name, SYSTEM, secret, typed)

    async def come(self, invited: service.Invited) -> Actor:
        """The companion, after the identity step."""
        answer = await self.name(invited, invited.participant.name)
        assert isinstance(answer, guests.Identified)
        actor = await StoredCredentials(self.unit_of_work).session(answer.secret)
        assert actor is not None
        return actor

    async def state(self, invited: service.Invited) -> ParticipantState:
        found = await self.unit_of_work.run(queries.ever_invited, SYSTEM, self.visit)
        return next(each.state for each in found if each.id == invited.participant.id)


@pytest.fixture
async def room(unit_of_work: UnitOfWork) -> Room:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    return Room(unit_of_work, clinic, await unit_of_work.run(book, SYSTEM, clinic))


async def test_an_interpreter_from_invitation_to_the_call(room: Room, clock: FixedClock) -> None:
    invited = await room.invite()
    assert invited.link.startswith("/invited/")
    assert (invited.participant.state, invited.participant.invited_as) == (S.INVITED, Role.FRONT_DESK)
    await room.unit_of_work.run(service.note_notified, SYSTEM, invited.participant.id)
    assert await room.state(invited) is S.NOTIFIED
    assert await room.name(invited, "Somebody Else") == Mistaken(4)
    assert await room.state(invited) is S.OPENED
    interpreter = await room.come(invited)
    assert (interpreter.role, interpreter.scopes) == (Role.GUEST, SCOPES[Role.GUEST])
    assert (interpreter.person_id, interpreter.visit_id) == (None, room.visit)

    theirs, visit = await room.unit_of_work.run(service.attend, interpreter)
    assert (theirs.state, attendance_of(theirs.state, visit, clock.now())) == (S.VERIFIED, Attendance.EARLY)
    clock.advance(TUESDAY_NINE - clock.now())
    theirs, visit = await room.unit_of_work.run(service.attend, interpreter)
    assert (theirs.state, attendance_of(theirs.state, visit, clock.now())) == (S.WAITING, Attendance.WAITING)
    with pytest.raises(StepRefused):
        await room.unit_of_work.run(service.admit, room.clinic.front_desk, room.visit, theirs.id)
    let_in = await room.unit_of_work.run(service.admit, room.clinic.clinician_actor, room.visit, theirs.id)
    assert let_in.state is S.ADMITTED
    assert (await room.unit_of_work.run(service.leave, interpreter)).state is S.LEFT
    theirs, _ = await room.unit_of_work.run(service.attend, interpreter)
    assert theirs.state is S.LEFT  # a page that stays open does not bring them back
    assert (await room.unit_of_work.run(service.come_back, interpreter)).state is S.WAITING


async def test_a_companion_may_nothing_that_is_the_patients(room: Room, clock: FixedClock) -> None:
    companion = await room.come(await room.invite())
    clock.advance(TUESDAY_NINE - clock.now())
    for command in (lifecycle.arrive, lifecycle.leave):
        with pytest.raises(NotNow):
            await room.unit_of_work.run(command, companion, room.visit)
    with pytest.raises(NotNow):
        await room.unit_of_work.run(lifecycle.cancel, companion, room.visit, reason="other")
    for kind in (K.PATIENT, K.FAMILY):
        with pytest.raises(NotFound):
            await room.invite(replace(INTERPRETER, kind=kind), companion)
    other = await room.unit_of_work.run(book, SYSTEM, room.clinic, TUESDAY_NINE + timedelta(hours=1))
    with pytest.raises(NotFound):
        await room.unit_of_work.run(visits.find, companion, other.visit.id)


async def test_many_invited_at_once_are_no_more_than_there_is_room_for(room: Room) -> None:
    tries = [room.invite(replace(INTERPRETER, name=f"Number {each}")) for each in range(12)]
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, service.Invited) for each in outcomes) == 8
    assert sum(isinstance(each, TooManyInvited) for each in outcomes) == 4


async def test_the_patient_invites_four_and_takes_back_their_own(room: Room) -> None:
    patient = await guest_of(room.unit_of_work, room.booked)
    by_staff = await room.invite()
    theirs = [await room.invite(Companion(kind=K.FAMILY, name=f"Luis {each}"), patient) for each in range(4)]
    with pytest.raises(TooManyInvited):
        await room.invite(Companion(kind=K.FAMILY, name="Luis 5"), patient)
    for kind in (K.TRAINEE, K.CLINICIAN, K.PHONE, K.PROXY):
        with pytest.raises(NotToBeInvited):
            await room.invite(Companion(kind=kind, name="Kim"), patient)
    await room.unit_of_work.run(service.revoke, patient, room.visit, theirs[0].participant.id)
    assert await room.state(theirs[0]) is S.REVOKED
    with pytest.raises(StepRefused):
        await room.unit_of_work.run(service.revoke, patient, room.visit, by_staff.participant.id)
    with pytest.raises(TooManyInvited):  # mail is sent for each, taken back or not
        await room.invite(Companion(kind=K.FAMILY, name="Luis 5"), patient)


@pytest.mark.parametrize("step", [service.revoke, service.remove])
async def test_who_is_put_out_has_no_session_no_link_and_no_visit(
    room: Room, nudged: list[Event], step: object
) -> None:
    invited = await room.invite()
    answer = await room.name(invited, "ines vidal")
    assert isinstance(answer, guests.Identified)
    sessions = StoredCredentials(room.unit_of_work)
    actor = await sessions.session(answer.secret)
    assert actor is not None
    await room.unit_of_work.run(step, room.clinic.front_desk, room.visit, actor.id)  # type: ignore[arg-type]
    assert await sessions.session(answer.secret) is None
    with pytest.raises(NotFound):
        await room.unit_of_work.run(visits.visit_version, actor, room.visit)
    assert await room.name(invited, "ines vidal") == Mistaken(None)
    with pytest.raises(NotFound):
        await room.unit_of_work.run(queries.link_of, SYSTEM, invited.participant.id)
    (removed,) = [each for each in nudged if isinstance(each, ParticipantRemoved)]
    assert f"visit:{room.visit}" in removed.topics()
    again = await room.unit_of_work.run(service.resend, room.clinic.front_desk, room.visit, invited.participant.id)
    assert again.link != invited.link
    assert isinstance(await room.name(again, "ines vidal"), guests.Identified)
    assert await room.name(invited, "ines vidal") == Mistaken(None)


async def test_a_link_sent_again_is_the_same_until_a_fresh_one_is_asked_for(room: Room, nudged: list[Event]) -> None:
    invited = await room.invite()
    for _ in range(5):
        await room.name(invited, "Somebody Else")
    assert isinstance(await room.name(invited, "Inés Vidal"), Locked)
    assert [type(each) for each in nudged].count(LinkLocked) == 1
    same = await room.unit_of_work.run(service.resend, room.clinic.front_desk, room.visit, invited.participant.id)
    assert same.link == invited.link
    answer = await room.name(invited, "Inés Vidal")  # wrong answers are forgiven
    assert isinstance(answer, guests.Identified)
    fresh = await room.unit_of_work.run(
        service.resend, room.clinic.front_desk, room.visit, invited.participant.id, fresh=True
    )
    assert fresh.link != invited.link
    assert await StoredCredentials(room.unit_of_work).session(answer.secret) is None
    assert await room.name(invited, "Inés Vidal") == Mistaken(None)
    assert [type(each) for each in nudged].count(ParticipantInvited) == 3


async def test_links_of_one_kind_do_not_open_with_the_other_question(room: Room) -> None:
    invited = await room.invite()
    by_birth = await room.unit_of_work.run(guests.identify_guest, SYSTEM, invited.link.rpartition("/")[2], BORN)
    assert by_birth == Mistaken(None)
    by_name = await room.unit_of_work.run(
        guests.identify_by_name, SYSTEM, room.booked.link_secret, room.clinic.patient.name
    )
    assert by_name == Mistaken(None)


async def test_nobody_is_invited_to_what_is_over(room: Room) -> None:
    await room.unit_of_work.run(lifecycle.cancel, SYSTEM, room.visit, reason="other")
    with pytest.raises(NotToBeInvited):
        await room.invite()
    with pytest.raises(NotFound):
        await room.unit_of_work.run(service.invite, room.clinic.front_desk, uuid4(), INTERPRETER)


async def test_a_phone_leg_is_marked_by_staff_and_let_in_like_everyone(room: Room) -> None:
    desk, clinician = room.clinic.front_desk, room.clinic.clinician_actor
    invited = await room.invite(Companion(kind=K.PHONE, name="Ana Moreno", phone="+15075550177"))
    assert invited.link == ""
    assert not invited.participant.has_link
    listed = await room.unit_of_work.run(queries.roster, desk, room.visit)
    assert {each.name: each.phone for each in listed} == {
        "Rosa Moreno": None,
        "Dr. Ada Lindqvist": None,
        "Ana Moreno": "+15075550177",
    }
    for actor, step, state in (
        (desk, Step.VERIFY, S.VERIFIED),
        (desk, Step.WAIT, S.WAITING),
        (clinician, Step.ADMIT, S.ADMITTED),
        (desk, Step.CONNECT, S.CONNECTED),
        (desk, Step.DISCONNECT, S.DISCONNECTED),
        (desk, Step.LEAVE, S.LEFT),
    ):
        marked = await room.unit_of_work.run(service.mark, actor, room.visit, invited.participant.id, step)
        assert marked.state is state
    interpreter = await room.invite()
    with pytest.raises(StepRefused):
        await room.unit_of_work.run(service.mark, desk, room.visit, interpreter.participant.id, Step.VERIFY)


# Who acts for the patient


async def _authority(room: Room, **more: object) -> UUID:
    theirs = Authority(given="Marta", family="Moreno", relationship=Relationship.REPRESENTATIVE, email="m@x.example")
    authority = replace(theirs, **more)  # type: ignore[arg-type]
    return (await room.unit_of_work.run(people.add_related_person, SYSTEM, room.clinic.patient.id, authority)).id


async def _proxy(room: Room, person: UUID) -> service.Invited:
    return await room.invite(Companion(kind=K.PROXY, related_person_id=person))


async def test_who_acts_for_the_patient_gives_the_patients_date_of_birth_and_acts_as_the_patient(
    room: Room, clock: FixedClock
) -> None:
    ends = room.booked.visit.ends_at
    person = await _authority(room, ends_at=ends)
    invited = await _proxy(room, person)
    with pytest.raises(AlreadyInvited):
        await _proxy(room, person)
    assert (invited.link[:6], invited.participant.name) == ("/join/", "Marta Moreno")
    secret = invited.link.rpartition("/")[2]
    answer = await room.unit_of_work.run(guests.identify_guest, SYSTEM, secret, BORN)
    assert isinstance(answer, guests.Identified)
    assert clock.now() + timedelta(seconds=answer.max_age) == ends
    proxy = await StoredCredentials(room.unit_of_work).session(answer.secret)
    assert proxy is not None
    assert (proxy.role, proxy.person_id) == (Role.PATIENT, room.clinic.patient.id)
    clock.advance(TUESDAY_NINE - clock.now())
    assert (await room.unit_of_work.run(lifecycle.arrive, proxy, room.visit)).id == room.visit
    with pytest.raises(NotAllowed):
        await room.unit_of_work.run(service.require_booking, proxy)
    patient = await guest_of(room.unit_of_work, room.booked)
    await room.unit_of_work.run(service.require_booking, patient)


async def test_authority_that_is_over_or_not_for_joining_lets_nobody_in(room: Room, clock: FixedClock) -> None:
    for more in ({"ends_at": TUESDAY_NINE}, {"may_join": False}):
        with pytest.raises(NoAuthority):
            await _proxy(room, await _authority(room, **more))
    stranger = await room.unit_of_work.run(
        people.register_patient, SYSTEM, given="Kim", family="Ode", birth_date=date(1990, 1, 1)
    )
    other = Authority(given="Ola", family="Ode", relationship=Relationship.REPRESENTATIVE)
    theirs = await room.unit_of_work.run(people.add_related_person, SYSTEM, stranger.id, other)
    with pytest.raises(NotFound):
        await _proxy(room, theirs.id)
    invited = await _proxy(room, await _authority(room, ends_at=TUESDAY_NINE + timedelta(minutes=1)))
    clock.advance(TUESDAY_NINE + timedelta(minutes=1) - clock.now())
    with pytest.raises(NoAuthority):
        await room.unit_of_work.run(guests.identify_guest, SYSTEM, invited.link.rpartition("/")[2], BORN)


async def test_the_end_of_authority_puts_them_out(room: Room, clock: FixedClock) -> None:
    person = await _authority(room)
    invited = await _proxy(room, person)
    clock.advance(timedelta(hours=1))
    await room.unit_of_work.run(people.end_related_person, SYSTEM, person)
    await room.unit_of_work.run(service.end_authority, SYSTEM, person)
    assert await room.state(invited) is S.REVOKED
    with pytest.raises(NoAuthority):
        await _proxy(room, person)


async def test_the_guardians_of_a_minor_are_invited_with_them(unit_of_work: UnitOfWork) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    child = await unit_of_work.run(
        people.register_patient, SYSTEM, given="Bia", family="Moreno", birth_date=date(2015, 6, 5)
    )
    mother = Authority(given="Ana", family="Moreno", relationship=Relationship.PARENT)
    for authority in (mother, replace(mother, given="Rui", may_join=False)):
        await unit_of_work.run(people.add_related_person, SYSTEM, child.id, authority)
    minors = Room(unit_of_work, clinic, await unit_of_work.run(book, SYSTEM, replace(clinic, patient=child)))
    (invited,) = await unit_of_work.run(service.invite_guardians, SYSTEM, minors.visit)
    assert (invited.name, invited.kind) == ("Ana Moreno", K.PROXY)
    assert await unit_of_work.run(service.invite_guardians, SYSTEM, minors.visit) == []
    adults = Room(unit_of_work, clinic, await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(hours=1)))
    await _authority(adults)
    assert await unit_of_work.run(service.invite_guardians, SYSTEM, adults.visit) == []


async def test_patient_and_clinician_follow_the_visit_and_the_interpreter_does_not(
    room: Room, clock: FixedClock
) -> None:
    interpreter = await room.come(await room.invite())
    patient = await guest_of(room.unit_of_work, room.booked)
    clock.advance(TUESDAY_NINE - clock.now())
    await room.unit_of_work.run(service.attend, interpreter)

    async def states() -> dict[ParticipantKind, ParticipantState]:
        for _ in range(2):  # told twice is told once
            await room.unit_of_work.run(service.follow, SYSTEM, room.visit)
        found = await room.unit_of_work.run(queries.participants_of, SYSTEM, room.visit)
        return {each.kind: each.state for each in found}

    assert await states() == {K.PATIENT: S.VERIFIED, K.CLINICIAN: S.INVITED, K.INTERPRETER: S.WAITING}
    await room.unit_of_work.run(lifecycle.arrive, patient, room.visit)
    await _into_the_call(room, patient)
    assert await states() == {K.PATIENT: S.CONNECTED, K.CLINICIAN: S.CONNECTED, K.INTERPRETER: S.WAITING}
    await room.unit_of_work.run(lifecycle.interrupted, SYSTEM, room.visit)
    assert await states() == {K.PATIENT: S.DISCONNECTED, K.CLINICIAN: S.DISCONNECTED, K.INTERPRETER: S.WAITING}
    await room.unit_of_work.run(lifecycle.end, room.clinic.clinician_actor, room.visit)
    assert set((await states()).values()) == {S.LEFT}


async def test_news_that_is_overtaken_puts_nobody_back_into_a_visit_that_is_over(room: Room, clock: FixedClock) -> None:
    patient = await guest_of(room.unit_of_work, room.booked)
    clock.advance(TUESDAY_NINE - clock.now())
    await _into_the_call(room, patient)
    late: list[asyncio.Task[None]] = []

    async def end_meanwhile(unit: Unit) -> None:
        """The visit ends and is followed while a slower worker has begun to follow what was before."""
        await lifecycle.end(unit, room.visit)
        await service.follow(unit, room.visit)
        late.append(asyncio.create_task(room.unit_of_work.run(service.follow, SYSTEM, room.visit)))
        await asyncio.wait(late, timeout=0.5)

    await room.unit_of_work.run(end_meanwhile, room.clinic.clinician_actor)
    await asyncio.gather(*late)
    found = await room.unit_of_work.run(queries.participants_of, SYSTEM, room.visit)
    assert {each.kind: each.state for each in found} == {K.PATIENT: S.LEFT, K.CLINICIAN: S.INVITED}


async def _into_the_call(room: Room, patient: Actor) -> None:
    await room.unit_of_work.run(lifecycle.record_check, patient, room.visit, DeviceCheck.GOOD)
    await room.unit_of_work.run(gates.make_ready, patient, room.visit)
    await room.unit_of_work.run(lifecycle.admit, room.clinic.clinician_actor, room.visit)
    await room.unit_of_work.run(lifecycle.connected, SYSTEM, room.visit)
