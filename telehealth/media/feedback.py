"""What a sender is told so that it sends as much as the way takes and the subscribers need.

    arrivals = TransportArrivals(sender_ssrc, media_ssrc)
    arrivals.record(transport_number, now)         each packet that has a number: the hot path
    arrivals.due(now)                              whether to tell of them
    arrivals.take()                                the feedback messages since the last call

    limit = UplinkLimit(rates)
    limit.update(best_wanted, now)                 bits per second, for a ReceiverEstimate every second

Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01) lets the sender estimate its own way. The
limit comes on top, as REMB (draft-alvestrand-rmcat-remb): what nobody looks at is not sent.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from telehealth.media.transport_feedback import TICKS_PER_REFERENCE, TICKS_PER_SECOND, TransportFeedback

SHORTEST: Final = 0.1  # seconds between feedback messages, when there is much to tell
LONGEST: Final = 0.2
MUCH: Final = 20  # packets
MOST_STATUSES: Final = 400  # packets in one message: with two octets each it stays below a datagram
MOST_PENDING: Final = 2000

HEADROOM: Final = 1.3
SOUND: Final = 100_000
LOWERED_AFTER: Final = 75.0  # longer than layers are waited with for a trial: a sender takes seconds to send more again
UNLIMITED: Final = 4_000_000

_WORD, _HALF = 0xFFFF, 0x8000
_LONGEST_DELTA = 0x7FFF


class TransportArrivals:
    """When the packets of one transport came, by their transport-wide numbers (16 bits, one row over all streams)."""

    __slots__ = ("_last", "_messages", "_next", "_numbers", "_sender", "_times", "_told_at", "media")

    def __init__(self, sender: int, media: int) -> None:
        """`sender` is our SSRC, `media` any that the sender sends: Chromium passes over feedback about none of its."""
        self._sender, self.media = sender, media
        self._numbers: list[int] = []
        self._times: list[float] = []
        self._next = self._last = -1
        self._messages = 0
        self._told_at = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to tell of them now. They count as told then."""
        since = now - self._told_at
        if since < SHORTEST or (since < LONGEST and len(self._numbers) < MUCH):
            return False
        self._told_at = now
        return True

    def record(self, number: int, now: float) -> None:
        self._numbers.append(number)
        self._times.append(now)

    def take(self) -> tuple[TransportFeedback, ...]:
        """All that came since the last call. What has not come before a packet that has is told as not received.

        A packet that comes after it was told as lost is told by a message of its own.
        """
        if self._in_a_row():
            return (self._message(self._row()),)
        arrived = self._unwrapped()
        return tuple(self._message(each) for each in _runs(arrived, self._advance(arrived)))

    def _in_a_row(self) -> bool:
        """Whether exactly the next packets came, in their order, and not too far from each other for one message."""
        count = len(self._numbers)
        if not 0 < count <= MOST_STATUSES or self._next < 0:
            return False
        first = self._next & _WORD
        near = (self._times[-1] - self._times[0]) * TICKS_PER_SECOND < _LONGEST_DELTA
        return near and self._numbers == [*range(first, first + count)]

    def _row(self) -> tuple[int, list[int | None]]:
        base, ticks = self._next, [int(time * TICKS_PER_SECOND) for time in self._times]
        self._next += len(ticks)
        self._last = self._next - 1
        self._numbers.clear()
        self._times.clear()
        return base, [*ticks]

    def _unwrapped(self) -> dict[int, int]:
        """Extended number to tick of arrival (250 us), in the order of the numbers; the first arrival counts."""
        found: dict[int, int] = {}
        for number, time in zip(self._numbers[:MOST_PENDING], self._times, strict=False):
            if self._last < 0:
                self._last = number + _WORD + 1
            extended = self._last + ((number - self._last + _HALF & _WORD) - _HALF)
            self._last = max(self._last, extended)
            found.setdefault(extended, int(time * TICKS_PER_SECOND))
        self._numbers.clear()
        self._times.clear()
        return dict(sorted(found.items()))

    def _advance(self, arrived: dict[int, int]) -> int:
        """From which number on gaps are told; afterwards it is the one after all that came."""
        since = self._next if self._next >= 0 else min(arrived, default=-1)
        if arrived:
            self._next = max(since, max(arrived) + 1)
            if max(arrived) - since > MOST_PENDING:  # so much is not lost: the sender's numbers leapt
                return max(arrived)
        return since

    def _message(self, run: tuple[int, list[int | None]]) -> TransportFeedback:
        base, ticks = run
        reference = next(each for each in ticks if each is not None) // TICKS_PER_REFERENCE
        before = reference * TICKS_PER_REFERENCE
        deltas: list[int | None] = []
        for tick in ticks:
            deltas.append(None if tick is None else tick - before)
            before = before if tick is None else tick
        self._messages += 1
        return TransportFeedback(
            sender=self._sender,
            media=self.media,
            base_number=base & _WORD,
            reference_time=reference & 0xFFFFFF,
            feedback_number=self._messages - 1 & 0xFF,
            deltas=tuple(deltas),
        )


def _runs(arrived: dict[int, int], since: int) -> Iterator[tuple[int, list[int | None]]]:
    """First number and ticks of each message. From `since` on gaps are told too; each message ends with an arrival."""
    base, ticks = since, list[int | None]()
    for number, tick in arrived.items():
        if number < since:
            yield number, [tick]
            continue
        newest = ticks[-1] if ticks else None
        if newest is not None and (number - base >= MOST_STATUSES or abs(tick - newest) > _LONGEST_DELTA):
            yield base, ticks
            base, ticks = base + len(ticks), []
        if number - base >= MOST_STATUSES:
            base = number
        ticks += [None] * (number - base - len(ticks))
        ticks.append(tick)
    if ticks:
        yield base, ticks


class UplinkLimit:
    """How much a sender of layers shall send: those up to the best that someone looks at, the best first in `rates`.

    A sender gives to its lower layers first, so the better one is had with all below it. Lowered only after nobody
    needed more for a while, raised at once.
    """

    __slots__ = ("_best", "_lower_since", "_rates")

    def __init__(self, rates: Sequence[int]) -> None:
        self._rates = tuple(rates)
        self._best: int | None = 0
        self._lower_since: float | None = None

    @property
    def best(self) -> int | None:
        """The layer that the limit is for."""
        return self._best

    def update(self, best_wanted: int | None, now: float) -> int:
        """The limit in bits per second when that layer is the best anyone wants; None: nobody wants any."""
        if _rank(best_wanted) <= _rank(self._best):
            self._best, self._lower_since = best_wanted, None
        elif self._lower_since is None:
            self._lower_since = now
        elif now - self._lower_since >= LOWERED_AFTER:
            self._best, self._lower_since = best_wanted, None
        if self._best == 0:
            return UNLIMITED
        least = self._rates[-1] if self._rates else 0
        needed = least // 2 if self._best is None else sum(self._rates[self._best :])
        return int(needed * HEADROOM) + SOUND


def _rank(layer: int | None) -> float:
    return float("inf") if layer is None else layer
