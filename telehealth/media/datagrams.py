"""Datagrams in batches: what waits is taken together, and some of what it makes us send goes out together.

inbox = Inbox()
for packet, length, source in inbox.take(socket): ...

outbox = Outbox()
outbox.hold()                    until `flush`, what is put waits for what is put after it
...write at `outbox.free`...
outbox.put(socket, source, length)
outbox.flush()
"""

import socket
from typing import Final

from telehealth.media.kernel import CALLS, NAME, Calls, Source, Table
from telehealth.media.lanes import Lanes
from telehealth.media.rtp import ROOM
from telehealth.media.secure import LARGEST_DATAGRAM, Packet, places

MOST: Final = 64  # datagrams that are taken at once
TOGETHER: Final = 4  # sent at once: with more, the first of a burst waits for the last, and the kernel saves nothing


class Inbox:
    """Memory for what is received from one socket."""

    def __init__(self, calls: Calls = CALLS) -> None:
        self._calls = calls
        self._packets = tuple(Packet() for _ in range(MOST))
        self._table = Table([(each.buffer, 0) for each in self._packets], LARGEST_DATAGRAM)
        self.count = 0

    def take(
        self, end: socket.socket, lanes: Lanes | None = None, now: float = 0.0
    ) -> list[tuple[Packet, int, Source]]:
        """At most `MOST` datagrams that wait: each in its memory, its length, and where it came from. Without those
        that went by themselves (lanes.py); with them they are `count`.

        They are valid until the next call.
        """
        table = self._table
        if lanes is not None:
            places = lanes.take(end.fileno(), table, now)
            self.count = lanes.received
            return [(self._packets[place], table.taken[place], table.source(place)) for place in places]
        self.count = count = self._calls.take(end, table)
        if not count:
            return []
        names = bytes(table.names[: count * NAME])
        sources = [Source(names[at : at + NAME]) for at in range(0, count * NAME, NAME)]
        return list(zip(self._packets, table.taken[:count].tolist(), sources, strict=False))


class Outbox:
    """Where packets are written and sealed, and wait to be sent together.

    At `free` in `buffer` is room for one, rtp.ROOM octets, and `pointer` is that place for libsrtp.
    """

    __slots__ = (
        "_calls",
        "_end",
        "_first",
        "_held",
        "_lengths",
        "_names",
        "_place",
        "_pointers",
        "_table",
        "buffer",
        "free",
        "pointer",
    )

    def __init__(self, calls: Calls = CALLS) -> None:
        self._calls = calls
        self.buffer = bytearray(TOGETHER * ROOM)
        self._table = Table([(self.buffer, place * ROOM) for place in range(TOGETHER)], ROOM)
        self._lengths, self._names = self._table.given, self._table.names
        self._pointers = places(self.buffer, ROOM)
        self._end: socket.socket | None = None
        self._held = False
        self._first = self._place = self.free = 0
        self.pointer = self._pointers[0]

    def hold(self) -> None:
        """What is put from now on waits for `flush`, or until the memory is full."""
        self._held = True

    def put(self, end: socket.socket, source: Source, length: int) -> None:
        """Sends the datagram of so many octets at `free` there, by that socket. Best effort, as UDP is."""
        if end is not self._end:
            self._deliver()
            self._end = end
        place = self._place
        self._lengths[place] = length
        self._names[place * NAME : (place + 1) * NAME] = source
        self._place = place = place + 1
        if self._held and place < TOGETHER:
            self.free += ROOM
            self.pointer = self._pointers[place]
        else:
            self._deliver()
            self._begin()

    def flush(self) -> None:
        self._held = False
        if self._place:
            self._deliver()
            self._begin()

    def _deliver(self) -> None:
        if self._end is not None and self._first < self._place:
            self._calls.send(self._end, self._table, self._first, self._place)
        self._first = self._place

    def _begin(self) -> None:
        self._first = self._place = self.free = 0
        self.pointer = self._pointers[0]
