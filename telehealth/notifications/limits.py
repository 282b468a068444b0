"""How much goes to a provider and to one address, and when a provider that is away is asked again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.notifications.rules import Channel, Message
from telehealth.notifications.ways import is_pressing

AT_ONCE = 8  # messages of one channel that one worker has on their way
OF_ONE = 2  # of these, those to one person: a server that says nothing of them leaves places for the others
FAILURES_TO_CLOSE = 5
FIRST_PAUSE, LONGEST_PAUSE, SHORTEST_WAIT = timedelta(seconds=5), timedelta(minutes=1), timedelta(seconds=1)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
IN_FLIGHT = timedelta(seconds=15)  # how soon to look again whether what is on its way has arrived
# How many messages one address gets in so much time, whomever they are about.
MOST: Mapping[Channel, Mapping[timedelta, int]] = {
    Channel.EMAIL: {HOUR: 20, DAY: 100},
    Channel.SMS: {HOUR: 6, DAY: 20},
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Spares a provider that is away: after five messages in a row that it did not take, one at a time asks whether it
    is back, 5 s, 10 s … 1 min apart. `not_before` is when it asked to be left alone until, `failed_for` whose message
    failed last.
    """

    failures: int = 0
    probe_at: datetime | None = None
    not_before: datetime | None = None
    failed_for: UUID | None = None

    @property
    def is_away(self) -> bool:
        return self.probe_at is not None

    def allows(self, now: datetime) -> bool:
        return all(each is None or now >= each for each in (self.probe_at, self.not_before))

    def probing(self, now: datetime) -> "Standing":
        """One is on its way to see; if it dies on the way, another follows."""
        failures = self.failures + 1
        pause = min(FIRST_PAUSE * (1 << min(failures - FAILURES_TO_CLOSE, 10)), LONGEST_PAUSE)
        return replace(self, failures=failures, probe_at=now + pause)

    def failed(self, now: datetime, *, whose: UUID | None, wait: timedelta | None) -> "Standing":
        """One was not taken. `whose` it was, None when that message had failed before: one message, or one person's,
        says nothing of the provider. `wait`: so long it asks to be left alone, and is asked again then.
        """
        if wait is not None:
            later = now + max(wait, SHORTEST_WAIT)
            until = later if self.not_before is None else max(later, self.not_before)
            return Standing(max(self.failures, FAILURES_TO_CLOSE), until, until)
        if self.is_away:  # what was on its way before, or the probe, whose failure is counted
            return self
        if whose is None or whose == self.failed_for:
            return self
        failures = self.failures + 1
        probe_at = now + FIRST_PAUSE if failures >= FAILURES_TO_CLOSE else None
        return replace(self, failures=failures, probe_at=probe_at, failed_for=whose)

    def answered(self, now: datetime) -> "Standing":
        """It is there; that it asked to be left alone holds all the same."""
        return Standing(not_before=self.not_before if self.not_before and self.not_before > now else None)

    def unasked(self, now: datetime) -> "Standing":
        """What was to be the probe turned out not to go: the next one may."""
        return replace(self, probe_at=min(self.probe_at, now)) if self.probe_at else self


def waits_for_room(message: Message, *, sent: Sequence[datetime], on_way: int, now: datetime) -> datetime | None:
    """When an address may get one more, if not now. `sent` is when it got the last ones, the latest first; `on_way`
    are being sent there.

    What is about the next hour would come too late: only the limit of a day holds it.
    """
    limits = MOST.get(message.channel, {})
    waits = [
        _room(sent, on_way, most, since=now - span) + span
        for span, most in limits.items()
        if not (span == HOUR and is_pressing(message.ahead))
    ]
    until = max(waits, default=now)
    return until if until > now else None


def _room(sent: Sequence[datetime], on_way: int, most: int, *, since: datetime) -> datetime:
    """Which of the messages has to be longer ago than the limit's time; `since` itself when there is room."""
    if len(sent) >= most and sent[most - 1] > since:
        return sent[most - 1]
    recent = sum(at > since for at in sent)
    return since + IN_FLIGHT if recent + on_way >= most else since
