"""Mutated STUN, DTLS, RTP, RTCP, SCTP and SDP against a media node's process, the same for the same seed.

What is sealed is sealed with keys of a participant's own, so that it gets past SRTP to the parsers.
"""

import asyncio
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from uuid import uuid4

import httpx
from pylibsrtp import Error as SrtpError

from telehealth.core.grants import GrantKind, MediaGrant, Place
from tests.kit.flooder import attribute, client_hello, request
from tests.kit.guests import room_grant
from tests.kit.live_call import enter, joined
from tests.kit.lone_peer import LonePeer
from tests.kit.media_process import RunningNode
from tests.kit.mutations import torn, torn_text
from tests.kit.offers import audio, data, offer, video
from tests.kit.webrtc import address_in, calling, media_grant, sctp_with_two_inits, stranger_at

SHARES = {"stun": 10, "dtls": 8, "rtp": 11, "rtcp": 8, "sctp": 2, "sdp": 1}  # of forty
ROUND = 1_500  # inputs for which one session stands
AT_ONCE, PAUSE = 15, 0.008
ROOM = "fuzzed"
IN = Place(room=ROOM, epoch=1)
OFFERS = (
    offer(audio("0"), video("1", simulcast=True), data("2")),
    offer(audio("0", "recvonly"), video("1", "recvonly"), audio("2", "recvonly")),
    offer(data("0"), audio("1")),
)
Throw = Callable[[bytes], Awaitable[None] | None]


def framed(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | number, kind, len(body) // 4) + body


def rtcp_corpus(ssrc: int) -> list[bytes]:
    """One of each kind of packet that browsers send (RFC 3550, 4585, 5104, 3611 and the drafts of REMB and TWCC)."""
    report = struct.pack("!IIIIII", 7, 1 << 24 | 5, 1000, 30, 0, 0)
    sender = framed(200, 1, struct.pack("!IQIII", ssrc, 1 << 40, 960, 10, 800) + report)
    named = framed(202, 1, struct.pack("!IBB", ssrc, 1, 4) + b"name\0\0")
    return [
        sender + named,
        framed(201, 1, struct.pack("!I", ssrc) + report),
        framed(203, 1, struct.pack("!I", ssrc)),
        framed(205, 1, struct.pack("!IIHH", ssrc, 7, 5, 0xFFFF)),
        framed(205, 15, struct.pack("!IIHHIHBB", ssrc, 7, 1, 8, 3 << 8, 0x2008, 4, 4) + bytes(8)),
        framed(206, 1, struct.pack("!II", ssrc, 7)),
        framed(206, 4, struct.pack("!IIIBBH", ssrc, 0, 7, 1, 0, 0)),
        framed(206, 15, struct.pack("!II", ssrc, 0) + b"REMB" + bytes([1, 0x0B, 0xFF, 0xFF]) + struct.pack("!I", 7)),
        framed(207, 0, struct.pack("!IBBHQ", ssrc, 4, 0, 2, 1 << 40)),
    ]


def rtp_corpus() -> list[bytes]:
    """Sound, pictures in two encodings by their RID, and retransmissions, with header extensions of both forms."""
    one = struct.pack("!HH", 0xBEDE, 3) + b"\x40" + b"1" + b"\xa0h" + b"\x31\0\1" + b"\x22abc" + b"\0"
    two = struct.pack("!HH", 0x1000, 2) + b"\x04\x01" + b"1" + b"\x0a\x01" + b"l" + b"\0\0"
    return [
        struct.pack("!BBHII", 0x80, 111, 0, 1, 1001) + b"opus" * 20,
        struct.pack("!BBHII", 0x90, 96, 0, 1, 3001) + one + b"\x10\0" + bytes(600),
        struct.pack("!BBHII", 0x90, 96 | 0x80, 0, 1, 3002) + two + b"\x10\1" + bytes(90),
        struct.pack("!BBHII", 0x90, 97, 0, 1, 3003) + one + b"\0\1" + bytes(90),
        struct.pack("!BBHII", 0xB1, 98, 0, 1, 3004) + b"\0\0\0\1" + two + bytes(40) + b"\x04",
        struct.pack("!BBHII", 0x80, 45, 0, 1, 3005) + b"\x10" + bytes(90),
        struct.pack("!BBHII", 0x80, 108, 0, 1, 3006) + b"\x7c\x85" + bytes(90),
    ]


class _Flights(LonePeer):
    """Keeps what its own DTLS sends."""

    def __init__(self) -> None:
        super().__init__(fragment=uuid4().hex[:8])
        self.flights: list[bytes] = []

    async def _send(self, data: bytes) -> None:
        self.flights.append(data)
        await super()._send(data)


class Fuzzer:
    """`thrown` counts inputs by kind, `statuses` what the control door answered to offers."""

    def __init__(self, node: RunningNode, door: httpx.AsyncClient, seed: int) -> None:
        self.thrown: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self._node, self._door, self._seed = node, door, seed

    async def run(self, inputs: int) -> None:
        """Inputs of all kinds at once, until so many have been thrown in all."""
        total = sum(SHARES.values())
        async with asyncio.TaskGroup() as group:
            for kind, share in SHARES.items():
                group.create_task(self._attack(kind, inputs * share // total))

    async def _attack(self, kind: str, inputs: int) -> None:
        play = getattr(self, f"_{kind}")
        while (left := inputs - self.thrown[kind]) > 0:
            await play(min(left, ROUND), random.Random(f"{self._seed} {kind} {self.thrown[kind]}"))

    async def _throw(self, kind: str, made: Iterator[bytes], throw: Throw) -> None:
        """Until the node has had enough of that session, if it has."""
        for number, each in enumerate(made):
            self.thrown[kind] += 1
            try:
                told = throw(each)
                if told is not None:
                    await told
            except ConnectionError:
                return
            if number % AT_ONCE == 0:
                await asyncio.sleep(PAUSE)

    # Datagrams that anyone can send

    async def _stun(self, inputs: int, chance: random.Random) -> None:
        async with joined(self._door, self._node, room=ROOM, direction=GrantKind.SEND) as peer:
            fragment, password = peer.theirs
            corpus = [
                peer.check_bytes(fragment, password),
                peer.check_bytes(fragment, password, nominate=False),
                peer.check_bytes(fragment, "x" * 32),
                peer.check_bytes("nobody", password),
                request(attribute(6, f"{fragment}:{peer.fragment}".encode()), attribute(0x24, b"1234")),
                request(attribute(0x8028, b"x")),
            ]
            with stranger_at(peer.to) as stranger:
                ways: list[Throw] = [stranger.send, peer.throw]

                def throw(made: bytes) -> None:
                    chance.choice(ways)(made)

                await self._throw("stun", (torn(chance.choice(corpus), chance) for _ in range(inputs)), throw)

    async def _dtls(self, inputs: int, chance: random.Random) -> None:
        """Half of the rounds before the handshake, half after it: from the address of who was checked, and another."""
        peer = _Flights()
        try:
            grant = room_grant(GrantKind.SEND, peer.fragment, place=IN)
            answer = await enter(self._door, self._node, grant, peer.offer(audio("0"), data("1")))
            if chance.random() < 0.5:
                assert await peer.accept(answer)
                corpus = peer.flights
            else:
                peer.to = address_in(answer)
                peer.knows(*credentials(answer))
                assert await peer.checks() or await peer.checks()
                corpus = [client_hello()]
            with stranger_at(peer.to) as stranger:
                made = (torn(chance.choice(corpus), chance, keep=chance.choice([0, 1, 13])) for _ in range(inputs))
                await self._throw("dtls", made, chance.choice([stranger.send, peer.throw, peer.throw]))
            await self._leave(grant)
        finally:
            await peer.close()

    # What only a participant can send

    async def _rtp(self, inputs: int, chance: random.Random) -> None:
        corpus, number = rtp_corpus(), count(1)

        def made() -> Iterator[bytes]:
            for _ in range(inputs):
                packet = bytearray(torn(chance.choice(corpus), chance, keep=chance.choice([0, 2, 12])).ljust(12, b"\0"))
                packet[2:4] = (next(number) % 65_536).to_bytes(2, "big")  # or it is a replay
                yield bytes(packet)

        async with self._member(GrantKind.SEND, chance) as (seal, _):
            await self._throw("rtp", made(), seal)

    async def _rtcp(self, inputs: int, chance: random.Random) -> None:
        async with self._member(chance.choice([GrantKind.SEND, GrantKind.RECEIVE]), chance) as (seal, _):
            corpus = rtcp_corpus(1001)
            made = (
                torn(
                    b"".join(chance.sample(corpus, chance.choice([1, 1, 2]))), chance, keep=chance.choice([1, 2, 4, 8])
                )
                for _ in range(inputs)
            )
            await self._throw("rtcp", made, seal)

    async def _sctp(self, inputs: int, chance: random.Random) -> None:
        chunks = [
            struct.pack("!BBHIIHHI", kind, 0, 20, 1, 1024, 1, 1, 1) for kind in (1, 2, 3, 0, 6, 7, 8, 10, 130, 192)
        ]
        async with self._member(GrantKind.SEND, chance) as (_, say):
            heads = [struct.pack("!HHII", 5000, 5000, 0, 0), sctp_with_two_inits()]
            made = (torn(chance.choice(heads) + chance.choice(chunks), chance, keep=1) for _ in range(inputs))
            await self._throw("sctp", made, say)

    @asynccontextmanager
    async def _member(self, direction: GrantKind, chance: random.Random) -> AsyncIterator[tuple[Throw, Throw]]:
        """How somebody in a room, or one time in four in a network check, sends SRTP and data."""
        if chance.random() < 0.25:
            async with self._checked() as member:
                yield member
            return
        ways = "sendonly" if direction is GrantKind.SEND else "recvonly"
        sections = (audio("0", ways), video("1", ways, simulcast=direction is GrantKind.SEND), data("2"))
        async with joined(self._door, self._node, room=ROOM, direction=direction, sections=sections) as peer:
            yield sealing(peer.dtls._send_rtp, peer.throw), peer.dtls._send_data

    @asynccontextmanager
    async def _checked(self) -> AsyncIterator[tuple[Throw, Throw]]:
        async with calling(audio=True) as caller:
            grant = media_grant(sub=uuid4().hex)
            answer = await self._door.put(
                f"/sessions/{grant.session}",
                json={"type": "offer", "sdp": await caller.offer()},
                headers=self._node.bearer(grant.session, sub=grant.sub),
            )
            assert await caller.accept(answer.json()["sdp"])
            with stranger_at(address_in(answer.json()["sdp"])) as stranger:
                yield sealing(caller.dtls._send_rtp, stranger.send), caller.dtls._send_data
            await self._leave(grant)

    # Offers

    async def _sdp(self, inputs: int, chance: random.Random) -> None:
        async with self._standing() as standing:
            for _ in range(inputs):
                text = torn_text(chance.choice(OFFERS), chance)
                match chance.randrange(6):
                    case 0:
                        await self._offer("PATCH", standing, text)
                    case 1:
                        await self._offer("PUT", media_grant(sub=uuid4().hex), text)
                    case _:
                        kind = chance.choice([GrantKind.SEND, GrantKind.RECEIVE])
                        await self._offer("PUT", room_grant(kind, uuid4().hex, place=IN), text)
                self.thrown["sdp"] += 1

    @asynccontextmanager
    async def _standing(self) -> AsyncIterator[MediaGrant]:
        """A session nobody comes to; it is gone after fifteen seconds, and later offers are of none then."""
        grant = room_grant(GrantKind.SEND, uuid4().hex, place=IN)
        await enter(self._door, self._node, grant, OFFERS[0])
        yield grant
        await self._leave(grant)

    async def _offer(self, method: str, grant: MediaGrant, text: str) -> None:
        told = await self._door.request(
            method, f"/sessions/{grant.session}", json={"type": "offer", "sdp": text}, headers=self._bearer(grant)
        )
        self.statuses[told.status_code] += 1
        if told.status_code == 201:
            await self._leave(grant)

    async def _leave(self, grant: MediaGrant) -> None:
        await self._door.delete(f"/sessions/{grant.session}", headers=self._bearer(grant))

    def _bearer(self, grant: MediaGrant) -> dict[str, str]:
        return self._node.bearer(grant.session, sub=grant.sub, kind=grant.kind, place=grant.place)


def sealing(seal: Callable[[bytes], Awaitable[None]], throw: Callable[[bytes], None]) -> Throw:
    """Sealed; in the clear what libsrtp will not seal, because its header does not fit."""

    async def send(made: bytes) -> None:
        try:
            await seal(made)
        except (SrtpError, IndexError):
            throw(made)

    return send


def credentials(answer: str) -> tuple[str, str]:
    """The node's user fragment and password."""
    told = dict(line.split(":", 1) for line in answer.splitlines() if line.startswith(("a=ice-ufrag:", "a=ice-pwd:")))
    return told["a=ice-ufrag"], told["a=ice-pwd"]
