"""Companions in a call: who gets a ticket, and what is kept of what they and others write."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import NotFound
from telehealth.core.ids import ParticipantId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.video import chat, service
from telehealth.video.language import Keep
from telehealth.video.models import ChatMessageRow
from telehealth.video.room import Who
from telehealth.video.rules import NotAdmitted
from telehealth.visits.lifecycle.parts import ParticipantKind, ParticipantState, StepRefused
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service as company
from tests.kit.company import companion_of
from tests.kit.meetings import Meeting

WORD = "sertraline"
K = ParticipantKind


def id_of(actor: Actor) -> ParticipantId:
    assert actor.id is not None
    return ParticipantId(actor.id)


async def enter(unit_of_work: UnitOfWork, actor: Actor, meeting: Meeting) -> service.Entry:
    ticket = await unit_of_work.run(service.issue_ticket, actor, meeting.visit_id)
    return await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)


async def test_a_companion_gets_a_ticket_when_they_are_let_in(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    waits = await companion_of(unit_of_work, meeting, let_in=False)
    with pytest.raises(NotAdmitted):
        await unit_of_work.run(service.issue_ticket, waits, meeting.visit_id)
    await unit_of_work.run(service.let_in, meeting.clinician, meeting.visit_id, id_of(waits))
    entry = await enter(unit_of_work, waits, meeting)
    assert entry.who == Who(id_of(waits), K.INTERPRETER)
    assert entry.actor == replace(waits, scopes=frozenset(), purpose=entry.actor.purpose)


async def test_a_companion_comes_into_no_call_before_it_begins(unit_of_work: UnitOfWork, waiting: Meeting) -> None:
    early = await companion_of(unit_of_work, waiting, let_in=True)
    with pytest.raises(NotAdmitted):
        await unit_of_work.run(service.issue_ticket, early, waiting.visit_id)


async def test_a_ticket_is_of_the_participant(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    host = await enter(unit_of_work, meeting.clinician, meeting)
    patient = await enter(unit_of_work, meeting.patient, meeting)
    assert (host.who.host, host.who.kind) == (True, K.CLINICIAN)
    assert (patient.who.participant, patient.who.kind) == (meeting.patient.id, K.PATIENT)
    everyone = await unit_of_work.run(participants.participants_of, SYSTEM, meeting.visit_id)
    assert {host.who.participant, patient.who.participant} == {each.id for each in everyone}


async def test_who_was_put_out_meanwhile_does_not_get_in(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    ticket = await unit_of_work.run(service.issue_ticket, companion, meeting.visit_id)
    await unit_of_work.run(service.put_out, meeting.clinician, meeting.visit_id, id_of(companion))
    with pytest.raises(NotFound):
        await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)


async def test_the_host_decides_for_their_own_visit_alone(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    companion = await companion_of(unit_of_work, meeting, let_in=False)
    stranger = replace(meeting.clinician, person_id=uuid4())
    for act in (service.let_in, service.put_out):
        with pytest.raises(NotFound):
            await unit_of_work.run(act, stranger, meeting.visit_id, id_of(companion))
        with pytest.raises(NotFound):
            await unit_of_work.run(act, meeting.clinician, meeting.visit_id, ParticipantId(uuid4()))
    await unit_of_work.run(service.let_in, meeting.clinician, meeting.visit_id, id_of(companion))
    with pytest.raises(StepRefused):
        await unit_of_work.run(service.let_in, meeting.clinician, meeting.visit_id, id_of(companion))


async def test_media_of_a_companion_stand_with_the_visit(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    companion = id_of(await companion_of(unit_of_work, meeting, let_in=True))
    for in_media, state in (
        (False, ParticipantState.ADMITTED),
        (True, ParticipantState.CONNECTED),
        (True, ParticipantState.CONNECTED),
        (False, ParticipantState.DISCONNECTED),
        (True, ParticipantState.CONNECTED),
    ):
        await unit_of_work.run(service.settle_part, SYSTEM, meeting.visit_id, companion, in_media=in_media)
        assert (await unit_of_work.run(participants.participant, SYSTEM, companion)).state is state


# Chat


def said(meeting: Meeting, number: int, *heard_by: Actor) -> Keep:
    speaker = Who(id_of(meeting.patient), K.PATIENT)
    return Keep("s", number, speaker, f"{WORD} {number}", tuple(id_of(each) for each in (meeting.patient, *heard_by)))


async def test_what_is_written_is_read_again_by_who_was_there(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    late = await companion_of(unit_of_work, meeting, K.FAMILY, let_in=True)
    await unit_of_work.run(chat.keep, meeting.patient, meeting.visit_id, said(meeting, 1))
    await unit_of_work.run(chat.keep, meeting.patient, meeting.visit_id, said(meeting, 2, companion))
    texts = {}
    for name, actor in (
        ("host", meeting.clinician),
        ("patient", meeting.patient),
        ("companion", companion),
        ("late", late),
    ):
        texts[name] = [each.text for each in await unit_of_work.run(chat.read, actor, meeting.visit_id)]
    both = [f"{WORD} 1", f"{WORD} 2"]
    assert texts == {"host": both, "patient": both, "companion": both[1:], "late": []}


async def test_what_is_said_again_is_kept_once(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    for _ in range(3):
        await unit_of_work.run(chat.keep, meeting.patient, meeting.visit_id, said(meeting, 1))
    (message,) = await unit_of_work.run(chat.read, meeting.patient, meeting.visit_id)
    assert (message.participant, message.kind) == (meeting.patient.id, K.PATIENT)


async def test_words_are_sealed_and_reading_them_leaves_a_trace(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    await unit_of_work.run(chat.keep, meeting.patient, meeting.visit_id, said(meeting, 1))
    await unit_of_work.run(chat.read, meeting.clinician, meeting.visit_id)

    async def stored(unit: Unit) -> tuple[bytes, list[tuple[str, str]]]:
        row = (await unit.session.scalars(select(ChatMessageRow))).one()
        traces = await unit.session.scalars(select(AuditRow).where(AuditRow.entity == "chat-message"))
        return row.body, [(each.action, each.role) for each in traces]

    body, traces = await unit_of_work.run(stored)
    assert WORD.encode() not in body
    assert traces == [("create", "patient"), ("read", "clinician")]


async def test_nobody_else_reads_it(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    await unit_of_work.run(company.remove, SYSTEM, meeting.visit_id, id_of(companion))
    strangers = (companion, replace(meeting.patient, id=uuid4()), replace(meeting.clinician, person_id=uuid4()))
    for stranger in strangers:
        with pytest.raises(NotFound):
            await unit_of_work.run(chat.read, stranger, meeting.visit_id)
