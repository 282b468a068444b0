"""The private names of aiortc and aioice that telehealth/media leans on. A new version that breaks one stops here."""

import asyncio
import inspect
from importlib.metadata import version

from aioice import Candidate, Connection
from aioice.candidate import candidate_foundation, candidate_priority
from aioice.ice import StunProtocol
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCIceTransport, RTCPeerConnection, RTCSctpTransport
from aiortc.rtcdtlstransport import RtpRouter
from aiortc.rtcrtpreceiver import RTCRtpReceiver, StreamStatistics

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


def test_gathering_goes_through_one_method_that_an_instance_may_replace() -> None:
    assert parameters(Connection.get_component_candidates) == ["component", "addresses", "timeout"]
    assert "self.get_component_candidates(component=component, addresses=addresses)" in source(
        Connection.gather_candidates
    )
    assert parameters(candidate_foundation) == ["candidate_type", "candidate_transport", "base_address"]
    assert parameters(candidate_priority)[:2] == ["candidate_component", "candidate_type"]
    assert {"foundation", "component", "transport", "priority", "host", "port", "type"} <= set(parameters(Candidate))


async def test_a_connection_has_the_parts_the_guard_reads() -> None:
    connection = Connection(ice_controlling=False)
    assert connection._protocols == []
    assert isinstance(connection._queue, asyncio.Queue)
    protocol = StunProtocol(connection)
    assert protocol.receiver is connection
    assert protocol.transactions == {}
    assert parameters(StunProtocol.datagram_received) == ["data", "addr"]


async def test_a_transport_looks_its_handlers_up_when_a_packet_comes() -> None:
    body = source(RTCDtlsTransport._recv_next)
    for call in ("self._handle_rtcp_data(data)", "self._handle_rtp_data(data, arrival_time_ms=arrival_time_ms)"):
        assert call in body
    assert "self._data_receiver._handle_data(data)" in body
    assert parameters(RTCDtlsTransport._handle_rtp_data) == ["data", "arrival_time_ms"]
    assert parameters(RTCDtlsTransport._handle_rtcp_data) == ["data"]
    assert parameters(RTCSctpTransport._handle_data) == ["data"]
    assert parameters(RTCRtpReceiver._handle_rtp_packet) == ["packet", "arrival_time_ms"]
    assert parameters(RtpRouter.route_rtp) == ["packet"]


async def test_a_peer_shows_its_transports() -> None:
    async with calling(audio=True) as caller:
        dtls = caller.dtls
        assert isinstance(dtls.transport, RTCIceTransport)
        assert dtls.transport.iceGatherer._connection is dtls.transport._connection
        assert isinstance(dtls._rtp_router, RtpRouter)
        assert dtls._rtp_header_extensions_map is not None
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
