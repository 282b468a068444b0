"""The end of a node in service: it says that it drains, serves until its rooms have gone elsewhere, and stops.

Who places rooms reads it in the node's figures, gives these rooms another node, and their people go over there before
they let go of here. A node that nobody leaves stops all the same, in time for whoever waits for it with a kill.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

import uvicorn

POLITE = signal.SIGTERM  # an interrupt from the keyboard, and a second signal of any kind, end at once


class Drain:
    """Begun once, over when nobody is left or after so many seconds."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._until: float | None = None

    @property
    def begun(self) -> bool:
        return self._until is not None

    def begin(self) -> None:
        if self._until is None:
            self._until = self._clock() + self._seconds

    def over(self, left: int) -> bool:
        """Whether to stop, with so many connections left."""
        return self._until is not None and (left == 0 or self._clock() >= self._until)


class DrainingServer(uvicorn.Server):
    """Serves on after the first polite signal until the drain is over; `left` counts connections."""

    def __init__(self, config: uvicorn.Config, drain: Drain, left: Callable[[], int]) -> None:
        super().__init__(config)
        self._drain, self._left = drain, left

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == POLITE and not self._drain.begun:
            self._drain.begin()
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._drain.over(self._left()):
            self.should_exit = True
        return await super().on_tick(counter)
