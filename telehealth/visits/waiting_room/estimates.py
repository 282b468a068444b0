"""How long somebody will wait, said as a range, or not at all. Pure, and always the same for the same facts.

A patient's turn comes when as many clinicians have become free as there are patients up to them. How long a clinician
is taken by one patient is drawn from what was observed; two hundred such days are played, and what nine in ten of them
lie between is said. Drawing from what was observed keeps its long visits, which a mean would hide.
"""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace

ENOUGH_OBSERVED = 20
RUNS = 200
LOW, HIGH = 0.05, 0.975  # more above: whoever comes later and is more urgent goes first
SHARES = (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)  # of what is planned, while too little was observed
STEP = 5  # minutes: what is said to a patient is rounded outwards to whole steps
PAUSE = 5.0  # minutes: who is free takes the next patient within this
GONE_AFTER = 15.0  # minutes: who is free for so long while somebody waits is not there


@dataclass(frozen=True, slots=True)
class Estimate:
    """Minutes from now until they are seen, in whole steps: nine in ten lie between the two."""

    low: int
    high: int

    def after(self, minutes: float) -> "Estimate":
        """The same, and not before so many minutes from now."""
        return Estimate(max(self.low, _down(minutes)), max(self.high, _up(minutes)))


def service_times(observed: Sequence[float], planned: float) -> tuple[float, ...]:
    """Minutes a patient takes a clinician, ascending: as observed; while that is little, with a wide guess too."""
    if len(observed) >= ENOUGH_OBSERVED:
        return tuple(sorted(observed))
    return tuple(sorted([*observed, *(planned * share for share in SHARES)]))


@dataclass(frozen=True, slots=True)
class Server:
    """A clinician who serves a queue: `busy` minutes with their present patient, or `idle` minutes while some waited.

    One of the two is None.
    """

    busy: float | None
    idle: float | None = None

    @property
    def is_there(self) -> bool:
        return self.idle is None or self.idle < GONE_AFTER


def estimates(servers: Sequence[Server], times: Sequence[float], count: int) -> list[Estimate] | None:
    """For the first `count` patients in the order of their turn. None when nobody serves them: then nobody knows.

    `times` are minutes, ascending, as service_times gives them.
    """
    return [_between(each) for each in turns(servers, times, count)] or None


def turns(servers: Sequence[Server], times: Sequence[float], count: int) -> list[list[float]]:
    """In how many minutes the turn of each comes, on each of the days that were played, ascending."""
    serving = [each for each in servers if each.is_there]
    if not serving:
        return []
    dice = random.Random(count)  # noqa: S311 -- the same facts, the same answer
    runs = [_run(serving, times, count, dice) for _ in range(RUNS)]
    return [sorted(run[place] for run in runs) for place in range(count)]


def _run(servers: Sequence[Server], times: Sequence[float], count: int, dice: random.Random) -> list[float]:
    """When the turn of each comes, in minutes, on one day that might be.

    What was observed is itself drawn anew for that day: few observations say little, and the range is wider.
    """
    times = sorted(dice.choices(times, k=len(times)))
    free_at = [_rest(each, times, dice) for each in servers]
    heapify(free_at)
    begun = []
    for _ in range(count):
        begun.append(free_at[0])
        heapreplace(free_at, free_at[0] + dice.choice(times))
    return begun


def _rest(server: Server, times: Sequence[float], dice: random.Random) -> float:
    """How much longer one is taken: as those of the observed that took longer still. Who is free comes soon."""
    if server.busy is None:
        return dice.random() * PAUSE
    longer = times[bisect_right(times, server.busy) :]
    return dice.choice(longer) - server.busy if longer else dice.random() * times[0]


def _between(drawn: Sequence[float]) -> Estimate:
    low, high = (drawn[round((len(drawn) - 1) * share)] for share in (LOW, HIGH))
    return Estimate(_down(low), _up(high))


def _down(minutes: float) -> int:
    return int(max(minutes, 0) // STEP) * STEP


def _up(minutes: float) -> int:
    return max(STEP, -int(-minutes // STEP) * STEP)
