"""One UDP port for every connection of the process, at each address of the node, IPv4 and IPv6 alike.

Datagrams are told apart by their first byte (RFC 7983) and belong to a connection by where they come from. A source
belongs to nobody until a connectivity check that shows a connection's password came from there: what a stranger
sends costs one look at its source or, when it looks like a check, at its user fragment. Nothing is ever answered to
a stranger, and nothing about one is written but a count.
"""

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic, sleep
from typing import NamedTuple, Protocol

from telehealth.media.datagrams import Inbox, Outbox
from telehealth.media.drops import Drop
from telehealth.media.gathering import FULL, MOMENT, Gathering
from telehealth.media.kernel import Address, Source, address_of
from telehealth.media.lanes import Ends, find_lanes
from telehealth.media.malformed import Malformed
from telehealth.media.rtp import ROOM
from telehealth.media.secure import Packet
from telehealth.media.stun import Check, accepted, local_fragment, read_check, reply

logger = logging.getLogger(__name__)

KERNEL_BUFFER = 4 << 20
LOG_SECONDS = 1.0
MOST_TRIES = 8  # ports that are tried when any free one will do
MOST_FORGED = 50  # checks a second with a connection's fragment that may fail to show its password, before none is read


class Wire:
    """One bound socket, and who sends to it from where."""

    __slots__ = ("host", "inbox", "owners", "port", "socket")

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            if family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                self.socket.setsockopt(socket.SOL_SOCKET, option, KERNEL_BUFFER)
            self.socket.bind((host, port))
        except OSError:
            self.socket.close()
            raise
        self.host, self.port = self.socket.getsockname()[:2]
        self.inbox = Inbox()
        self.owners: dict[Source, Owner] = {}


class Path(NamedTuple):
    """From a socket of ours to an address of a browser's."""

    wire: Wire
    source: Source

    @property
    def address(self) -> Address:
        return address_of(self.source)

    @property
    def ends(self) -> Ends:
        return self.wire.socket.fileno(), self.source


class Owner(Protocol):
    """A connection, as the socket sees it. Nothing it does may raise."""

    def password(self, check: Check) -> str | None:
        """The password for that check's pair of user fragments."""

    def holds(self) -> bool:
        """Whether its browser was heard lately, so that nobody else may have its addresses."""

    def may_try(self) -> bool:
        """Whether one more check from an unknown source may be read in this second."""

    def checked(self, path: Path, check: Check) -> None:
        """A check from there showed the password."""

    def dtls(self, data: bytes) -> Drop | None: ...

    def media(self, packet: Packet, length: int, now: float) -> Drop | None:
        """SRTP or SRTCP, which may be changed in place until this returns. `now` is monotonic, in seconds."""


class Mux:
    """The sockets of the node. Made in a running event loop; `close` it there."""

    def __init__(self, hosts: Sequence[str], port: int = 0, *, shown: Sequence[str] = ()) -> None:
        """Binds `port` at each of the addresses; 0 finds one that is free. `shown` is where browsers reach each of
        them, when a NAT stands in between. Raises OSError.
        """
        self.drops: Counter[Drop] = Counter()
        self.received = 0
        self._fragments: dict[str, Owner] = {}
        self.outbox, self.lanes = Outbox(), find_lanes()
        self.gathering = Gathering(monotonic())
        self._told, self._quiet_until = 0, 0.0
        self._loop = asyncio.get_running_loop()
        self.wires = _bind(hosts, port)
        self.addresses = tuple((host, self.wires[0].port) for host in (shown or hosts))  # as answers offer them
        for wire in self.wires:
            self._loop.add_reader(wire.socket.fileno(), self._readable, wire)

    def close(self) -> None:
        for wire in self.wires:
            self._loop.remove_reader(wire.socket.fileno())
            wire.socket.close()
            wire.owners.clear()
        self._fragments.clear()

    def register(self, fragment: str, owner: Owner) -> None:
        """Lets checks that name this user fragment reach that connection."""
        self._fragments[fragment] = owner

    def forget(self, fragment: str) -> None:
        self._fragments.pop(fragment, None)

    def release(self, path: Path, owner: Owner) -> None:
        """Takes an address from a connection; its datagrams are a stranger's from now on."""
        if path.wire.owners.get(path.source) is owner:
            del path.wire.owners[path.source]
            self.leave(path)

    def leave(self, path: Path) -> None:
        """What comes from there goes by itself no longer."""
        if self.lanes is not None:
            self.lanes.leave(path.ends)

    def settle(self) -> None:
        """Accounts for what went by itself."""
        if self.lanes is not None:
            self.lanes.settle()

    def send(self, path: Path, data: bytes) -> None:
        """A datagram as it is. One that is too long for a packet is not sent."""
        outbox, length = self.outbox, len(data)
        if length <= ROOM:
            outbox.buffer[outbox.free : outbox.free + length] = data
            outbox.put(path.wire.socket, path.source, length)

    def _readable(self, wire: Wire) -> None:
        """Takes a batch; what it makes us send goes out as one. The next may be waited for."""
        before = self.received
        self.outbox.hold()
        try:
            self._take(wire)
        finally:
            self.outbox.flush()
        if self.gathering.pays and self.received - before < FULL:
            sleep(MOMENT)

    def _take(self, wire: Wire) -> None:
        owners, now = wire.owners, monotonic()
        batch = wire.inbox.take(wire.socket, self.lanes, now)
        self.gathering.took(wire.inbox.count, now)
        self.received += wire.inbox.count
        if self.lanes is not None:
            for _ in range(self.lanes.refused()):
                self._drop(Drop.SRTP_REFUSED)
        for packet, length, source in batch:
            first = packet.buffer[0] if length else -1
            if 128 <= first <= 191:
                owner = owners.get(source)
                drop = Drop.STRANGER if owner is None else owner.media(packet, length, now)
            else:
                drop = self._rare(wire, source, bytes(packet.view[:length]))
            if drop is not None:
                self._drop(drop)

    def _rare(self, wire: Wire, source: Source, data: bytes) -> Drop | None:
        """Whatever is not media."""
        if not data:
            return Drop.EMPTY
        if data[0] <= 3:
            return self._check(wire, source, data)
        owner = wire.owners.get(source)
        if owner is None:
            return Drop.STRANGER
        return owner.dtls(data) if 20 <= data[0] <= 63 else Drop.UNKNOWN_PROTOCOL

    def _check(self, wire: Wire, source: Source, data: bytes) -> Drop | None:
        fragment = local_fragment(data)
        if fragment is None:
            return Drop.STUN_MALFORMED
        owner = self._fragments.get(fragment)
        if owner is None:
            return Drop.STUN_UNAUTHENTICATED
        holder = wire.owners.get(source)
        if holder is not owner and not owner.may_try():
            return Drop.OVER_BUDGET
        if holder is not None and holder is not owner and holder.holds():
            return Drop.ADDRESS_TAKEN
        return self._answer(Path(wire, source), data, owner)

    def _answer(self, path: Path, data: bytes, owner: Owner) -> Drop | None:
        try:
            check = read_check(data)
        except Malformed:
            return Drop.STUN_MALFORMED
        password = owner.password(check)
        if password is None or not check.shows(password):
            return Drop.STUN_UNAUTHENTICATED
        if accepted(check):
            if path.wire.owners.get(path.source) is not owner:
                self.leave(path)
            owner.checked(path, check)
            path.wire.owners[path.source] = owner
        self.send(path, reply(check, password=password, source=path.address[:2]))
        return None

    def _drop(self, drop: Drop) -> None:
        """Counts it, and says so at most once a second, whoever sends and however much."""
        self.drops[drop] += 1
        self._told += 1
        now = self._loop.time()
        if now >= self._quiet_until:
            logger.info("dropped %d datagrams", self._told)
            self._told, self._quiet_until = 0, now + LOG_SECONDS


def _bind(hosts: Sequence[str], port: int) -> list[Wire]:
    """A socket at each address, all at the same port. One that is free at the first need not be so at all of them."""
    for _ in range(0 if port else MOST_TRIES):
        with suppress(OSError):
            return _bound(hosts, port)
    return _bound(hosts, port)


def _bound(hosts: Sequence[str], port: int) -> list[Wire]:
    wires: list[Wire] = []
    try:
        for host in hosts:
            wires.append(Wire(host, wires[0].port if wires else port))
    except OSError:
        for wire in wires:
            wire.socket.close()
        raise
    return wires


class Allowance:
    """So many a second of something that costs."""

    __slots__ = ("_count", "_end", "_most")

    def __init__(self, most: int) -> None:
        self._most = most
        self._count, self._end = 0, 0.0

    def take(self, now: float) -> bool:
        if now >= self._end:
            self._count, self._end = 0, now + 1.0
        self._count += 1
        return self._count <= self._most
