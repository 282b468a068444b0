"""One browser's connection: its addresses, its consent, its DTLS association, its keys.

The browser's address is where its authenticated checks come from, and only they can change it. An ICE restart is a new
user fragment and password on the same association; media goes on meanwhile. Consent (RFC 7675) is the browser's own
checks: a lite agent sends none, so silence of 30 s ends the connection.
"""

import asyncio
import secrets
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from aiortc import RTCCertificate, RTCDtlsFingerprint

from telehealth.media.drops import Drop
from telehealth.media.forward import Flow
from telehealth.media.lanes import Way
from telehealth.media.malformed import Malformed
from telehealth.media.mux import MOST_FORGED, Allowance, Mux, Path
from telehealth.media.rtp import ROOM
from telehealth.media.secure import TRAILER, DataChannels, Packet, SecureChannel, Srtp
from telehealth.media.stun import Check

MOST_PATHS = 8  # addresses a browser's checks came from; the oldest that carries nothing makes room
SSRC = struct.Struct("!I")
MOST_STREAMS = 48  # SSRCs heard; libsrtp keeps a context for each, for ever
MOST_PACKETS = 4_000  # a second; three encodings of 1080p and a screen are about 1,000


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds for coming up, and of silence until a connection is over (RFC 7675, section 5.1) or may be displaced.
    `vouched`: how long one that somebody has to vouch for lasts after they last did.
    """

    setup: float = 15.0
    consent: float = 30.0
    displace: float = 10.0
    vouched: float = 10.0


DEFAULT_PATIENCE = Patience()


class Ending(StrEnum):
    """Why a connection is over."""

    CLOSED = "closed"  # by us
    HUNG_UP = "hung_up"  # by the browser
    NOBODY_CAME = "nobody_came"
    NOT_SECURE = "not_secure"  # another certificate, or no suite in common
    SILENCE = "silence"
    UNVOUCHED = "unvouched"  # nobody answers for it any more
    FAILED = "failed"  # a fault of the node's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """What an offer says of the browser's side: its user fragment and its certificates' fingerprints."""

    fragment: str
    fingerprints: tuple[RTCDtlsFingerprint, ...]
    sctp_port: int | None = None
    largest_message: int = 65_536


class Handler(Protocol):
    """What a connection is for. Nothing here may raise."""

    def opened(self) -> None: ...

    def closed(self, ending: Ending) -> None: ...

    def rtp(self, packet: Packet, length: int, now: float) -> None:
        """A decrypted RTP packet, valid until this returns. `now` is monotonic, in seconds."""

    def rtcp(self, data: bytes) -> None:
        """A decrypted compound RTCP packet."""

    def channel(self, channel: Any) -> None:
        """A data channel (aiortc's RTCDataChannel) that the browser opened."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    fragment: str
    password: str
    remote: str


class Transport:
    """The node's end. `start` lets its life begin; everything after that is told to the handler."""

    def __init__(
        self,
        mux: Mux,
        handler: Handler,
        *,
        certificate: RTCCertificate,
        remote: Remote,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._mux, self._handler, self._patience = mux, handler, patience
        self._loop = asyncio.get_running_loop()
        self._remote = remote
        self._credentials: list[_Credentials] = []
        self._secure = SecureChannel(certificate, send=self.send, on_closed=self._hung_up)
        self._channels: DataChannels | None = None
        self._srtp: Srtp | None = None
        self._outbox, self._lanes = mux.outbox, mux.lanes
        self.door = mux.lanes.door() if mux.lanes is not None else None
        self._streams: set[int] = set()
        self._paths: list[Path] = []
        self._path: Path | None = None
        self.moves = 0  # how often the browser came from elsewhere, or anew
        self._heard = self._loop.time()
        self._attempts = Allowance(MOST_FORGED)  # an HMAC each is what a forger can cost
        self._packets = Allowance(MOST_PACKETS)
        self._over = asyncio.Event()
        self._life: asyncio.Task[None] | None = None
        self.ending: Ending | None = None
        self._issue(remote.fragment)

    # What the answer needs

    @property
    def fragment(self) -> str:
        """Our user fragment (RFC 8445, section 5.3) as the last answer gives it."""
        return self._credentials[-1].fragment

    @property
    def pwd(self) -> str:
        return self._credentials[-1].password

    @property
    def remote(self) -> Remote:
        return self._remote

    @property
    def fingerprints(self) -> tuple[RTCDtlsFingerprint, ...]:
        """Of our certificate."""
        return self._secure.fingerprints

    @property
    def state(self) -> str:
        """new, connecting, connected or closed (after RTCPeerConnectionState)."""
        if self.ending is not None:
            return "closed"
        if self._srtp is not None:
            return "connected"
        return "connecting" if self._paths else "new"

    @property
    def suite(self) -> str:
        return self._secure.suite

    @property
    def path(self) -> Path | None:
        """Where everything is sent to."""
        return self._path

    def restart(self, fragment: str) -> None:
        """An ICE restart (RFC 8445, section 2.4): new credentials, the same association.

        The old ones hold until the browser nominates a pair with the new, however often it restarts before that; of
        what came in between the last, of which the browser may have the answer by now.
        """
        self._remote = Remote(
            fragment=fragment,
            fingerprints=self._remote.fingerprints,
            sctp_port=self._remote.sctp_port,
            largest_message=self._remote.largest_message,
        )
        while len(self._credentials) > 2:
            self._mux.forget(self._credentials.pop(1).fragment)
        self._issue(fragment)

    def _issue(self, remote: str) -> None:
        made = _Credentials(secrets.token_hex(8), secrets.token_hex(16), remote)
        self._credentials.append(made)
        self._mux.register(made.fragment, self)

    # Its life

    def start(self) -> None:
        self._life = asyncio.create_task(self._live())

    async def close(self, ending: Ending = Ending.CLOSED) -> None:
        """Ends it at once; returns when the browser has been told and nothing of it is left."""
        self._end(ending)
        if self._life is None:
            await self._clear()
        else:
            await asyncio.wait([self._life])

    def _end(self, ending: Ending) -> None:
        if self.ending is None:
            self.ending = ending
        self._over.set()

    def _hung_up(self) -> None:
        self._end(Ending.HUNG_UP)

    async def _live(self) -> None:
        try:
            handshake = asyncio.create_task(self._come_up())
            over = asyncio.create_task(self._over.wait())
            await asyncio.wait({handshake, over}, timeout=self._patience.setup, return_when=asyncio.FIRST_COMPLETED)
            over.cancel()
            if not handshake.done():
                handshake.cancel()
                self._end(Ending.NOBODY_CAME)
            elif not handshake.result():
                self._end(Ending.NOT_SECURE)
            elif not self._over.is_set():
                self._handler.opened()
                await self._until_silence()
        finally:
            await self._clear()
            self._handler.closed(self.ending or Ending.CLOSED)

    async def _come_up(self) -> bool:
        if not await self._secure.handshake(self._remote.fingerprints):
            return False
        self._srtp = self._secure.srtp
        if self.door is not None and self._srtp is not None:
            self.door.key(self._srtp)
        if self._remote.sctp_port is not None:
            self._channels = self._secure.data_channels(self._remote.sctp_port)
            await self._channels.start(
                remote_port=self._remote.sctp_port,
                largest=self._remote.largest_message,
                on_channel=self._handler.channel,
            )
        return True

    async def _until_silence(self) -> None:
        while not self._over.is_set():
            left = self._heard + self._patience.consent - self._loop.time()
            if left <= 0:
                self._end(Ending.SILENCE)
                return
            try:
                async with asyncio.timeout(left):
                    await self._over.wait()
            except TimeoutError:
                continue

    async def _clear(self) -> None:
        self._srtp = None
        if self.door is not None:
            self.door.close()
        for path in self._paths:
            self._mux.leave(path)
        if self._channels is not None:
            await self._channels.stop()
        await self._secure.close()
        for made in self._credentials:
            self._mux.forget(made.fragment)
        for path in self._paths:
            self._mux.release(path, self)
        self._paths, self._path = [], None

    # What the socket asks (mux.Owner)

    def password(self, check: Check) -> str | None:
        for made in self._credentials:
            if made.fragment == check.local and made.remote == check.remote:
                return made.password
        return None

    def holds(self) -> bool:
        return self._loop.time() - self._heard < self._patience.displace

    def may_try(self) -> bool:
        return self._attempts.take(self._loop.time())

    def checked(self, path: Path, check: Check) -> None:
        self._heard = self._loop.time()
        if path not in self._paths:
            self._make_room()
            self._paths.append(path)
        if check.nominates or self._path is None:
            self.moves += self._path is not None and self._path != path
            self._path = path
            if self.door is not None:
                self.door.aim(path.ends)
        if check.nominates:
            self.moves += self._credentials[0].fragment != check.local
            while self._credentials[0].fragment != check.local:  # an ICE restart is complete
                self._mux.forget(self._credentials.pop(0).fragment)

    def _make_room(self) -> None:
        """A browser that roams is not refused its newest address."""
        if len(self._paths) < MOST_PATHS:
            return
        oldest = next(path for path in self._paths if path != self._path)
        self._paths.remove(oldest)
        self._mux.release(oldest, self)

    def dtls(self, data: bytes) -> Drop | None:
        try:
            return None if self._secure.feed(data) else Drop.QUEUE_FULL
        except Malformed:
            return Drop.DTLS_MALFORMED

    def media(self, packet: Packet, length: int, now: float) -> Drop | None:
        srtp = self._srtp
        if srtp is None or length < 12:
            return Drop.NOT_READY if srtp is None else Drop.RTP_MALFORMED
        data = packet.buffer
        if 192 <= data[1] <= 223:  # RFC 5761, section 4
            return self._control(srtp, packet, length, now)
        (ssrc,) = SSRC.unpack_from(data, 8)
        known = ssrc in self._streams
        if not known and len(self._streams) >= MOST_STREAMS:
            return Drop.TOO_MANY_STREAMS
        opened = srtp.open_rtp(packet, length)
        if opened < 0:
            return Drop.SRTP_REFUSED
        if not known:
            self._streams.add(ssrc)
        if not self._packets.take(now):
            return Drop.OVER_BUDGET
        self._handler.rtp(packet, opened, now)
        return None

    def _control(self, srtp: Srtp, packet: Packet, length: int, now: float) -> Drop | None:
        (ssrc,) = SSRC.unpack_from(packet.buffer, 4)
        if ssrc not in self._streams and len(self._streams) >= MOST_STREAMS:
            return Drop.TOO_MANY_STREAMS
        opened = srtp.open_rtcp(packet, length)
        if opened < 0:
            return Drop.SRTP_REFUSED
        self._streams.add(ssrc)
        if not self._packets.take(now):
            return Drop.OVER_BUDGET
        self._handler.rtcp(bytes(packet.view[:opened]))
        return None

    def go_by_itself(self, flow: Flow | None) -> None:
        """Lets a stream that this browser sends go by itself from its next packet on, where that can be."""
        srtp, path = self._srtp, self._path
        if flow is None or self._lanes is None or srtp is None or path is None:
            return
        if path.wire.owners.get(path.source) is self:
            self._lanes.begin(Way(flow, path.ends, srtp, self._packets.take))

    # Sending

    def send(self, data: bytes) -> None:
        """A datagram as it is."""
        if self._path is not None:
            self._mux.send(self._path, data)

    def send_rtp(self, length: int) -> bool:
        """Seals the packet of so many bytes at the outbox's `free` and sends it."""
        srtp, path, outbox = self._srtp, self._path, self._outbox
        if srtp is None or path is None:
            return False
        sealed = srtp.seal_rtp(outbox, length)
        if sealed < 0:
            return False
        outbox.put(path.wire.socket, path.source, sealed)
        return True

    def send_rtcp(self, data: bytes) -> bool:
        """Seals and sends a compound RTCP packet."""
        srtp, path, outbox = self._srtp, self._path, self._outbox
        if srtp is None or path is None or len(data) > ROOM - TRAILER:
            return False
        outbox.buffer[outbox.free : outbox.free + len(data)] = data
        sealed = srtp.seal_rtcp(outbox, len(data))
        if sealed < 0:
            return False
        outbox.put(path.wire.socket, path.source, sealed)
        return True


def same_certificate(one: Sequence[RTCDtlsFingerprint], other: Sequence[RTCDtlsFingerprint]) -> bool:
    """Whether two descriptions vouch for the same certificates: else it is another association (RFC 8842, 5.5)."""

    def told(fingerprints: Sequence[RTCDtlsFingerprint]) -> set[tuple[str, str]]:
        return {(each.algorithm.lower(), each.value.upper()) for each in fingerprints}

    return told(one) == told(other)
