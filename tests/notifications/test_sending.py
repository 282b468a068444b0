"""Side by side: who waits holds up no other, nobody is sent more than they take, and what lies ahead costs nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications import providers, service
from telehealth.notifications.limits import AT_ONCE, FAILURES_TO_CLOSE, HOUR, MOST, OF_ONE
from telehealth.notifications.memory import MemoryMailer, MemoryTexter
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Mail, Outcome, Sent, Text
from telehealth.notifications.rules import Channel, MessageKind, MessageState
from telehealth.notifications.sending import TRIP_SECONDS, WATCH, relieved_at, send_due
from telehealth.tasks.app import DEADLINE_SECONDS
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import service as visits
from tests.followups.test_keeping import pages_of
from tests.kit.clinic import TUESDAY_NINE, add_colleague
from tests.kit.patience import until
from tests.notifications.conftest import Post, write_down

ADA = "ada@clinic.example"
NOON = timedelta(hours=3)  # from the tests' clock to a time at which a text may ring


@dataclass
class Gated(MemoryMailer):
    """Says nothing to whom `holds` names, until the gate opens. Counts how many are with it at once."""

    holds: Callable[[Mail], bool] = lambda _: True
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    here: int = 0
    most: int = 0

    async def send(self, mail: Mail) -> Outcome:
        self.here += 1
        self.most = max(self.most, self.here)
        if self.holds(mail):
            await self.gate.wait()
        self.here -= 1
        return await MemoryMailer.send(self, mail)


async def tell_staff(post: Post, number: int) -> None:
    """So many mails to the clinician are due."""

    async def tell(unit: Unit) -> None:
        ada = (Role.CLINICIAN, post.clinic.clinician.id)
        for _ in range(number):
            await service.tell(unit, MessageKind.FOLLOW_UP_DUE, uuid4(), recipients=[ada], due_at=unit.now)

    await post.unit_of_work.run(tell)


async def of_many(post: Post) -> None:
    """Each mail that was noted is for a clinician of its own."""

    async def spread(unit: Unit) -> None:
        for row in await unit.session.scalars(select(MessageRow)):
            row.recipient_id = (await add_colleague(unit, post.clinic)).id

    await post.unit_of_work.run(spread)


async def states(post: Post) -> dict[str, int]:
    async def count(unit: Unit) -> dict[str, int]:
        rows = await unit.session.execute(select(MessageRow.state, func.count()).group_by(MessageRow.state))
        return {str(state): number for state, number in rows}

    return await post.unit_of_work.run(count)


async def rows(post: Post) -> list[MessageRow]:
    async def look(unit: Unit) -> list[MessageRow]:
        return list(await unit.session.scalars(select(MessageRow).order_by(MessageRow.id)))

    return await post.unit_of_work.run(look)


async def test_a_server_that_says_nothing_of_one_holds_up_no_other(post: Post) -> None:
    colleague = await post.unit_of_work.run(add_colleague, SYSTEM, post.clinic)
    post.mailer = mailer = Gated(holds=lambda mail: mail.recipient == colleague.email)

    async def tell(unit: Unit) -> None:
        theirs = (Role.CLINICIAN, colleague.id)
        await service.tell(unit, MessageKind.FOLLOW_UP_DUE, uuid4(), recipients=[theirs], due_at=unit.now)

    for _ in range(AT_ONCE + 2):  # more than there are places
        await post.unit_of_work.run(tell)
    await tell_staff(post, 3 * AT_ONCE)
    sending = asyncio.create_task(send_due(post.work))
    await until(lambda: len(mailer.sent) == 3 * AT_ONCE)
    await tell_staff(post, 1)  # what becomes due meanwhile goes too
    await until(lambda: len(mailer.sent) == 3 * AT_ONCE + 1)
    assert mailer.here == OF_ONE
    mailer.gate.set()
    assert await sending == 4 * AT_ONCE + 3


@given(st.datetimes(timezones=st.just(UTC)), st.floats(0, 2 * TRIP_SECONDS))
def test_of_two_neighbours_one_is_on_watch(at: datetime, later: float) -> None:
    """Whoever ends a watch waits for one trip more at most; the other ends its own not before that, and not at once."""
    begins = at + timedelta(seconds=later)
    first, second = relieved_at(at, 0), relieved_at(begins, 1)
    assert timedelta() < first - at <= 2 * WATCH
    apart = abs(second - first) % (2 * WATCH)
    assert abs(apart - WATCH) < timedelta(milliseconds=1)
    assert timedelta(seconds=TRIP_SECONDS) <= WATCH


def test_a_watch_and_a_trip_end_within_a_sweeps_deadline() -> None:
    assert 2 * WATCH.total_seconds() + TRIP_SECONDS < DEADLINE_SECONDS


async def test_so_many_are_on_their_way_and_other_channels_go_on(texting: Post, clock: FixedClock) -> None:
    clock.advance(NOON)
    await write_down(texting, email=None)
    texting.mailer = mailer = Gated()
    await texting.book(TUESDAY_NINE)
    await tell_staff(texting, 2 * AT_ONCE)
    await of_many(texting)
    await texting.relay()
    sending = asyncio.create_task(send_due(texting.work))
    texter = texting.texter
    assert isinstance(texter, MemoryTexter)
    await until(lambda: mailer.here == AT_ONCE)
    await texting.book(TUESDAY_NINE + timedelta(hours=1))  # its mail waits for a place, a text does not
    await texting.relay()

    async def by_text(unit: Unit) -> None:
        theirs = update(MessageRow).where(MessageRow.recipient_role == "patient", MessageRow.kind == "invitation")
        await unit.session.execute(theirs.values(channel=Channel.SMS))

    await texting.unit_of_work.run(by_text)
    await until(lambda: len(texter.sent) == 2)
    assert mailer.sent == []
    mailer.gate.set()
    await sending
    assert mailer.most == AT_ONCE
    assert len(mailer.sent) == 2 * AT_ONCE + 2


async def test_who_is_stopped_leaves_nothing_half_way(post: Post) -> None:
    post.mailer = mailer = Gated()
    await tell_staff(post, 2 * AT_ONCE)
    await of_many(post)
    sending = asyncio.create_task(send_due(post.work))
    await until(lambda: mailer.here == AT_ONCE)
    sending.cancel()
    await asyncio.sleep(0)
    mailer.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await states(post) == {"sent": AT_ONCE, "pending": AT_ONCE}


async def test_a_rate_is_one_for_all_workers(post: Post, clock: FixedClock) -> None:
    post.rates[Channel.EMAIL] = 3
    await tell_staff(post, 10)
    assert sum(await asyncio.gather(*(send_due(post.work) for _ in range(3)))) == 3
    clock.advance(timedelta(seconds=1))
    assert sum(await asyncio.gather(*(send_due(post.work) for _ in range(3)))) == 3
    clock.advance(timedelta(hours=1))
    assert await send_due(post.work) == 3, "nothing is saved up for longer than a second"


async def test_what_does_not_go_takes_no_token(post: Post) -> None:
    for slot in range(4):
        booked = await post.book(TUESDAY_NINE + timedelta(minutes=20 * slot))
        await post.unit_of_work.run(visits.cancel, SYSTEM, booked.visit.id, reason="moved")
    await post.relay()
    post.rates[Channel.EMAIL] = 20
    assert await send_due(post.work) == 8
    assert (await states(post))["dropped"] == 8


async def test_a_gateway_that_asks_to_be_left_alone_is(texting: Post, clock: FixedClock) -> None:
    clock.advance(NOON)
    await write_down(texting, email=None)
    asked: list[Text] = []

    def busy(message: Text) -> Outcome:
        asked.append(message)
        return Away("429", timedelta(minutes=10))

    texting.texter = texter = MemoryTexter(answer=busy)
    for slot in range(5):
        await texting.book(TUESDAY_NINE + timedelta(minutes=20 * slot))
    assert len(await texting.deliver()) == 5, "mail goes on"
    first = len(asked)
    for _ in range(9):
        clock.advance(timedelta(minutes=1))
        await texting.deliver()
    assert len(asked) == first <= AT_ONCE
    texter.answer = lambda _: Sent()
    clock.advance(timedelta(minutes=1))
    await texting.deliver()
    assert len(texter.sent) == 5
    assert {row.tries for row in await rows(texting)} == {0}


async def test_an_hour_without_a_mail_server_costs_no_tries_and_is_over_at_once(post: Post, clock: FixedClock) -> None:
    asked: list[Mail] = []

    def away(mail: Mail) -> Outcome:
        asked.append(mail)
        return Away("SMTPConnectError")

    post.mailer.answer = away
    await tell_staff(post, 40)
    await of_many(post)
    for _ in range(3600 // 20):
        await send_due(post.work)
        clock.advance(timedelta(seconds=20))
    assert len(asked) < AT_ONCE + FAILURES_TO_CLOSE + 65, "one a minute"
    assert max(row.tries for row in await rows(post)) <= 1
    post.mailer.answer = lambda _: Sent()
    clock.advance(timedelta(minutes=1))
    assert len(await post.deliver()) == 40
    assert await states(post) == {"sent": 40}


async def test_what_presses_waits_for_no_gateway_that_is_away(texting: Post, clock: FixedClock) -> None:
    clock.advance(NOON)
    await texting.book(TUESDAY_NINE)
    await texting.deliver()
    texting.texter = MemoryTexter(answer=lambda _: Away("503", timedelta(hours=3)))
    clock.advance(TUESDAY_NINE - timedelta(hours=1) - clock.now())
    before = len(texting.to_patient())
    await texting.deliver()
    clock.advance(timedelta(minutes=1))
    await texting.deliver()
    assert len(texting.to_patient()) == before
    clock.advance(timedelta(minutes=1))
    await texting.deliver()
    assert len(texting.to_patient()) == before + 1
    assert ("rerouted", "away") in [(row.state, row.fault) for row in await rows(texting)]


async def test_who_has_no_other_way_waits_without_being_taken_up_again(post: Post, clock: FixedClock) -> None:
    post.mailer.answer = lambda _: Away("503", timedelta(hours=24))
    await tell_staff(post, 1)
    await post.deliver()
    for _ in range(20):
        clock.advance(timedelta(hours=1))
        await post.deliver()
    (row,) = await rows(post)
    assert (row.state, row.attempt) == ("pending", 1)
    clock.advance(timedelta(hours=28))
    await post.deliver()
    assert {(row.state, row.fault) for row in await rows(post)} == {("dead", "503")}


async def test_a_number_gets_so_many_texts_an_hour_and_the_others_when_there_is_room(
    texting: Post, clock: FixedClock
) -> None:
    clock.advance(NOON)
    await write_down(texting, email=None)
    most, texter = MOST[Channel.SMS][HOUR], texting.texter
    assert isinstance(texter, MemoryTexter)
    booked = [await texting.book(TUESDAY_NINE + timedelta(minutes=20 * slot)) for slot in range(most + 2)]
    mails = await texting.deliver()
    assert len(texter.sent) == most
    assert [mail.recipient for mail in mails] == [ADA] * (most + 2), "staff are told of everything"
    held = booked[0].visit
    later = TUESDAY_NINE + timedelta(hours=4)
    await texting.unit_of_work.run(appointments.reschedule, SYSTEM, held.id, start=later)
    await texting.deliver()
    assert len(texter.sent) == most + 1, "that a visit has moved is told all the same"
    clock.advance(timedelta(hours=1))
    await texting.deliver()
    assert len(texter.sent) == most + 3


async def _ahead(unit: Unit, *, due_at: timedelta | None = None) -> None:
    """On each channel 10,000 messages that wait, for the next days or for another time."""
    known = {
        "kind": MessageKind.REMINDER,
        "recipient_role": Role.PATIENT,
        "state": MessageState.PENDING,
        "attempt": 0,
    }
    for channel in Channel:
        for days in range(1, 11):
            ahead = unit.now + timedelta(days=days)
            due = ahead if due_at is None else unit.now + due_at
            row = known | {"channel": channel, "due_at": ahead, "next_attempt_at": due, "patient_until": ahead}
            many = [row | {"id": unit.new_id(), "subject_id": uuid4(), "recipient_id": uuid4()} for _ in range(1_000)]
            await unit.session.execute(insert(MessageRow), many)
    await unit.session.execute(text("ANALYZE message"))


async def _explained(unit: Unit, channel: Channel) -> str:
    """How the database finds what a turn takes."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        seen.append((statement, parameters))

    connection = await unit.session.connection()
    event.listen(connection.sync_connection, "before_cursor_execute", note)
    await providers.take_turn(unit, channel, None, most=AT_ONCE)
    event.remove(connection.sync_connection, "before_cursor_execute", note)
    ((statement, parameters),) = [each for each in seen if "UPDATE message SET" in each[0]]
    plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {statement}", parameters)
    return "\n".join(plan.scalars())


async def test_what_lies_ahead_costs_a_turn_nothing(post: Post) -> None:
    await post.unit_of_work.run(_ahead)
    plan = await post.unit_of_work.run(_explained, SYSTEM, Channel.EMAIL)
    assert "ix_message_channel_due" in plan
    assert "Seq Scan on message" not in plan
    assert pages_of(plan) < 30


async def test_what_waits_for_a_provider_that_is_away_costs_a_turn_nothing(post: Post) -> None:
    post.mailer.answer = lambda _: Away("503", timedelta(hours=1))
    await tell_staff(post, 1)
    await send_due(post.work)
    await post.unit_of_work.run(_ahead, SYSTEM, due_at=timedelta())
    plan = await post.unit_of_work.run(_explained, SYSTEM, Channel.EMAIL)
    assert "ix_message_patience" in plan
    assert "Seq Scan on message" not in plan
    assert pages_of(plan) < 30
