"""A visit is moved or cancelled at any step of the sender who reminds of it: nobody hears of a time that is no longer
true, and nobody hears twice of one due time.

What is handed over was true when it was read, which is the last transaction before it goes; whatever changes the visit
later is told after it.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select, text

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications import providers, service
from telehealth.notifications.channels import Reach
from telehealth.notifications.models import AttemptRow, MessageRow
from telehealth.notifications.ports import Came, Mail
from telehealth.notifications.rules import LEASE, Channel, Facts, Message, MessageKind, NotNow, Unsendable
from telehealth.notifications.sending import Round, send_due
from telehealth.scheduling.booking.rules import REMINDERS
from telehealth.visits.appointments import service as appointments
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.clinic import TUESDAY_NINE
from tests.kit.examples import examples
from tests.notifications.conftest import Post

MADRID = ZoneInfo("Europe/Madrid")
WEEK, DAY = timedelta(days=7), timedelta(days=1)
BEFORE = frozenset(timedelta(minutes=each) for each in REMINDERS)
# Each at a minute and hour of its own, so that the words say which of them is meant.
PLACES = (timedelta(), timedelta(hours=1, minutes=20), DAY + timedelta(minutes=40), DAY + timedelta(hours=2))
STEPS = ("take", "read", "send", "settle", "move", "cancel", "relay", "due", "read as it moves", "die", "round")
SLOW = ("due", "take", "read", "send", "due", "round")  # another takes over from who is not back in time
steps = st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 3)), min_size=10, max_size=40)


@dataclass
class InHand:
    """A message that a sender holds, for how long, and how far it is."""

    message: Message
    until: datetime
    read: Facts | Unsendable | NotNow | None = None
    came: Came | None = None


@dataclass
class Handed:
    """A reminder that was handed over: of which time, and which were true when it was read."""

    message_id: str
    start: datetime | None
    true: Sequence[datetime | None]


@dataclass
class Life:
    """One visit with those who change it, on one connection, and those who remind of it, on others."""

    post: Post
    clock: FixedClock
    first: datetime
    visit_id: UUID
    in_hand: list[InHand] = field(default_factory=list)
    handed: list[Handed] = field(default_factory=list)
    overdue: set[str] = field(default_factory=set)
    """Messages whose sender died, or was so slow that another took over: they may go twice."""

    @property
    def starts(self) -> list[datetime]:
        return [self.first + each for each in PLACES]

    async def true(self) -> datetime | None:
        visit = await self.post.unit_of_work.run(visits.find, SYSTEM, self.visit_id)
        return None if visit.status is VisitStatus.CANCELLED else visit.starts_at

    async def step(self, name: str, number: int) -> None:
        match name:
            case "move":
                await self.move(self.starts[number])
            case "cancel":
                await self.cancel()
            case "relay":
                await self.post.relay()
            case "due":
                await self.until_due()
            case "take":
                await self.take()
            case "round":
                await self.round()
            case _:
                await self.go_on(name, number)

    async def go_on(self, name: str, number: int) -> None:
        """With one of those in hand, if it is that far."""
        if not self.in_hand:
            return
        holds = self.in_hand[number % len(self.in_hand)]
        match name:
            case "read" if holds.read is None:
                await self.read(holds)
            case "read as it moves" if holds.read is None:
                await self.read(holds, moving_to=self.starts[number])
            case "send" if isinstance(holds.read, Facts) and holds.came is None:
                await self.send(holds)
            case "settle" if holds.came or isinstance(holds.read, Unsendable | NotNow):
                await self.settle(holds)
            case "die":
                self.in_hand.remove(holds)
                self.overdue.add(str(holds.message.id))
                self.pass_time(LEASE)

    async def round(self) -> None:
        """All that is due, by the sweep itself: nothing changes meanwhile."""
        before, true = len(self.post.mailer.sent), await self.true()
        await send_due(self.post.work)
        reminders = [mail for mail in self.post.mailer.sent[before:] if mail.subject.startswith("Recordatorio")]
        self.handed += [Handed(mail.id, self.said(mail), (true,)) for mail in reminders]

    async def take(self) -> None:
        for channel in Channel:
            turn = await self.post.unit_of_work.run(providers.take_turn, SYSTEM, channel, None, most=2)
            self.in_hand += [InHand(each, self.clock.now() + LEASE) for each in turn.messages]

    async def send_by_hand(self) -> None:
        """All that is in hand, then all that is due, step by step."""
        while True:
            for holds in list(self.in_hand):
                await self.read(holds)
                if isinstance(holds.read, Facts):
                    await self.send(holds)
                await self.settle(holds)
            await self.take()
            if not self.in_hand:
                return

    async def read(self, holds: InHand, moving_to: datetime | None = None) -> None:
        run, before = self.post.unit_of_work.run, await self.true()
        gathered = run(service.gather, SYSTEM, holds.message, Reach())
        if moving_to is None:
            holds.read = await gathered
        else:
            holds.read, _ = await asyncio.gather(gathered, self.move(moving_to))
        self.note(holds, (before, await self.true()))

    def note(self, holds: InHand, true: Sequence[datetime | None]) -> None:
        if isinstance(holds.read, Facts) and holds.message.kind is MessageKind.REMINDER:
            mail = Round(self.post.work)._words(holds.read)
            assert isinstance(mail, Mail)
            self.handed.append(Handed(str(holds.message.id), self.said(mail), true))

    def said(self, mail: Mail) -> datetime | None:
        """Which of the times the words tell."""
        found = [each for each in self.starts if f"{each.astimezone(MADRID):%-H:%M}" in mail.text]
        return found[0] if len(found) == 1 else None

    async def send(self, holds: InHand) -> None:
        assert isinstance(holds.read, Facts)
        mail = Round(self.post.work)._words(holds.read)
        assert isinstance(mail, Mail)
        holds.came = await self.post.mailer.send(mail)

    async def settle(self, holds: InHand) -> None:
        assert holds.read is not None
        came = holds.came if isinstance(holds.read, Facts) else holds.read
        assert came is not None
        await self.post.unit_of_work.run(service.settle, SYSTEM, holds.message, came, Reach())
        self.in_hand.remove(holds)

    async def move(self, start: datetime) -> None:
        now = await self.true()
        if now is not None and now != start and self.clock.now() < min(now, start):
            await self.post.unit_of_work.run(appointments.reschedule, SYSTEM, self.visit_id, start=start)

    async def cancel(self) -> None:
        if await self.true() is not None:
            await self.post.unit_of_work.run(lifecycle.cancel, SYSTEM, self.visit_id, reason="patient_request")

    async def until_due(self) -> None:
        """To the next time that anything is due."""

        async def ask(unit: Unit) -> datetime | None:
            asked = text("SELECT min(next_attempt_at) FROM message WHERE state = 'pending' AND next_attempt_at > :now")
            found: datetime | None = await unit.session.scalar(asked, {"now": unit.now})
            return found

        at = await self.post.unit_of_work.run(ask)
        if at is not None:
            self.pass_time(at - self.clock.now())

    def pass_time(self, by: timedelta) -> None:
        self.clock.advance(by)
        self.overdue |= {str(each.message.id) for each in self.in_hand if each.until <= self.clock.now()}


async def begin(post: Post, clock: FixedClock) -> Life:
    """A visit two days off, in a house where nothing else is due."""

    async def forget(unit: Unit) -> None:
        await unit.session.execute(delete(AttemptRow))
        await unit.session.execute(delete(MessageRow))

    await post.relay()
    await post.unit_of_work.run(forget)
    weeks = (clock.now() - TUESDAY_NINE) // WEEK + 2
    first = (TUESDAY_NINE.replace(tzinfo=None) + weeks * WEEK).replace(tzinfo=TUESDAY_NINE.tzinfo) + timedelta(hours=1)
    clock.advance(first - 2 * DAY - clock.now())
    booked = await post.book(first)
    await post.relay()
    return Life(post, clock, first, booked.visit.id)


async def judge(life: Life) -> None:
    """What was handed over in the end, and by how many messages for one due time."""
    wrong = [each for each in life.handed if each.start is None or each.start not in each.true]
    assert wrong == [], "a reminder of a time that was not true when it was read"
    sent = Counter(mail.id for mail in life.post.mailer.sent)
    assert [each for each, number in sent.items() if number > 1 and each not in life.overdue] == [], "sent twice"
    of = await life.post.unit_of_work.run(_due_times, SYSTEM)
    fits = [each.start is not None and each.start - of[each.message_id][1] in BEFORE for each in life.handed]
    assert all(fits), "a reminder at an hour that was another time's"
    told = Counter(of[each] for each in {each.message_id for each in life.handed})
    assert [each for each, number in told.items() if number > 1] == [], "two messages for one due time"


async def _due_times(unit: Unit) -> dict[str, tuple[UUID, datetime]]:
    rows = await unit.session.scalars(select(MessageRow))
    return {str(each.id): (each.recipient_id, each.due_at) for each in rows}


@settings(max_examples=examples(10), suppress_health_check=list(HealthCheck))
@given(chosen=steps)
@example(chosen=[(each, 0) for each in SLOW])
async def test_a_visit_that_moves_as_its_reminder_fires(
    post: Post, clock: FixedClock, chosen: list[tuple[str, int]]
) -> None:
    life = await begin(post, clock)
    post.mailer.sent.clear()
    try:
        for name, number in chosen:
            await life.step(name, number)
        await judge(life)
    finally:
        await life.cancel()


async def test_moved_twice_cancelled_and_moved_at_the_moment_it_fires(post: Post, clock: FixedClock) -> None:
    """The same steps in the order that matters most, so that each is seen to be taken."""
    life = await begin(post, clock)
    for start in (life.starts[2], life.starts[1]):
        await life.move(start)
        await life.post.relay()
    await send_due(post.work)
    clock.advance(life.starts[1] - DAY - clock.now())
    await life.take()
    due = life.starts[1] - DAY
    (reminder,) = [each for each in life.in_hand if each.message.due_at == due]
    assert reminder.message.kind is MessageKind.REMINDER
    await life.read(reminder, moving_to=life.starts[3])
    await life.post.relay()
    if isinstance(reminder.read, Facts):
        await life.send(reminder)
    await life.settle(reminder)
    clock.advance(life.starts[3] - DAY - clock.now())
    await life.send_by_hand()
    told = [each.start for each in life.handed]
    assert told[-1] == life.starts[3]
    assert life.starts[0] not in told
    await life.cancel()
    await life.post.relay()
    clock.advance(life.starts[3] - timedelta(hours=1) - clock.now())
    before = len(life.handed)
    await life.send_by_hand()
    assert len(life.handed) == before
    await judge(life)
