"""The words of the network check: what a browser, or `telehealth check-call`, and the media node say to each other.

On the channel `probe` (unordered, nothing sent again) a probe is 28 bytes or more, big-endian: number (uint32), the
browser's clock, the node's clock as last heard (0: not yet), and how long the browser held that before sending this
(3 float64, milliseconds). The echo is 20 bytes: number, the browser's clock, the node's clock. So both sides know the
round trip, as RTCP does it (RFC 3550, section 6.4.1).

On the channel `bandwidth` (ordered, reliable) the node says GO when it is this browser's turn; the browser sends bulk
and then END; the node says `up <kb/s>`, sends bulk, and END. Bulk is binary, words are text.
"""

import asyncio
import struct
from typing import NamedTuple, Protocol

PROBE_LABEL, BANDWIDTH_LABEL = "probe", "bandwidth"
GO, END, UP = "go", "end", "up"
MOST_PROBES = 1000
LONGEST_PROBE = 512
BULK = bytes(1100)
BULK_SECONDS = 1.5
SLOW_START = 0.5  # of them does not count
MOST_BULK_BUFFERED = 16_384
MOST_BULK_RATE = 4_000_000  # bits per second: more than a call takes

TICK = 0.01

_PROBE = struct.Struct("!Iddd")
_ECHO = struct.Struct("!Idd")


class Probe(NamedTuple):
    number: int
    sent_ms: float
    heard_ms: float
    held_ms: float

    def pack(self, size: int = _PROBE.size) -> bytes:
        return _PROBE.pack(*self).ljust(size, b"\0")

    @classmethod
    def unpack(cls, message: bytes | str) -> "Probe | None":
        """None for what is no probe."""
        if not isinstance(message, bytes) or not _PROBE.size <= len(message) <= LONGEST_PROBE:
            return None
        return cls(*_PROBE.unpack_from(message))


class Echo(NamedTuple):
    number: int
    sent_ms: float
    clock_ms: float

    def pack(self) -> bytes:
        return _ECHO.pack(*self)

    @classmethod
    def unpack(cls, message: bytes | str) -> "Echo | None":
        """None for what is no echo."""
        if not isinstance(message, bytes) or len(message) != _ECHO.size:
            return None
        return cls(*_ECHO.unpack(message))


class Meter:
    """How much arrives, once the sender's slow start is over."""

    def __init__(self) -> None:
        self._began = self._last = -1.0
        self._octets = 0

    def take(self, octets: int, now: float) -> None:
        """Bulk came. `now` is in seconds."""
        if self._began < 0:
            self._began = now
        if now >= self._began + SLOW_START:
            self._octets += octets
            self._last = now

    @property
    def kbps(self) -> int:
        """0 when it is over before it can be told."""
        took = self._last - self._began - SLOW_START
        return round(self._octets * 8 / took / 1000) if took > 0 else 0


class Channel(Protocol):
    """What is asked of a data channel (W3C WebRTC, section 6.2)."""

    @property
    def readyState(self) -> str: ...  # noqa: N802 - as the standard spells it

    @property
    def bufferedAmount(self) -> int: ...  # noqa: N802

    def send(self, data: bytes | str) -> None: ...


def say(channel: Channel, word: str) -> None:
    """A word, when somebody may still hear it."""
    if channel.readyState == "open":
        channel.send(word)


async def send_bulk(channel: Channel) -> None:
    """For BULK_SECONDS as much as the channel takes, up to MOST_BULK_RATE; then END."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), 0
    while (passed := loop.time() - began) < BULK_SECONDS and channel.readyState == "open":
        while sent < passed * MOST_BULK_RATE / 8 and channel.bufferedAmount < MOST_BULK_BUFFERED:
            channel.send(BULK)
            sent += len(BULK)
        await asyncio.sleep(TICK)
    say(channel, END)
