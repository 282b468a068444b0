"""What happened to whoever takes part is written down once, step by step, with who did it."""

import re
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import select

from telehealth.core.actors import ANONYMOUS, SYSTEM, Actor, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.appointments import service as appointments
from telehealth.visits.gates import service as gates
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.events import VisitTakenOver
from telehealth.visits.lifecycle.models import ParticipantEventRow, ParticipantRow
from telehealth.visits.lifecycle.parts import STEPS, ParticipantKind, ParticipantState
from telehealth.visits.lifecycle.rules import DeviceCheck
from telehealth.visits.participants import guests, queries, service, tasks
from telehealth.visits.participants.rules import Companion
from tests.kit.clinic import BORN, TUESDAY_NINE, Clinic, add_colleague, book, guest_of, open_clinic

K, S = ParticipantKind, ParticipantState
INTERPRETER = Companion(kind=K.INTERPRETER, name="Inés Vidal", email="ines@interpreters.example", language="es")


@pytest.fixture
async def clinic(unit_of_work: UnitOfWork) -> Clinic:
    return await unit_of_work.run(open_clinic, SYSTEM)


@pytest.fixture
async def booked(unit_of_work: UnitOfWork, clinic: Clinic) -> appointments.Booked:
    return await unit_of_work.run(book, SYSTEM, clinic)


async def history_of(unit: Unit, participant_id: UUID) -> list[tuple[str, str, str | None]]:
    """Step, role and after, oldest first; the sequence has no gap and each step begins where the last one ended."""
    row = ParticipantEventRow
    found = (
        await unit.session.scalars(select(row).where(row.participant_id == participant_id).order_by(row.seq))
    ).all()
    assert [each.seq for each in found] == list(range(1, len(found) + 1))
    assert [each.before for each in found] == [None, *(each.after for each in found[:-1])]
    theirs = await unit.session.get_one(ParticipantRow, participant_id, populate_existing=True)
    assert found[-1].after == theirs.state
    return [(each.step, each.role, each.after) for each in found]


def test_the_database_knows_the_steps_of_the_machine_and_no_others(database: str) -> None:
    query = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s"
    with psycopg.connect(database) as connection:
        (steps,) = connection.execute(query, ["ck_participant_event_step"]).fetchone() or ("",)
        (states,) = connection.execute(query, ["ck_participant_state"]).fetchone() or ("",)
    assert set(re.findall(r"'(\w+:\w*:\w+)'", steps)) == {f"{step}:{a or ''}:{b}" for step, a, b in STEPS}
    assert set(re.findall(r"'(\w+)'", states)) == set(S)


async def test_a_step_or_a_state_that_the_machine_does_not_have_is_refused(
    database: str, booked: appointments.Booked
) -> None:
    entry = (
        "INSERT INTO participant_event (participant_id, seq, visit_id, at, step, role, purpose, before, after) "
        "SELECT id, 2, visit_id, now(), 'admit', 'system', 'TREAT', 'invited', 'connected' FROM participant"
    )
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.CheckViolation, match="step"):
        connection.execute(entry)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.CheckViolation, match="state"):
        connection.execute("UPDATE participant SET state = 'asleep'")
    assert booked.visit.revision == 1


async def test_the_history_of_an_interpreter(unit_of_work: UnitOfWork, clinic: Clinic, clock: FixedClock) -> None:
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    visit, desk = booked.visit.id, clinic.front_desk
    invited = await unit_of_work.run(service.invite, desk, visit, INTERPRETER)
    await unit_of_work.run(service.note_notified, SYSTEM, invited.participant.id)
    secret = invited.link.rpartition("/")[2]
    for _ in range(5):
        await unit_of_work.run(guests.identify_by_name, ANONYMOUS, secret, "Somebody Else")
    await unit_of_work.run(service.resend, desk, visit, invited.participant.id)
    clock.advance(TUESDAY_NINE - clock.now())
    for _ in range(2):
        answer = await unit_of_work.run(guests.identify_by_name, ANONYMOUS, secret, "Inés Vidal")
        assert isinstance(answer, guests.Identified)
    inside = Actor(invited.participant.id, Role.GUEST, visit_id=visit)
    await unit_of_work.run(service.attend, inside)
    await unit_of_work.run(service.admit, clinic.clinician_actor, visit, invited.participant.id)
    await unit_of_work.run(service.remove, desk, visit, invited.participant.id)
    await unit_of_work.run(service.resend, desk, visit, invited.participant.id)
    await unit_of_work.run(service.resend, desk, visit, invited.participant.id, fresh=True)
    assert await unit_of_work.run(history_of, SYSTEM, invited.participant.id) == [
        ("invite", "front_desk", "invited"),
        ("notify", "system", "notified"),
        ("open", "anonymous", "opened"),
        ("lock", "anonymous", "opened"),
        ("resend", "front_desk", "opened"),
        ("verify", "anonymous", "verified"),
        ("verify", "anonymous", "verified"),
        ("wait", "guest", "waiting"),
        ("admit", "clinician", "admitted"),
        ("remove", "front_desk", "removed"),
        ("invite_again", "front_desk", "invited"),
        ("renew", "front_desk", "invited"),
    ]


async def test_whoever_takes_a_visit_over_in_the_call_is_in_it(
    unit_of_work: UnitOfWork, clinic: Clinic, booked: appointments.Booked, clock: FixedClock
) -> None:
    visit, colleague = booked.visit.id, await unit_of_work.run(add_colleague, SYSTEM, clinic)
    patient = await guest_of(unit_of_work, booked)
    clock.advance(TUESDAY_NINE - clock.now())
    await unit_of_work.run(lifecycle.record_check, patient, visit, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, visit)
    await unit_of_work.run(lifecycle.admit, clinic.clinician_actor, visit)
    await unit_of_work.run(lifecycle.connected, SYSTEM, visit)
    await unit_of_work.run(service.follow, SYSTEM, visit)
    for heir in (colleague, clinic.clinician):
        taken = await unit_of_work.run(lifecycle.hand_over, clinic.front_desk, visit, heir.id)
        told = VisitTakenOver(visit_id=taken.id, patient_id=taken.patient_id, clinician_id=heir.id)
        assert type(told) in tasks.FOLLOWED
        await unit_of_work.run(tasks.follow, SYSTEM, told)
    found = await unit_of_work.run(queries.ever_invited, SYSTEM, visit)
    by_person = {each.person_id: each for each in found}
    assert {each.state for each in found} == {S.CONNECTED, S.REVOKED}
    assert by_person[colleague.id].state is S.REVOKED
    assert await unit_of_work.run(history_of, SYSTEM, by_person[clinic.clinician.id].id) == [
        ("invite", "system", "invited"),
        ("admit", "system", "admitted"),
        ("connect", "system", "connected"),
        ("hand_over", "front_desk", "revoked"),
        ("take_over", "front_desk", "invited"),
        ("admit", "system", "admitted"),
        ("connect", "system", "connected"),
    ]


async def test_the_history_of_a_patient_who_waits_and_goes(
    unit_of_work: UnitOfWork, booked: appointments.Booked, clock: FixedClock
) -> None:
    visit = booked.visit.id
    await unit_of_work.run(guests.identify_guest, ANONYMOUS, booked.link_secret, BORN)
    patient = await guest_of(unit_of_work, booked)
    clock.advance(TUESDAY_NINE - clock.now())
    await unit_of_work.run(lifecycle.record_check, patient, visit, DeviceCheck.GOOD)
    await unit_of_work.run(gates.make_ready, patient, visit)
    await unit_of_work.run(service.follow, SYSTEM, visit)
    await unit_of_work.run(lifecycle.leave, patient, visit)
    await unit_of_work.run(service.follow, SYSTEM, visit)
    assert patient.id is not None
    steps = [step for step, _, _ in await unit_of_work.run(history_of, SYSTEM, patient.id)]
    assert steps == ["invite", "verify", "verify", "check", "wait", "leave"]


def test_nothing_else_writes_how_far_somebody_has_come() -> None:
    """Only lifecycle/guests.py makes participants and moves them."""
    files = [each for each in Path(guests.__file__).parents[2].rglob("*.py") if "ParticipantRow" in each.read_text()]
    writers = {
        f"{each.parent.name}/{each.name}"
        for each in files
        if re.search(r"insert\(ParticipantRow|\bParticipantRow\((?!Table)|\.state = |\bstate=", each.read_text())
    }
    assert len(files) > 5
    assert writers - {"participants/queries.py"} == {"lifecycle/guests.py"}  # queries only read a row into a value
