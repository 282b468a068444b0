"""The private names of aiortc and aioice that telehealth/media leans on. A new version that breaks one stops here."""

import inspect
import re
from importlib.metadata import version
from types import SimpleNamespace

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aiortc import (
    RTCCertificate,
    RTCConfiguration,
    RTCDtlsTransport,
    RTCIceTransport,
    RTCPeerConnection,
    RTCSctpTransport,
)
from aiortc.rtcdtlstransport import SRTP_AEAD_AES_128_GCM, SRTP_PROFILES
from aiortc.rtcrtpreceiver import StreamStatistics
from OpenSSL import SSL
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from telehealth.media.secure import Certificate
from tests.kit.webrtc import calling


def parameters(function: object) -> list[str]:
    assert callable(function)
    return [name for name in inspect.signature(function).parameters if name != "self"]


def source(function: object) -> str:
    assert inspect.isfunction(function)
    return inspect.getsource(function)


def test_the_versions_this_was_written_for() -> None:
    assert version("aiortc").startswith("1.16.")
    assert version("aioice").startswith("0.13.")
    assert version("pylibsrtp").startswith("1.0")


def test_gathering_goes_through_one_method_that_an_instance_may_replace() -> None:
    assert parameters(Connection.get_component_candidates) == ["component", "addresses", "timeout"]
    assert "self.get_component_candidates(component=component, addresses=addresses)" in source(
        Connection.gather_candidates
    )
    assert parameters(candidate_foundation) == ["candidate_type", "candidate_transport", "base_address"]
    assert parameters(candidate_priority)[:2] == ["candidate_component", "candidate_type"]
    assert {"foundation", "component", "transport", "priority", "host", "port", "type"} <= set(parameters(Candidate))


async def test_a_data_channel_takes_packets_by_one_method() -> None:
    assert "self._data_receiver._handle_data(data)" in source(RTCDtlsTransport._recv_next)
    assert parameters(RTCSctpTransport._handle_data) == ["data"]


async def test_a_peer_shows_its_transports() -> None:
    async with calling(audio=True) as caller:
        dtls = caller.dtls
        assert isinstance(dtls.transport, RTCIceTransport)
        assert dtls.transport.iceGatherer._connection is dtls.transport._connection
        dtls._set_role("server")
        assert dtls._role == "server"


async def test_no_server_is_asked_when_the_list_is_empty() -> None:
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.createDataChannel("x")
    sctp = peer.sctp
    assert sctp is not None
    assert sctp.transport.transport.iceGatherer._connection.stun_server is None
    await peer.close()


def test_stream_statistics_have_what_the_node_reports() -> None:
    found = StreamStatistics(48_000)
    assert (found.packets_received, found.jitter) == (0, 0)
    assert isinstance(StreamStatistics.packets_lost, property)


def test_dtls_asks_its_ice_transport_for_two_things_and_its_role() -> None:
    """secure.py puts its own link there."""
    body = source(RTCDtlsTransport._recv_next) + source(RTCDtlsTransport._write_ssl) + source(RTCDtlsTransport.start)
    found = set(re.findall(r"self\.transport\.(\w+)", body))
    assert found == {"_recv", "_send", "role"}


async def test_dtls_has_the_parts_secure_reads() -> None:
    dtls = RTCDtlsTransport(SimpleNamespace(role="controlled"), [RTCCertificate.generateCertificate()])  # type: ignore[arg-type]
    assert dtls._srtp_profiles is SRTP_PROFILES
    assert "srtp_profiles=self._srtp_profiles" in source(RTCDtlsTransport.start)
    assert {"_rx_srtp", "_tx_srtp", "_ssl"} <= set(vars(dtls))
    assert 'self.emit("statechange")' in source(RTCDtlsTransport._set_state)
    assert SRTP_AEAD_AES_128_GCM in SRTP_PROFILES
    assert {"get_selected_srtp_profile", "bio_write", "bio_read"} <= set(dir(SSL.Connection))


def test_connections_share_a_context_that_resumes_no_association() -> None:
    certificate = Certificate.generateCertificate()
    one, other = (certificate._create_ssl_context(SRTP_PROFILES) for _ in range(2))
    assert one is other
    assert one.get_session_cache_mode() == SSL.SESS_CACHE_OFF
    assert "self.__local_certificate._create_ssl_context(" in source(RTCDtlsTransport.start)


def test_libsrtp_works_in_place() -> None:
    """Through pylibsrtp's binding, on the contexts that its sessions own."""
    key = bytes(range(30))
    sender = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND))
    receiver = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND))
    plain = b"\x80\x60\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05" + b"payload"
    memory, length = bytearray(256), ffi.new("int *")
    memory[: len(plain)] = plain
    length[0] = len(plain)
    pointer = ffi.from_buffer("char[]", memory)
    assert lib.srtp_protect(sender._srtp[0], pointer, length) == 0
    assert length[0] == len(plain) + 10
    assert memory[: length[0]] != plain
    assert lib.srtp_unprotect(receiver._srtp[0], pointer, length) == 0
    assert memory[: length[0]] == plain
    for name in ("srtp_protect_rtcp", "srtp_unprotect_rtcp"):
        assert hasattr(lib, name)


def test_data_channels_have_one_place_where_packets_come_in() -> None:
    assert parameters(RTCSctpTransport.start) == ["remoteCaps", "remotePort"]
    assert "self.__transport._register_data_receiver(self)" in source(RTCSctpTransport.start)
    assert "self.__transport._send_data(" in source(RTCSctpTransport._send_chunk)
    assert parameters(RTCDtlsTransport._send_data) == ["data"]
