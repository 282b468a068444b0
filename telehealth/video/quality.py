"""What reports of received media come down to: how good it is, and when only sound gets through."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from telehealth.video.language import Stats
from telehealth.video.room import Quality, Seat

MOST_LOSS = 0.12
LEAST_KBPS = 120
FROZEN_MS = 800
COVERED = timedelta(seconds=1)  # what a report tells of while things are bad
BAD_FOR = timedelta(seconds=3)
FINE_FOR = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Minute:
    """Sums of the reports of one minute, from `at` on, and the worst of them."""

    at: datetime
    reports: int = 0
    relayed: int = 0
    rtt_ms: int = 0
    worst_rtt_ms: int = 0
    loss: float = 0.0
    worst_loss: float = 0.0
    frozen_ms: int = 0

    def having(self, stats: Stats) -> "Minute":
        return Minute(
            at=self.at,
            reports=self.reports + 1,
            relayed=self.relayed + stats.relayed,
            rtt_ms=self.rtt_ms + stats.rtt_ms,
            worst_rtt_ms=max(self.worst_rtt_ms, stats.rtt_ms),
            loss=self.loss + stats.loss,
            worst_loss=max(self.worst_loss, stats.loss),
            frozen_ms=self.frozen_ms + stats.frozen_ms,
        )


def minute_of(at: datetime) -> datetime:
    """When its minute begins."""
    return at.replace(second=0, microsecond=0)


def rated(stats: Stats) -> Quality:
    if _bad(stats):
        return "poor"
    return "fair" if stats.loss > 0.03 or stats.rtt_ms > 300 or stats.frozen_ms > 0 else "good"


def reported(seat: Seat, stats: Stats) -> Seat:
    """The seat after a report: without a picture after three bad seconds, with it again after ten without a fault."""
    at, bad = seat.seen_at, _bad(stats)
    bad_since = (seat.bad_since or at) if bad else None
    fine_since = None if bad else seat.fine_since or at
    if seat.sees_video:
        sees = bad_since is None or at - bad_since + COVERED < BAD_FOR
    else:
        sees = fine_since is not None and at - fine_since + COVERED >= FINE_FOR
    return replace(seat, quality=rated(stats), bad_since=bad_since, fine_since=fine_since, sees_video=sees)


def _bad(stats: Stats) -> bool:
    """Few bits alone are no fault: a camera that is off sends few."""
    return stats.loss > MOST_LOSS or (stats.kbps < LEAST_KBPS and stats.frozen_ms > FROZEN_MS)
