"""Each message once, whoever sends; a bad address stops nobody; an absent server costs time and no message."""

import asyncio
import logging
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications import providers, service
from telehealth.notifications.channels import Reach
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Deferred, Mail, Outcome, Refused, Sent
from telehealth.notifications.rules import GIVE_UP_AFTER, LEASE, MESSAGE_STEPS, Channel, MessageState
from telehealth.notifications.sending import send_due
from telehealth.notifications.tasks import SUBSCRIPTIONS
from telehealth.people.models import PatientRow
from telehealth.tasks.relay import Relay
from telehealth.visits.lifecycle import service as visits
from tests.kit.clinic import TUESDAY_NINE
from tests.notifications.conftest import SOON, Post


async def ledger(post: Post) -> list[MessageRow]:
    """All but reminders, and the call when it begins."""

    async def look(unit: Unit) -> list[MessageRow]:
        told = select(MessageRow).where(MessageRow.kind.not_in(["reminder", "join_now"]))
        return list(await unit.session.scalars(told.order_by(MessageRow.id)))

    return await post.unit_of_work.run(look)


async def test_a_bad_address_stops_nobody_and_is_not_tried_again(post: Post, clock: FixedClock) -> None:
    post.mailer.answer = lambda mail: Refused(550) if mail.recipient == "rosa@home.example" else Sent()
    await post.book()
    assert [mail.recipient for mail in await post.deliver()] == ["ada@clinic.example"]
    clock.advance(timedelta(hours=1))
    assert await post.deliver() == []
    assert {(row.state, row.fault) for row in await ledger(post)} == {("dead", "550"), ("sent", None)}


async def test_nowhere_to_send_it_is_kept_as_that(post: Post) -> None:
    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(PatientRow).values(email=None))

    await post.unit_of_work.run(forget)
    await post.book()
    assert len(await post.deliver()) == 1
    assert {(row.state, row.fault) for row in await ledger(post)} == {("dead", "no-address"), ("sent", None)}


async def test_a_full_mailbox_is_tried_again_later(post: Post, clock: FixedClock) -> None:
    post.mailer.answer = lambda mail: Deferred(452) if mail.recipient == "rosa@home.example" else Sent()
    await post.book()
    assert len(await post.deliver()) == 1
    post.mailer.answer = lambda _: Sent()
    assert await post.deliver() == []
    clock.advance(timedelta(seconds=15))
    assert [mail.recipient for mail in await post.deliver()] == ["rosa@home.example"]


async def test_a_claim_takes_one_however_the_database_finds_it(post: Post) -> None:
    """A nested loop asks a subquery for "the next that nobody holds" again with each row, and would take many."""

    async def claim(unit: Unit) -> None:
        for other in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "indexscan", "bitmapscan"):
            await unit.session.execute(text(f"SET LOCAL enable_{other} = off"))
        assert len((await providers.take_turn(unit, Channel.EMAIL, None, most=1)).messages) == 1

    await post.book()
    await post.relay()
    await post.unit_of_work.run(claim)
    assert sorted(row.state for row in await ledger(post)) == ["pending", "sending"]


async def test_an_absent_server_is_asked_once_each_and_loses_nothing(post: Post, clock: FixedClock) -> None:
    asked: list[Mail] = []

    def away(mail: Mail) -> Outcome:
        asked.append(mail)
        return Away("SMTPConnectError")

    post.mailer.answer = away
    await post.book()
    await post.deliver()
    assert len(asked) == 2
    for _ in range(8):
        clock.advance(timedelta(hours=1))
        await post.deliver()
    post.mailer.answer = lambda _: Sent()
    clock.advance(timedelta(hours=1))
    assert len(await post.deliver()) == 2
    assert {row.state for row in await ledger(post)} == {"sent"}


async def test_in_the_end_it_is_given_up_and_kept(post: Post, clock: FixedClock) -> None:
    post.mailer.answer = lambda _: Deferred(451)
    await post.book(TUESDAY_NINE + timedelta(days=6))
    for _ in range(int(GIVE_UP_AFTER / timedelta(hours=1)) + 1):
        await post.deliver()
        clock.advance(timedelta(hours=1))
    rows = [row for row in await ledger(post) if row.kind == "invitation"]
    assert {(row.state, row.fault) for row in rows} == {("dead", "451")}


async def test_a_sender_that_died_is_followed_by_another_and_settles_no_more(post: Post, clock: FixedClock) -> None:
    await post.book()
    await post.relay()
    turn = await post.unit_of_work.run(providers.take_turn, SYSTEM, Channel.EMAIL, None, most=1)
    (lost,) = turn.messages
    assert len(await post.deliver()) == 1
    clock.advance(LEASE)
    assert len(await post.deliver()) == 1
    await post.unit_of_work.run(service.settle, SYSTEM, lost, Away("late"), Reach())
    assert {(row.state, row.fault) for row in await ledger(post)} == {("sent", None)}


async def test_four_senders_send_each_message_once(post: Post) -> None:
    for slot in range(6):
        booked = await post.book(SOON + timedelta(minutes=20 * slot))
        await post.unit_of_work.run(visits.cancel, SYSTEM, booked.visit.id, reason="moved")
    await post.relay()
    await asyncio.gather(*(send_due(post.work) for _ in range(4)))
    assert len({mail.id for mail in post.mailer.sent}) == len(post.mailer.sent) == 12  # the invitations are dropped
    assert sorted(row.state for row in await ledger(post)) == ["dropped"] * 12 + ["sent"] * 12


async def test_one_event_is_told_once_however_often_it_is_relayed(post: Post) -> None:
    await post.book()
    await asyncio.gather(*(Relay(SUBSCRIPTIONS).sweep(post.work) for _ in range(3)))
    assert len(await post.deliver()) == 2


async def test_a_letter_that_cannot_be_written_stops_nobody(post: Post, clock: FixedClock) -> None:
    async def break_one(unit: Unit) -> None:
        await unit.session.execute(
            update(MessageRow).where(MessageRow.recipient_role == "patient").values(recipient_role="clinician")
        )

    await post.book()
    await post.relay()
    await post.unit_of_work.run(break_one)
    assert len(await post.deliver()) == 1
    assert {row.fault for row in await ledger(post)} == {"NotFound", None}


async def test_logs_tell_ids_only(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    post.mailer.answer = lambda _: Refused(550)
    with caplog.at_level(logging.DEBUG):
        booked = await post.book()
        await post.deliver()
    assert "550" in caplog.text
    for private in ("rosa@", "Rosa", "Jim", booked.link_secret):
        assert private not in caplog.text


def test_what_has_ended_stays_so() -> None:
    assert MESSAGE_STEPS.keys() == set(MessageState)
    assert MessageState.SENDING not in MESSAGE_STEPS[MessageState.SENT]
