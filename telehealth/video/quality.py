"""What reports of received media come down to: how good it is, and when only sound gets through."""

from dataclasses import replace

from telehealth.video.language import Stats
from telehealth.video.room import Quality, Seat

MOST_LOSS = 0.12
LEAST_KBPS = 120
FROZEN_MS = 1000
RUNNING = 2  # reports, five seconds apart


def rated(stats: Stats) -> Quality:
    if _bad(stats):
        return "poor"
    return "fair" if stats.loss > 0.03 or stats.rtt_ms > 300 or stats.frozen_ms > 0 else "good"


def reported(seat: Seat, stats: Stats) -> Seat:
    """The seat after a report: without a picture after two bad ones running, with it again after two good ones."""
    bad, fine = (seat.bad + 1, 0) if _bad(stats) else (0, seat.fine + 1)
    sees = bad < RUNNING if seat.sees_video else fine >= RUNNING
    return replace(seat, quality=rated(stats), bad=bad, fine=fine, sees_video=sees)


def _bad(stats: Stats) -> bool:
    """Few bits alone are no fault: a camera that is off sends few."""
    return stats.loss > MOST_LOSS or (stats.kbps < LEAST_KBPS and stats.frozen_ms > FROZEN_MS)
