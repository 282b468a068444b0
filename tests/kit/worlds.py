"""A sender, two subscribers and what of a node is between them, with real sockets and keys: with lanes and without."""

import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import Any

from pylibsrtp import Error, Policy, Session

from telehealth.media.datagrams import Inbox, Outbox
from telehealth.media.forward import CALM, Uplink
from telehealth.media.kernel import source_of
from telehealth.media.keyframes import Codec
from telehealth.media.lanes import Door, Lanes, Way
from telehealth.media.malformed import Malformed
from telehealth.media.receiving import Receiver
from telehealth.media.secure import Srtp
from telehealth.media.sending import Outgoing, Retransmission, payload_types
from telehealth.media.tracks import Format, Subscription, Track
from tests.kit.packets import DOWNLINK, UPLINK

HIGH, LOW, SOUND, AGAIN = 10, 20, 5, 11
VIDEO, REPAIR, OPUS = 96, 97, 111
TYPES = payload_types({VIDEO: 100, OPUS: 109})
PROFILE = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
KEY_OCTETS = 28  # and salt


def session(key: bytes, *, opens: bool) -> Session:
    """As aiortc makes it of what DTLS gives."""
    kind = Policy.SSRC_ANY_INBOUND if opens else Policy.SSRC_ANY_OUTBOUND
    policy = Policy(key=key, ssrc_type=kind, srtp_profile=PROFILE)
    policy.allow_repeat_tx, policy.window_size = True, 1024
    return Session(policy)


def bound() -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("127.0.0.1", 0))
    end.setblocking(False)
    return end


class Watcher:
    """A subscriber's browser, and what the node has of it."""

    def __init__(self, number: int, world: "World", end: socket.socket) -> None:
        key = secrets.token_bytes(KEY_OCTETS)
        self._world, self._end, self._keys = world, end, session(key, opens=True)
        self._keeps = SimpleNamespace(_rx_srtp=session(key, opens=True), _tx_srtp=session(key, opens=False))
        self._srtp: Srtp | None = Srtp(self._keeps)  # type: ignore[arg-type]
        self._source = source_of(end.getsockname())
        self.door: Door | None = None
        if world.lanes is not None:
            self.door = world.lanes.door()
            self.door.aim((world.end.fileno(), self._source))
            self.door.key(self._srtp)
        self.streams = [self._stream(100 * number + place) for place in range(2)]
        self.picture = Subscription(world.pictures, self.streams[0], TYPES)
        self.sound = Subscription(world.sounds, self.streams[1], TYPES)
        self.sound.want(0, 0.0)

    def _stream(self, ssrc: int) -> Outgoing:
        made = Outgoing(
            ssrc=ssrc,
            mid=str(ssrc),
            extensions=DOWNLINK,
            slab=self._world.outbox,
            send=self._send,
            retransmission=Retransmission(ssrc=ssrc + 50, payload_types={100: 102}),
            sequence_number=65_530,
            timestamp=0xFFFFFF00,
        )
        made.door = self.door
        return made

    def _send(self, length: int) -> None:
        sealed = self._srtp.seal_rtp(self._world.outbox, length) if self._srtp is not None else -1
        if sealed >= 0:
            self._world.outbox.put(self._world.end, self._source, sealed)

    def hang_up(self) -> None:
        """Its connection is over, and what was in memory of it is gone."""
        self.picture.close()
        self.sound.close()
        if self.door is not None:
            self.door.close()
        self._srtp, self._keeps = None, SimpleNamespace()

    def heard(self) -> list[bytes]:
        """What came since the last call, opened, in the order of its bytes."""
        found = []
        while (data := _received(self._end)) is not None:
            try:
                found.append(self._keys.unprotect(data))
            except Error:
                found.append(b"refused")
        return sorted(found)


class World:
    """One node. `take` lets it take what was sent to `end`, and send on what it makes of that.

    `left` counts datagrams that did not go by themselves, `begun` how often a lane was to begin.
    """

    def __init__(self, key: bytes, lanes: Lanes | None, ends: list[socket.socket]) -> None:
        self.lanes, self.end = lanes, ends[0]
        self.inbox, self.outbox = Inbox(), Outbox()
        formats = {VIDEO: Format(Codec.VP8, 90_000), REPAIR: Format(Codec.VP8, 90_000, VIDEO)}
        self.pictures = Track(mid="1", sender="p1", formats=formats, rids=("h", "l"))
        self.sounds = Track(mid="0", sender="p1", formats={OPUS: Format(Codec.OPUS, 48_000)})
        self.uplink = Uplink(UPLINK, tracks=[self.pictures, self.sounds], ssrc=1)
        for ssrc, rid, repairs in ((HIGH, "h", False), (LOW, "l", False), (AGAIN, "h", True)):
            self.uplink.declare(ssrc, mid="1", rid=rid, repairs=repairs)
        self.uplink.declare(SOUND, mid="0")
        self._keeps = SimpleNamespace(_rx_srtp=session(key, opens=True), _tx_srtp=session(key, opens=False))
        self._srtp = Srtp(self._keeps)  # type: ignore[arg-type]
        self.refused = self.malformed = self.left = self.begun = 0
        self.eager = True  # a lane begins as soon as it can, so that more befalls it
        self.allowed = 1_000_000
        self.watchers = [Watcher(number + 1, self, each) for number, each in enumerate(ends[1:])]

    def take(self, now: float) -> None:
        self.outbox.hold()
        batch = self.inbox.take(self.end, self.lanes, now)
        self.left += len(batch)
        for packet, length, source in batch:
            opened = self._srtp.open_rtp(packet, length) if length >= 12 else -1
            self.refused += opened < 0
            if opened < 0 or not self._may(now):
                continue
            try:
                self.uplink.receive(bytes(packet.view[:opened]), now)
            except Malformed:
                self.malformed += 1
                continue
            if self.eager:
                for each in (*self.pictures.sources, *self.sounds.sources):
                    each.calm = CALM
            flow = self.uplink.flow(int.from_bytes(packet.buffer[8:12], "big"))
            if flow is not None and self.lanes is not None:
                self.begun += 1
                self.lanes.begin(Way(flow, (self.end.fileno(), source), self._srtp, self._may))
        self.outbox.flush()
        self.refused += self.lanes.refused() if self.lanes is not None else 0

    def _may(self, _now: float) -> bool:
        self.allowed -= 1
        return self.allowed >= 0

    def settle(self) -> None:
        if self.lanes is not None:
            self.lanes.settle()

    def due(self, now: float) -> list[Any]:
        """What the sender is told."""
        self.settle()
        return self.uplink.due(now)

    def state(self) -> dict[str, Any]:
        """All that anybody may ask it, once it has accounted for what went by itself."""
        self.settle()
        sources = (*self.pictures.sources, *self.sounds.sources)
        streams = [stream for each in self.watchers for stream in each.streams]
        return {
            "counts": self.uplink.counts,
            "refused": (self.refused, self.malformed),
            "received": [_told(each.receiver) for each in sources],
            "live": [[stream.ssrc for stream in each.live] for each in sources],
            "sent": [(each.highest, each.timestamp, each.packets, each.octets, each.repeated) for each in streams],
        }

    def close(self) -> None:
        self.uplink.close()


def _told(receiver: Receiver | None) -> Any:
    if receiver is None:
        return None
    kept = [packet for number in range(receiver.highest + 1) if (packet := receiver.find(number)) is not None]
    figures = ("highest", "received", "octets", "repaired", "late", "lost_for_good", "arrived", "timestamp", "jitter")
    return (
        {name: getattr(receiver, name) for name in figures},
        sorted(receiver.awaited),
        [(packet.number, packet.data, packet.stamp, packet.start, packet.end, packet.marker) for packet in kept],
    )


def _received(end: socket.socket) -> bytes | None:
    try:
        return end.recv(2048)
    except BlockingIOError:
        return None


class Sender:
    """A browser that sends the same datagrams to several nodes."""

    def __init__(self, key: bytes, worlds: list[World], end: socket.socket) -> None:
        self._keys, self._worlds, self._end = session(key, opens=False), worlds, end

    def say(self, packet: bytes, *, torn_at: int = -1) -> None:
        """`torn_at`: that octet is another when it comes."""
        try:
            data = bytearray(self._keys.protect(packet))
        except Error:  # too old to be sent again
            return
        if torn_at >= 0:
            data[torn_at % len(data)] ^= 0x40
        for world in self._worlds:
            self._end.sendto(data, world.end.getsockname())


@contextmanager
def worlds(lanes: Lanes) -> Iterator[tuple[Sender, World, World]]:
    """A sender, a node of sources alone, and one with these lanes."""
    with ExitStack() as stack:
        key = secrets.token_bytes(KEY_OCTETS)
        made = [World(key, each, [stack.enter_context(bound()) for _ in range(3)]) for each in (None, lanes)]
        yield Sender(key, made, stack.enter_context(bound())), made[0], made[1]
        for each in made:
            each.close()
