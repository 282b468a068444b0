"""Datagrams in batches: one call to the kernel takes all that wait, and one sends several.

    inbox = Inbox()
    for packet, length, source in inbox.take(socket): ...

    outbox = Outbox()
    outbox.hold()                    until `flush`, what is put waits for what is put after it
    ...write at `outbox.free`...
    outbox.put(socket, source, length)
    outbox.flush()

recvmmsg and sendmmsg (Linux) are reached through the C library of the process. Where it has none, each datagram is a
call of its own, and nothing else differs.
"""

import ctypes
import socket
from collections.abc import Iterable, Sequence
from struct import Struct
from typing import Final, NewType

from telehealth.media.rtp import ROOM
from telehealth.media.secure import LARGEST_DATAGRAM, Packet, places

MOST: Final = 64  # datagrams that are taken at once
TOGETHER: Final = 4  # sent at once: with more, the first of a burst waits for the last, and the kernel saves nothing

Source = NewType("Source", bytes)
"""The other end of a datagram: struct sockaddr_in or sockaddr_in6, with zeros after it up to 28 octets."""

Address = tuple[str, int] | tuple[str, int, int, int]

_NAME: Final = 28
_IPV4, _IPV6 = Struct("=H2s4s20x"), Struct("=H2sI16sI")


def source_of(address: Address) -> Source:
    """Of an address as Python's sockets tell it."""
    port = address[1].to_bytes(2, "big")
    if len(address) == 2:
        return Source(_IPV4.pack(socket.AF_INET, port, socket.inet_pton(socket.AF_INET, address[0])))
    host, _, flow, scope = address
    number = socket.inet_pton(socket.AF_INET6, host.partition("%")[0])
    return Source(_IPV6.pack(socket.AF_INET6, port, socket.htonl(flow), number, scope))


def address_of(source: Source) -> Address:
    """The way back."""
    family, port, number = _IPV4.unpack(source)
    if family == socket.AF_INET:
        return socket.inet_ntop(family, number), int.from_bytes(port, "big")
    _, port, flow, number, scope = _IPV6.unpack(source)
    return socket.inet_ntop(family, number), int.from_bytes(port, "big"), socket.ntohl(flow), scope


class _Vector(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """struct msghdr (sendmsg(2))."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Entry(ctypes.Structure):
    """struct mmsghdr (sendmmsg(2))."""

    _fields_ = (("message", _Message), ("length", ctypes.c_uint32))


_ENTRY: Final = ctypes.sizeof(_Entry)
_STEP, _LENGTH_AT = _ENTRY // 4, _Entry.length.offset // 4


class _Table:
    """What the kernel is shown of a batch: where each datagram is and how long, and its other end in `names`."""

    def __init__(self, memory: Sequence[tuple[bytearray, int]], size: int) -> None:
        """For each place its memory and where in that it begins; all have that size."""
        self.names = bytearray(len(memory) * _NAME)
        self._vectors, self._entries = (_Vector * len(memory))(), (_Entry * len(memory))()
        self._pinned = [ctypes.c_char.from_buffer(self.names), *(ctypes.c_char.from_buffer(*each) for each in memory)]
        name, *bases = (ctypes.addressof(each) for each in self._pinned)
        vectors, self.start = ctypes.addressof(self._vectors), ctypes.addressof(self._entries)
        for place, base in enumerate(bases):
            self._vectors[place] = _Vector(base, size)
            message = self._entries[place].message
            message.name, message.name_length = name + place * _NAME, _NAME
            message.vectors, message.vector_count = vectors + place * ctypes.sizeof(_Vector), 1
        self.given = memoryview(self._vectors).cast("B").cast("L")[1::2]
        self.taken = memoryview(self._entries).cast("B").cast("I")[_LENGTH_AT::_STEP]


class Calls:
    """A call for each datagram."""

    def take(self, end: socket.socket, packets: Sequence[Packet], table: _Table) -> int:
        """Fills the batch from its beginning with what waits; how many those are."""
        for place, packet in enumerate(packets):
            try:
                length, address = end.recvfrom_into(packet.buffer, LARGEST_DATAGRAM)
            except OSError:  # nothing more, or an ICMP error of something sent before
                return place
            table.taken[place] = length
            table.names[place * _NAME : (place + 1) * _NAME] = source_of(address)
        return len(packets)

    def send(self, end: socket.socket, outbox: memoryview, table: _Table, wanted: range) -> None:
        """Best effort, as UDP is: a full buffer or an unreachable address loses the datagram."""
        for place in wanted:
            source = Source(bytes(table.names[place * _NAME : (place + 1) * _NAME]))
            try:
                end.sendto(outbox[place * ROOM : place * ROOM + table.given[place]], address_of(source))
            except OSError:
                continue


class BatchedCalls(Calls):
    """A call for all of them."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Raises AttributeError when the library lacks one."""
        self._receive, self._send = library.recvmmsg, library.sendmmsg
        self._send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        self._receive.argtypes = [*self._send.argtypes, ctypes.c_void_p]

    def take(self, end: socket.socket, packets: Sequence[Packet], table: _Table) -> int:
        count: int = self._receive(end.fileno(), table.start, len(packets), socket.MSG_DONTWAIT, None)
        return max(0, count)

    def send(self, end: socket.socket, outbox: memoryview, table: _Table, wanted: range) -> None:  # noqa: ARG002
        first, last, number = wanted.start, wanted.stop, end.fileno()
        while first < last:
            sent = self._send(number, table.start + first * _ENTRY, last - first, socket.MSG_DONTWAIT)
            first += sent if sent > 0 else 1  # the one that cannot be sent is lost


def _calls() -> Calls:
    try:
        return BatchedCalls(ctypes.CDLL(None))
    except (AttributeError, OSError, TypeError):
        return Calls()


CALLS: Final = _calls()


class Inbox:
    """Memory for what is received from one socket."""

    def __init__(self, calls: Calls = CALLS) -> None:
        self._calls = calls
        self._packets = tuple(Packet() for _ in range(MOST))
        self._table = _Table([(each.buffer, 0) for each in self._packets], LARGEST_DATAGRAM)

    def take(self, end: socket.socket) -> Iterable[tuple[Packet, int, Source]]:
        """At most `MOST` datagrams that wait: each in its memory, its length, and where it came from.

        They are valid until the next call.
        """
        table = self._table
        count = self._calls.take(end, self._packets, table)
        if not count:
            return ()
        names = bytes(table.names[: count * _NAME])
        sources = [Source(names[at : at + _NAME]) for at in range(0, count * _NAME, _NAME)]
        return zip(self._packets, table.taken[:count].tolist(), sources, strict=False)


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
        "_view",
        "buffer",
        "free",
        "pointer",
    )

    def __init__(self, calls: Calls = CALLS) -> None:
        self._calls = calls
        self.buffer = bytearray(TOGETHER * ROOM)
        self._view = memoryview(self.buffer)
        self._table = _Table([(self.buffer, place * ROOM) for place in range(TOGETHER)], ROOM)
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
        self._names[place * _NAME : (place + 1) * _NAME] = source
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
            self._calls.send(self._end, self._view, self._table, range(self._first, self._place))
        self._first = self._place

    def _begin(self) -> None:
        self._first = self._place = self.free = 0
        self.pointer = self._pointers[0]
