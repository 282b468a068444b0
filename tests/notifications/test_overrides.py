"""What was stopped and must be told all the same: by the way that is left, in time, and kept with its reason."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.notifications import addresses, bounces
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, OptedOut, Unreachable
from telehealth.notifications.rules import Channel
from telehealth.notifications.wishes import Said
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as visits
from tests.notifications.conftest import NUMBER, ROSA, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)  # four o'clock in Madrid
Row = tuple[str, str, str | None, str | None]


async def stop(post: Post, channel: Channel, address: str) -> None:
    async def say(unit: Unit) -> None:
        known = await addresses.known(unit, channel, address)
        await addresses.stop(unit, known, [Purpose.APPOINTMENTS], Said.PAGE)

    await post.unit_of_work.run(say)


async def ledger(post: Post, kind: str) -> set[Row]:
    async def look(unit: Unit) -> list[MessageRow]:
        theirs = select(MessageRow).where(MessageRow.recipient_role == "patient", MessageRow.kind == kind)
        return list(await unit.session.scalars(theirs))

    return {(row.channel, row.state, row.fault, row.override) for row in await post.unit_of_work.run(look)}


async def audited(post: Post) -> list[tuple[str, UUID | None]]:
    async def look(unit: Unit) -> list[AuditRow]:
        return list(await unit.session.scalars(select(AuditRow).where(AuditRow.entity == "message")))

    return [(row.outcome, row.patient_id) for row in await post.unit_of_work.run(look)]


async def move(post: Post, start: datetime = START, by: timedelta = timedelta(days=1)) -> None:
    booked = await post.book(start)
    await post.deliver()
    await post.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=start + by)


@pytest.mark.parametrize("answer", [OptedOut(21610), Unreachable(21614)])
async def test_what_no_text_brings_goes_by_the_mail_that_was_stopped(
    texting: Post, answer: OptedOut | Unreachable
) -> None:
    await stop(texting, Channel.EMAIL, ROSA)
    await move(texting)
    texting.texter = MemoryTexter(answer=lambda _: answer)
    await texting.deliver()
    assert await ledger(texting, "moved") == {
        ("email", "sent", None, "time_changed"),
        ("sms", "rerouted", str(answer.code), None),
    }
    assert len(texting.to_patient()) == 1
    assert await audited(texting) == [("time_changed", texting.clinic.patient.id)]


@pytest.mark.parametrize("phone", ["600 123 456", None])
async def test_a_number_that_is_none_is_no_other_way(texting: Post, phone: str | None) -> None:
    await write_down(texting, phone=phone)
    await stop(texting, Channel.EMAIL, ROSA)
    await move(texting)
    await texting.deliver()
    assert await ledger(texting, "moved") == {("email", "sent", None, "time_changed")}


async def test_a_number_that_is_known_to_fail_is_no_other_way(texting: Post) -> None:
    async def fail(unit: Unit) -> None:
        await bounces.failed(unit, (await addresses.known(unit, Channel.SMS, NUMBER)).id, 21614)

    await texting.unit_of_work.run(fail)
    await stop(texting, Channel.EMAIL, ROSA)
    await move(texting)
    await texting.deliver()
    assert await ledger(texting, "moved") == {("email", "sent", None, "time_changed")}


async def test_an_absent_mail_server_costs_what_must_be_told_no_more_than_else(
    texting: Post, clock: FixedClock
) -> None:
    await stop(texting, Channel.SMS, NUMBER)
    await move(texting)
    texting.mailer.answer = lambda _: Away("SMTPConnectError")
    for _ in range(9):
        await texting.deliver()
        clock.advance(timedelta(hours=1))
    assert await ledger(texting, "moved") == {
        ("email", "rerouted", "SMTPConnectError", None),
        ("sms", "sent", None, "time_changed"),
    }


async def test_a_time_that_is_near_and_no_longer_true_rings_at_night(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, email=None)
    clock.advance(datetime(2026, 3, 4, 12, 0, tzinfo=UTC) - clock.now())
    booked = await texting.book(START)
    await texting.deliver()
    clock.advance(datetime(2026, 3, 5, 3, 30, tzinfo=UTC) - clock.now())  # 4:30 in Madrid
    await texting.deliver()
    assert isinstance(texting.texter, MemoryTexter)
    before = len(texting.texter.sent)
    later = START + timedelta(days=7)
    await texting.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await texting.deliver()
    assert len(texting.texter.sent) == before + 1
    assert ("sms", "sent", None, None) in await ledger(texting, "moved")


async def test_what_is_held_for_the_night_is_audited_when_it_is_sent(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, email=None)
    await stop(texting, Channel.SMS, NUMBER)
    clock.advance(datetime(2026, 3, 2, 22, 30, tzinfo=UTC) - clock.now())  # 23:30 in Madrid
    await move(texting)
    await texting.deliver()
    assert await audited(texting) == []
    clock.advance(timedelta(hours=9))
    await texting.deliver()
    assert await audited(texting) == [("time_changed", texting.clinic.patient.id)]


async def test_a_cancellation_that_was_stopped_waits_until_it_must_be_told(texting: Post, clock: FixedClock) -> None:
    await stop(texting, Channel.EMAIL, ROSA)
    await stop(texting, Channel.SMS, NUMBER)
    clock.advance(START - timedelta(hours=73) - clock.now())
    booked = await texting.book(START)
    await texting.deliver()
    await texting.unit_of_work.run(visits.cancel, SYSTEM, booked.visit.id, reason="clinic")
    await texting.deliver()
    assert await ledger(texting, "cancellation") == {("email", "pending", None, None)}
    clock.advance(timedelta(hours=25))
    texting.mailer.answer = lambda _: Away("SMTPConnectError")
    await texting.deliver()
    assert ("email", "pending", "SMTPConnectError", "cancelled_soon") in await ledger(texting, "cancellation")
    for _ in range(7):
        clock.advance(timedelta(hours=1))
        await texting.deliver()
    clock.advance(timedelta(hours=9))  # no text rings at night
    await texting.deliver()
    assert ("sms", "sent", None, "cancelled_soon") in await ledger(texting, "cancellation")


async def test_a_cancellation_that_presses_is_told_all_the_same(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, phone=None)
    await stop(texting, Channel.EMAIL, ROSA)
    clock.advance(START - timedelta(hours=3) - clock.now())
    booked = await texting.book(START)
    await texting.deliver()
    await texting.unit_of_work.run(visits.cancel, SYSTEM, booked.visit.id, reason="clinic")
    await texting.deliver()
    assert await ledger(texting, "cancellation") == {("email", "sent", None, "cancelled_soon")}
