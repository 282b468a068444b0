"""Tickets: one use, one minute, one visit, one person; and what a call tells its visit."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound, Refusal
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.video import service
from telehealth.video.models import TicketRow
from telehealth.video.room import Together
from telehealth.video.rules import NotAdmitted, TicketInvalid, VisitOver
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.meetings import Meeting


async def test_a_ticket_opens_the_call_once(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.patient, meeting.visit_id)
    entry = await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)
    assert (entry.visit.id, entry.actor.role, entry.who.participant) == (
        meeting.visit_id,
        meeting.patient.role,
        meeting.patient.id,
    )
    with pytest.raises(TicketInvalid):
        await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)


async def test_of_many_who_show_one_ticket_one_gets_in(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.clinician, meeting.visit_id)
    tries = (unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret) for _ in range(20))
    outcomes = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(type(each).__name__ for each in outcomes) == ["Entry"] + ["TicketInvalid"] * 19


async def test_a_ticket_is_good_for_a_minute(unit_of_work: UnitOfWork, meeting: Meeting, clock: FixedClock) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.patient, meeting.visit_id)
    clock.advance(timedelta(seconds=60))
    with pytest.raises(TicketInvalid):
        await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)
    clock.advance(timedelta(seconds=1))
    assert await unit_of_work.run(service.forget_tickets) == 1


async def test_the_secret_is_not_in_the_database(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.patient, meeting.visit_id)

    async def stored(unit: Unit) -> TicketRow:
        return (await unit.session.scalars(select(TicketRow))).one()

    row = await unit_of_work.run(stored)
    assert ticket.secret.encode() not in row.secret
    assert len(row.secret) == 32


async def test_nobody_gets_a_ticket_before_admission_or_after_the_end(
    unit_of_work: UnitOfWork, waiting: Meeting
) -> None:
    for actor in (waiting.patient, waiting.clinician):
        with pytest.raises(NotAdmitted):
            await unit_of_work.run(service.issue_ticket, actor, waiting.visit_id)
    await unit_of_work.run(visits.cancel, waiting.clinician, waiting.visit_id, reason="clinician unwell")
    with pytest.raises(VisitOver):
        await unit_of_work.run(service.issue_ticket, waiting.patient, waiting.visit_id)


async def test_a_ticket_dies_with_its_visit(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.patient, meeting.visit_id)
    await unit_of_work.run(visits.connected, SYSTEM, meeting.visit_id)
    await unit_of_work.run(visits.end, meeting.clinician, meeting.visit_id)
    with pytest.raises(VisitOver):
        await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)


async def test_another_persons_visit_is_not_there(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    strangers = (
        replace(meeting.patient, visit_id=uuid4()),
        replace(meeting.patient, id=uuid4()),
        replace(meeting.clinician, person_id=uuid4()),
    )
    for stranger in strangers:
        with pytest.raises(NotFound):
            await unit_of_work.run(service.issue_ticket, stranger, meeting.visit_id)


async def test_coming_in_leaves_a_trace_of_who_came(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    ticket = await unit_of_work.run(service.issue_ticket, meeting.patient, meeting.visit_id)
    await unit_of_work.run(service.redeem_ticket, SYSTEM, ticket.secret)

    async def traces(unit: Unit) -> list[AuditRow]:
        query = select(AuditRow).where(AuditRow.actor_id == meeting.patient.id, AuditRow.action == "execute")
        return list(await unit.session.scalars(query))

    rows = await unit_of_work.run(traces)
    assert [(row.role, row.entity_id, row.patient_id) for row in rows] == [
        ("patient", meeting.visit_id, meeting.clinic.patient.id)
    ] * 2


async def test_what_both_sides_say_of_their_media_moves_the_visit(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    said = (
        (Together.NOT_YET, VisitStatus.ADMITTING),
        (Together.LOST, VisitStatus.ADMITTING),
        (Together.CONNECTED, VisitStatus.IN_PROGRESS),
        (Together.CONNECTED, VisitStatus.IN_PROGRESS),
        (Together.LOST, VisitStatus.INTERRUPTED),
        (Together.CONNECTED, VisitStatus.IN_PROGRESS),
    )
    for together, status in said:
        visit = await unit_of_work.run(service.settle_media, SYSTEM, meeting.visit_id, together)
        assert visit.status is status


async def test_every_refusal_has_words(unit_of_work: UnitOfWork, meeting: Meeting) -> None:
    with pytest.raises(Refusal, match="used, expired or unknown"):
        await unit_of_work.run(service.redeem_ticket, SYSTEM, "made-up")
