"""What the kernel is asked for datagrams: one call takes all that wait, and one sends several.

recvmmsg and sendmmsg (Linux) are reached through the C library of the process. Where it has none, each datagram is a
call of its own, and nothing else differs.
"""

import ctypes
import socket
from collections.abc import Sequence
from struct import Struct
from typing import Final, NewType

Source = NewType("Source", bytes)
"""The other end of a datagram: struct sockaddr_in or sockaddr_in6, with zeros after it up to 28 octets."""

Address = tuple[str, int] | tuple[str, int, int, int]

NAME: Final = 28
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


class Table:
    """What the kernel is shown of a batch: where each datagram is and how long, and its other end in `names`.

    `given` has for each place the length that is sent, `taken` the one that came.
    """

    def __init__(self, memory: Sequence[tuple[bytearray, int]], size: int) -> None:
        """For each place its memory and where in that it begins; all have that size."""
        self.names = bytearray(len(memory) * NAME)
        self.places = [memoryview(buffer)[at : at + size] for buffer, at in memory]
        self._vectors, self._entries = (_Vector * len(memory))(), (_Entry * len(memory))()
        self._pinned = [ctypes.c_char.from_buffer(self.names), *(ctypes.c_char.from_buffer(*each) for each in memory)]
        name, *bases = (ctypes.addressof(each) for each in self._pinned)
        vectors, self.start = ctypes.addressof(self._vectors), ctypes.addressof(self._entries)
        for place, base in enumerate(bases):
            self._vectors[place] = _Vector(base, size)
            message = self._entries[place].message
            message.name, message.name_length = name + place * NAME, NAME
            message.vectors, message.vector_count = vectors + place * ctypes.sizeof(_Vector), 1
        self.given = memoryview(self._vectors).cast("B").cast("L")[1::2]
        self.taken = memoryview(self._entries).cast("B").cast("I")[_LENGTH_AT::_STEP]

    def source(self, place: int) -> Source:
        return Source(bytes(self.names[place * NAME : (place + 1) * NAME]))


class Calls:
    """A call for each datagram."""

    def take(self, end: socket.socket, table: Table) -> int:
        """Fills the batch from its beginning with what waits; how many those are."""
        for place, memory in enumerate(table.places):
            try:
                length, address = end.recvfrom_into(memory)
            except OSError:  # nothing more, or an ICMP error of something sent before
                return place
            table.taken[place] = length
            table.names[place * NAME : (place + 1) * NAME] = source_of(address)
        return len(table.places)

    def send(self, end: socket.socket, table: Table, first: int, last: int) -> None:
        """Those places but the last. Best effort, as UDP is: a full buffer or an unreachable address loses one."""
        for place in range(first, last):
            try:
                end.sendto(table.places[place][: table.given[place]], address_of(table.source(place)))
            except OSError:
                continue


class BatchedCalls(Calls):
    """A call for all of them."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Raises AttributeError when the library lacks one."""
        self._receive, self._send = library.recvmmsg, library.sendmmsg
        self._send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
        self._receive.argtypes = [*self._send.argtypes, ctypes.c_void_p]

    def take(self, end: socket.socket, table: Table) -> int:
        count: int = self._receive(end.fileno(), table.start, len(table.places), socket.MSG_DONTWAIT, None)
        return max(0, count)

    def send(self, end: socket.socket, table: Table, first: int, last: int) -> None:
        number = end.fileno()
        while first < last:
            sent = self._send(number, table.start + first * _ENTRY, last - first, socket.MSG_DONTWAIT)
            first += sent if sent > 0 else 1  # the one that cannot be sent is lost


def _calls() -> Calls:
    try:
        return BatchedCalls(ctypes.CDLL(None))
    except (AttributeError, OSError, TypeError):
        return Calls()


CALLS: Final = _calls()
