"""The network check's messages and what they tell. web/static/precheck.js speaks the other side.

A probe is 28 bytes or more, big-endian: number (uint32), the browser's clock, the node's clock as last heard (0: not
yet), and how long the browser held that before sending this (3 float64, milliseconds). The echo is 20 bytes: number,
the browser's clock, the node's clock. So both sides know the round trip, as RTCP does it (RFC 3550, section 6.4.1).
"""

import math
import struct
from dataclasses import dataclass

from telehealth.media.verdict import Verdict, judge, round_trip

LABEL = "probe"
MOST_PROBES = 1000
LONGEST_PROBE = 512
LONGEST_ROUND_TRIP_MS = 10_000

_PROBE = struct.Struct("!Iddd")
_ECHO = struct.Struct("!Idd")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFigures:
    """`loss` is of the way to the node alone, 0 to 1: what is lost on the way back only the browser knows."""

    received: int
    lost: int
    loss: float
    rtt_ms: float | None
    jitter_ms: float
    verdict: Verdict


class Probes:
    """What one session's probes told so far."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self._round_trips: list[float] = []

    def answer(self, message: bytes | str, clock_ms: float) -> bytes | None:
        """The echo of that probe; None when it is none, or one too many, or one that was here before."""
        if not isinstance(message, bytes) or not _PROBE.size <= len(message) <= LONGEST_PROBE:
            return None
        number, sent_ms, heard_ms, held_ms = _PROBE.unpack_from(message)
        if number >= MOST_PROBES or number in self._numbers or not math.isfinite(sent_ms):
            return None
        self._numbers.add(number)
        took = clock_ms - heard_ms - held_ms
        if heard_ms > 0 and held_ms >= 0 and 0 <= took <= LONGEST_ROUND_TRIP_MS:  # false for NaN as well
            self._round_trips.append(took)
        return _ECHO.pack(number, sent_ms, clock_ms)

    def figures(self) -> ProbeFigures:
        received = len(self._numbers)
        sent = max(self._numbers, default=-1) + 1
        loss = (sent - received) / sent if sent else 0.0
        rtt, jitter = round_trip(self._round_trips)
        return ProbeFigures(
            received=received,
            lost=sent - received,
            loss=loss,
            rtt_ms=rtt,
            jitter_ms=jitter,
            verdict=judge(rtt_ms=rtt, jitter_ms=jitter, loss=loss),
        )
