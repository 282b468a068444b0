"""When it pays to let datagrams gather before they are taken. Pure: counts and times in, a yes or no out.

To wake up for a datagram costs about as much as to forward it. A node that many send to sleeps a moment between two
batches, as network cards do (interrupt moderation); one that few send to takes each as it comes.
"""

from typing import Final

BUSY: Final = 16_000.0  # datagrams a second: below, a moment brings fewer than the waking that it costs
SPAN: Final = 0.1  # seconds over which they are counted
FULL: Final = 16  # taken at once: more wait by themselves
MOMENT: Final = 0.000_15  # seconds; what it adds to a datagram's way is about that


class Gathering:
    """`pays`: so many came over the last span that the next ones are waited for."""

    __slots__ = ("_began", "_count", "pays")

    def __init__(self, now: float) -> None:
        self.pays = False
        self._count, self._began = 0, now

    def took(self, count: int, now: float) -> None:
        """So many were taken at that time, in seconds of a clock that never goes back."""
        self._count += count
        since = now - self._began
        if since >= SPAN:
            self.pays = self._count >= BUSY * since
            self._count, self._began = 0, now
