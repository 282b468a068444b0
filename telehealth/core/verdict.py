"""What a network measurement means for a call. The browser says the same: web/static/precheck.js has the same table."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import fmean, median


class Verdict(StrEnum):
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that a verdict allows: round trip and jitter in milliseconds, loss as a fraction of 1; and the least:
    kilobits per second each way.
    """

    rtt_ms: float
    jitter_ms: float
    loss: float
    kbps: float


# ITU-T G.114: up to 150 ms one way is unnoticed, above 400 ms is unacceptable. Opus conceals a few per cent of loss.
# A 720p picture takes about a megabit per second, a small one and sound a quarter of it.
TABLE = (
    (Verdict.GOOD, Bounds(rtt_ms=200, jitter_ms=30, loss=0.02, kbps=1000)),
    (Verdict.FAIR, Bounds(rtt_ms=400, jitter_ms=60, loss=0.08, kbps=250)),
)


def judge(*, rtt_ms: float | None, jitter_ms: float, loss: float, kbps: float | None = None) -> Verdict:
    """The best verdict whose bounds all hold; none when nothing came back. `kbps`: the lesser way, if measured."""
    if rtt_ms is None:
        return Verdict.NONE
    for verdict, most in TABLE:
        fits = rtt_ms <= most.rtt_ms and jitter_ms <= most.jitter_ms and loss <= most.loss
        if fits and (kbps is None or kbps >= most.kbps):
            return verdict
    return Verdict.POOR


def round_trip(samples: Sequence[float]) -> tuple[float | None, float]:
    """Median, and mean absolute difference of neighbours (jitter), of round trips in the order they were made."""
    if not samples:
        return None, 0.0
    steps = [abs(after - before) for before, after in pairwise(samples)]
    return median(samples), fmean(steps) if steps else 0.0
