"""What the probes of a network check tell the node. web/static/precheck.js is the other side."""

import math
from dataclasses import dataclass

from telehealth.core.probes import MOST_PROBES, Echo, Probe
from telehealth.core.verdict import Verdict, judge, round_trip

LONGEST_ROUND_TRIP_MS = 10_000


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
        probe = Probe.unpack(message)
        if probe is None or probe.number >= MOST_PROBES or probe.number in self._numbers:
            return None
        if not math.isfinite(probe.sent_ms):
            return None
        self._numbers.add(probe.number)
        took = clock_ms - probe.heard_ms - probe.held_ms
        if probe.heard_ms > 0 and probe.held_ms >= 0 and 0 <= took <= LONGEST_ROUND_TRIP_MS:  # false for NaN as well
            self._round_trips.append(took)
        return Echo(probe.number, probe.sent_ms, clock_ms).pack()

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
