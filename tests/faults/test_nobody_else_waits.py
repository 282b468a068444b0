"""One bad contact, a provider that is away for an hour, a storm of 429: nobody else waits for them, p99 at most 2 s.

`python -m pytest tests/faults/test_nobody_else_waits.py -m soak -n 0 -s`: six minutes, and more than an hour for the
test of a whole one (`-k "not whole_hour"`). Worker, messenger and beat run as the Procfile has them, on a PostgreSQL
and a Valkey of their own. Twenty messages a second fall due one after the other, by mail, by text and as
notifications; how late one is, is when it comes to the program on loopback that stands for its provider, after it was
due.
"""

import asyncio
from bisect import bisect_left
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from pathlib import Path

import pytest

from telehealth.core.time import SystemClock
from telehealth.notifications.rules import Channel
from tests.bench.figures import Times
from tests.kit.patience import until, until_it
from tests.kit.post_house import Invited, PostHouse, post_house
from tests.kit.processes import line, running
from tests.kit.tell import tell

A_SECOND, RATE = 20, 25
AT_MOST = 2_000.0  # milliseconds, for 99 of 100
BEGINS_IN = timedelta(seconds=5)  # as soon as it is noted what falls due
LINES = ("worker", "messenger", "beat")
ANSWER = 120.0  # seconds for what waited
AN_HOUR, HOURLY = 3_600, 4  # seconds of it, and messages a second
AN_HOUR_AGO = """
UPDATE message SET due_at = due_at - interval '1 hour', next_attempt_at = next_attempt_at - interval '1 hour',
  patient_until = patient_until - interval '1 hour' WHERE channel = 'sms' AND state = 'pending' AND due_at <= now()
"""
LONG_AWAY = "UPDATE message_provider SET failures = 60, probe_at = now() + interval '1 minute' WHERE channel = 'sms'"
STATES = "SELECT state, count(*) FROM message GROUP BY 1"


@dataclass(frozen=True)
class Due:
    """One message, and where it is seen to arrive."""

    patient: Invited
    channel: Channel
    at: datetime

    @property
    def address(self) -> str:
        return self.patient.address(self.channel)


@dataclass(frozen=True)
class Course:
    """`due` are the messages of everybody, one every twentieth of a second from `began` on; `bad` has none yet."""

    house: PostHouse
    began: datetime
    due: Sequence[Due]
    bad: Invited

    def by(self, *channels: Channel) -> list[Due]:
        return [each for each in self.due if each.channel in channels]

    def came(self, due: Due) -> list[datetime]:
        return self.house.office.came[due.address]

    def lateness(self, among: Iterable[Due]) -> Times:
        return Times([(self.came(each)[0] - each.at).total_seconds() * 1000 for each in among])

    async def until(self, seconds: float) -> None:
        await asyncio.sleep((self.began + timedelta(seconds=seconds) - SystemClock().now()).total_seconds())

    async def arrived(self, among: Collection[Due], *, within: float = ANSWER) -> None:
        """Waits until each has."""
        end = asyncio.get_running_loop().time() + within
        while missing := sum(not self.came(each) for each in among):
            assert asyncio.get_running_loop().time() < end, f"{missing} of {len(among)} have not arrived"
            await asyncio.sleep(0.5)


@asynccontextmanager
async def open_course(
    log: Path, seconds: int, channels: Sequence[Channel], a_second: int = A_SECOND
) -> AsyncIterator[Course]:
    """Everybody's messages fall due for so long, of each channel in turn."""
    async with post_house(TELEHEALTH_MESSAGE_RATES=f"email={2 * RATE} sms={RATE}") as house:
        (first, bad, *invited), of = await house.invite(range(seconds * a_second + 2)), cycle(channels)
        everybody = [(each, next(of)) for each in invited]
        await house.give_browsers([each for each, channel in everybody if channel is Channel.PUSH])
        with running(*(line(name, house.settings, log) for name in LINES)):
            await house.remind([(first, Channel.EMAIL, SystemClock().now())])
            await until(lambda: house.office.came[first.email])
            began = SystemClock().now() + BEGINS_IN
            due = [
                Due(each, channel, began + timedelta(seconds=number / a_second))
                for number, (each, channel) in enumerate(everybody)
            ]
            await house.remind((each.patient, each.channel, each.at) for each in due)
            yield Course(house, began, due, bad)


def told(request: pytest.FixtureRequest, name: str, late: Times) -> Times:
    found = late.as_json()
    shown = ", ".join(f"{key} {found[key] / 1000:.2f} s" for key in ("p50", "p99", "max"))
    tell(request.config, f"{name}: {found['count']} messages, late by {shown}")
    return late


@pytest.mark.soak
async def test_one_bad_contact_delays_nobody_else(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Of them mail server and gateway say nothing, and much is due to them: more than there are places."""
    seconds = 80
    async with open_course(tmp_path / "log", seconds, (Channel.EMAIL, Channel.SMS)) as course:
        house, office = course.house, course.house.office
        bad = course.bad
        again = [course.began + timedelta(seconds=2 + 2 * (number // 10), milliseconds=number) for number in range(40)]
        await house.remind((bad, channel, at) for at in again for channel in (Channel.EMAIL, Channel.SMS))
        office.mails.holds, office.texts.holds = bad.email.__eq__, bad.phone.__eq__
        await course.until(seconds)
        await course.arrived(course.due)
        tried = len(office.came[bad.email]), len(office.came[bad.phone])
        tell(request.config, f"the bad contact's: {tried[0]} mails, {tried[1]} texts were held")
        late = [
            told(request, f"others, {each}", course.lateness(course.by(each))) for each in (Channel.EMAIL, Channel.SMS)
        ]
    assert min(tried) > 1
    assert max(each.percentile(0.99) for each in late) <= AT_MOST


@pytest.mark.soak
async def test_a_gateway_that_is_away_delays_no_mail_and_gets_what_waited_at_its_rate(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """For forty seconds, which are made an hour: what waits is made an hour older, and its pauses are a minute's."""
    away, back, seconds = 5, 45, 80
    async with open_course(tmp_path / "log", seconds, (Channel.EMAIL, Channel.SMS)) as course:
        absence = Absence(course)
        await course.until(away)
        absence.begin()
        await course.until((away + back) / 2)
        course.house.tell(AN_HOUR_AGO)
        course.house.tell(LONG_AWAY)
        await course.until(back)
        absence.end()
        await course.until(seconds)
        await absence.looked_at(request, within=ANSWER)


@pytest.mark.soak
@pytest.mark.timeout(2 * AN_HOUR)
async def test_a_gateway_that_is_away_for_a_whole_hour(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    away, seconds = 10, AN_HOUR + 60
    async with open_course(tmp_path / "log", seconds, (Channel.EMAIL, Channel.SMS), HOURLY) as course:
        absence = Absence(course)
        await course.until(away)
        absence.begin()
        await course.until(away + AN_HOUR)
        absence.end()
        await course.until(seconds)
        await absence.looked_at(request, within=AN_HOUR / 3)


@dataclass
class Absence:
    """The gateway is there, and answers each text with 503."""

    course: Course
    refused: list[datetime] = field(default_factory=list)
    returned: datetime | None = None

    def __post_init__(self) -> None:
        self._texts = self.course.house.office.texts
        self._answers = self._texts.judge

    def begin(self) -> None:
        self._texts.judge = self._gone

    def end(self) -> None:
        self._texts.judge, self.returned = self._answers, SystemClock().now()

    def _gone(self, _: str) -> tuple[int, object]:
        self.refused.append(SystemClock().now())
        return 503, {}

    async def looked_at(self, request: pytest.FixtureRequest, *, within: float) -> None:
        """When all have come: each text once, what waited at the gateway's rate, and mails in time."""
        house, texts = self.course.house, self.course.by(Channel.SMS)
        await self.course.arrived(self.course.due, within=within)
        await until_it(lambda: _is_done(house))
        kept = [number for number, _ in house.office.texts.received]
        states = house.ask(STATES)
        late = told(request, "mails", self.course.lateness(self.course.by(Channel.EMAIL)))
        ten = self._at_its_rate(request, texts)
        assert sorted(kept) == sorted(each.address for each in texts)
        assert states == [("sent", len(self.course.due) + 1)]
        assert ten <= 12 * RATE  # what comes in ten seconds, what a second saved up, and what was on its way
        assert late.percentile(0.99) <= AT_MOST

    def _at_its_rate(self, request: pytest.FixtureRequest, texts: Sequence[Due]) -> int:
        """How many came in ten seconds at most."""
        assert self.returned is not None
        returned = self.returned
        taken = sorted(at for each in texts for at in self.course.came(each)[-1:] if at > returned)
        a_second, ten = (_most(taken, timedelta(seconds=seconds)) for seconds in (1, 10))
        after = (taken[0] - returned).seconds
        tell(request.config, f"{len(self.refused)} times asked while it was away, then {after} s later")
        tell(request.config, f"{len(taken)} texts since, {a_second} in one second at most, {ten} in ten")
        return ten


def _most(taken: Sequence[datetime], span: timedelta) -> int:
    """Of times in their order, how many lie in one span at most."""
    return max(bisect_left(taken, first + span) - number for number, first in enumerate(taken))


async def _is_done(house: PostHouse) -> bool:
    return not await asyncio.to_thread(house.left)


@pytest.mark.soak
async def test_a_storm_of_429_delays_texts_alone(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """For twenty seconds every text is answered so, with `Retry-After: 5`; texts go on after it."""
    begins, ends, calm, seconds = 5, 25, 45, 65
    async with open_course(tmp_path / "log", seconds, (Channel.EMAIL, Channel.SMS, Channel.PUSH)) as course:
        office, texts = course.house.office, course.by(Channel.SMS)
        answers, office.texts.retry_after = office.texts.judge, "5"
        await course.until(begins)
        office.texts.judge = lambda _: (429, {})
        asked = office.texts.asked
        await course.until(ends)
        office.texts.judge, asked = answers, office.texts.asked - asked
        await course.until(seconds)
        await course.arrived(course.due)
        kept = [number for number, _ in office.texts.received]
        tell(request.config, f"{asked} texts were answered so")
        late = [told(request, f"{each}", course.lateness(course.by(each))) for each in (Channel.EMAIL, Channel.PUSH)]
        since = [each for each in texts if each.at > course.began + timedelta(seconds=calm)]
        late.append(told(request, "texts that fell due after the storm", course.lateness(since)))
    assert sorted(kept) == sorted(each.address for each in texts)
    assert asked <= 100
    assert max(each.percentile(0.99) for each in late) <= AT_MOST
