"""DTLS and SRTP of one connection: the only place of the forwarding node that uses private names of its libraries.

aiortc's RTCDtlsTransport makes the handshake and derives the keys; its RTCSctpTransport carries data channels; SRTP is
libsrtp, in place, through the binding of pylibsrtp. tests/media/test_contract.py pins every name used here.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol
from weakref import WeakMethod

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport, RTCSctpTransport
from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    SRTPProtectionProfile,
)
from aiortc.rtcsctptransport import RTCSctpCapabilities
from OpenSSL import SSL
from pylibsrtp._binding import ffi, lib

from telehealth.media.parse import parse_dtls, parse_sctp
from telehealth.media.unheard import unheard

LARGEST_DATAGRAM = 2048
TRAILER = 160  # what libsrtp may add to a packet: SRTP_MAX_TRAILER_LEN and SRTP_MAX_SRTCP_TRAILER_LEN, rounded up
LONGEST_QUEUE = 64  # datagrams of DTLS that wait; a handshake has four flights

# GCM (RFC 7714) costs about half of the suite that RFC 5764 names: 2.7 us a packet, measured.
_FAVOURED = [
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if profile in SRTP_PROFILES
]


class Memory(Protocol):
    """A datagram that libsrtp works on in place, at `pointer`, with room for what sealing adds."""

    pointer: Any


class Packet:
    """One with memory of its own."""

    __slots__ = ("buffer", "pointer", "view")

    def __init__(self) -> None:
        self.buffer = bytearray(LARGEST_DATAGRAM + TRAILER)
        self.view = memoryview(self.buffer)
        self.pointer = ffi.from_buffer("char[]", self.buffer)


def places(buffer: bytearray, size: int) -> tuple[Any, ...]:
    """The pointers to datagrams that lie in that memory one after the other, each with room of that size."""
    return tuple(ffi.from_buffer("char[]", memoryview(buffer)[at : at + size]) for at in range(0, len(buffer), size))


_IN_PLACE = "srtp_err_status_t(*)(struct srtp_ctx_t_ *, void *, int *)"


def _place(name: str) -> int:
    """Where that function of libsrtp is, for lanes.c; 0 when it is not one that changes a packet in place."""
    return (
        int(ffi.cast("uintptr_t", ffi.addressof(lib, name))) if _IN_PLACE in str(ffi.typeof(getattr(lib, name))) else 0
    )


OPEN_RTP, SEAL_RTP = _place("srtp_unprotect"), _place("srtp_protect")

Change = Callable[[Memory, int], int]
"""Changes a packet of that length in place: its new length, or -1 when it is refused."""


class Srtp:
    """The keys of one connection. To open is to authenticate and decrypt; replays are refused (RFC 3711, 3.3.2).

    `opens` and `seals` are where libsrtp's contexts are, as long as this lives.
    """

    __slots__ = ("_receiving", "_sending", "open_rtcp", "open_rtp", "opens", "seal_rtcp", "seal_rtp", "seals")

    def __init__(self, dtls: RTCDtlsTransport) -> None:
        self._receiving, self._sending = dtls._rx_srtp, dtls._tx_srtp  # noqa: SLF001 - these free the contexts
        rx, tx = self._receiving._srtp[0], self._sending._srtp[0]  # noqa: SLF001
        self.opens, self.seals = int(ffi.cast("uintptr_t", rx)), int(ffi.cast("uintptr_t", tx))
        self.open_rtp, self.open_rtcp = _change(lib.srtp_unprotect, rx), _change(lib.srtp_unprotect_rtcp, rx)
        self.seal_rtp, self.seal_rtcp = _change(lib.srtp_protect, tx), _change(lib.srtp_protect_rtcp, tx)


def _change(function: Any, context: Any) -> Change:
    """A closure: what it needs at each packet is looked up once."""
    held = ffi.new("int *")

    def change(packet: Memory, length: int) -> int:
        held[0] = length
        return -1 if function(context, packet.pointer, held) else held[0]

    return change


class _Link:
    """Stands where aiortc's DTLS transport has its ICE transport."""

    role = "controlled"  # a lite agent always is; aiortc reads it only when the DTLS role is open

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._deliver = send

    def feed(self, data: bytes) -> bool:
        if self._arrived.qsize() >= LONGEST_QUEUE:
            return False
        self._arrived.put_nowait(data)
        return True

    def cut(self) -> None:
        """Nothing comes and nothing goes from now on."""
        self._arrived.put_nowait(None)
        self._deliver = unheard

    async def _recv(self) -> bytes:
        data = await self._arrived.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self._deliver(data)


class Certificate(RTCCertificate):
    """The node's. Its connections share one context of OpenSSL: one for each would be 23 kB, 0.4 ms, and a ring that
    stays until a collector finds it.
    """

    _context: SSL.Context | None = None

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        if self._context is None:
            self._context = super()._create_ssl_context(srtp_profiles)
            self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)  # every association is a new one
        return self._context


class SecureChannel:
    """The node's end of one DTLS association, always its server: only so a browser chooses GCM.

    `send` takes a datagram for the browser; `on_closed` is called when the browser closed the association.
    """

    def __init__(
        self, certificate: RTCCertificate, *, send: Callable[[bytes], None], on_closed: Callable[[], None]
    ) -> None:
        self._link = _Link(send)
        self._on_closed = on_closed
        self._dtls = RTCDtlsTransport(self._link, [certificate])  # type: ignore[arg-type]
        self._dtls._srtp_profiles = _FAVOURED  # noqa: SLF001
        self._dtls._set_role("server")  # noqa: SLF001
        self._dtls.on("statechange", self._on_state)
        send_data = WeakMethod(self._dtls._send_data)  # noqa: SLF001

        async def still_send(data: bytes) -> None:
            send = send_data()
            if send is not None:
                with suppress(SSL.Error):  # the browser has closed, and SCTP has not been told yet
                    await send(data)

        self._dtls._send_data = still_send  # type: ignore[method-assign]  # noqa: SLF001
        self.srtp: Srtp | None = None

    def feed(self, data: bytes) -> bool:
        """Takes a datagram of DTLS records; false when too many wait. Raises Malformed."""
        parse_dtls(data)
        return self._link.feed(data)

    async def handshake(self, fingerprints: Sequence[RTCDtlsFingerprint]) -> bool:
        """Whether the browser came with a certificate of that fingerprint and a suite of ours."""
        try:
            await self._dtls.start(RTCDtlsParameters(fingerprints=list(fingerprints)))
        except Exception:  # noqa: BLE001 - OpenSSL's and cryptography's view of a certificate nobody vouched for
            return False
        if self._dtls.state != "connected":
            return False
        self.srtp = Srtp(self._dtls)
        return True

    @property
    def fingerprints(self) -> tuple[RTCDtlsFingerprint, ...]:
        """Of our certificate."""
        return tuple(self._dtls.getLocalParameters().fingerprints)

    @property
    def suite(self) -> str:
        """The SRTP protection profile in use (RFC 5764, section 4.1.2); empty before the handshake."""
        ssl = self._dtls._ssl  # noqa: SLF001
        return ssl.get_selected_srtp_profile().decode() if ssl is not None else ""

    def data_channels(self, port: int) -> "DataChannels":
        return DataChannels(RTCSctpTransport(self._dtls, port))

    async def close(self) -> None:
        """Tells the browser and ends all. Harmless when called twice. Nobody is held any more, so that all of it is
        freed at once: a collector that looks for rings comes minutes later, and a connection is some 200 kB.
        """
        self.srtp = None
        self._dtls.remove_all_listeners()
        await self._dtls.stop()
        self._link.cut()
        self._on_closed = unheard

    def _on_state(self) -> None:
        if self._dtls.state == "closed":
            self._on_closed()


class DataChannels:
    """The SCTP association of a connection (RFC 8831)."""

    def __init__(self, sctp: RTCSctpTransport) -> None:
        self._sctp = sctp
        self.unhandled = 0

    async def start(self, *, remote_port: int, largest: int, on_channel: Callable[[Any], None]) -> None:
        self._sctp.on("datachannel", on_channel)
        handle = self._sctp._handle_data  # noqa: SLF001

        async def guarded(data: bytes) -> None:
            try:
                parse_sctp(data)
                await handle(data)
            except ConnectionError:
                raise  # aiortc's own sign that the connection is over
            except Exception:  # noqa: BLE001 - assertions and struct.error guard aiortc's state machine
                self.unhandled += 1

        self._sctp._handle_data = guarded  # type: ignore[method-assign]  # noqa: SLF001
        await self._sctp.start(RTCSctpCapabilities(maxMessageSize=largest), remote_port)

    async def stop(self) -> None:
        """Frees it at once, as a connection's end does."""
        await self._sctp.stop()
        vars(self._sctp).pop("_handle_data", None)
