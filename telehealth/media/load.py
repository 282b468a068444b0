"""How busy the node is: the greater share of what one core and what one forwarding loop can do."""

from collections.abc import Callable
from typing import Final

SHORTEST = 1.0  # seconds measured at least: what is asked oftener gets the same answer
MOST_PACKETS: Final = 20_000  # a second, taken in, that one core forwards without a loss (tests/bench/media.py)


class Load:
    """0 to 1, as it was since it was asked before. `clock` and `cpu` are in seconds, `packets` counts datagrams."""

    def __init__(self, *, clock: Callable[[], float], cpu: Callable[[], float], packets: Callable[[], int]) -> None:
        self._clock, self._cpu, self._packets = clock, cpu, packets
        self._before = self._look()
        self._share = 0.0

    def share(self) -> float:
        at, cpu, packets = self._look()
        seconds = at - self._before[0]
        if seconds >= SHORTEST:
            busy = (cpu - self._before[1]) / seconds
            full = (packets - self._before[2]) / seconds / MOST_PACKETS
            self._share = min(1.0, max(busy, full))
            self._before = (at, cpu, packets)
        return self._share

    def _look(self) -> tuple[float, float, int]:
        return self._clock(), self._cpu(), self._packets()
