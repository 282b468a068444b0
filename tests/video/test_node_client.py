"""What the web process says to a real media node about rooms: offers, later offers, epochs, and the end of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import AudioStreamTrack

from telehealth.core.ids import ParticipantId, VisitId
from telehealth.video.language import Cut, Direction, Negotiate, Offer
from telehealth.video.node_client import HttpMediaRooms
from telehealth.video.placement import Place, Reports
from telehealth.video.ports import Connection, ConnectionGone, MediaAway, OfferRefused
from tests.kit.media_process import RunningNode, free_port, running_node
from tests.kit.patience import PATIENCE, until_it

PERSON = ParticipantId(uuid4())


@pytest.fixture(scope="module")
def node() -> Iterator[RunningNode]:
    with running_node() as running:
        yield running


@pytest.fixture
def rooms(node: RunningNode) -> HttpMediaRooms:
    return HttpMediaRooms((node.url,), node.signer)


@pytest.fixture
def place(node: RunningNode) -> Place:
    return Place(VisitId(uuid4()), node.url, 1)


@asynccontextmanager
async def offering() -> AsyncIterator[str]:
    """What a browser that sends sound would offer."""
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    peer.addTrack(AudioStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    yield peer.localDescription.sdp
    await peer.close()


def task(place: Place, sdp: str, *, connection: int = 1, direction: Direction = "send") -> Negotiate:
    return Negotiate(PERSON, "seat", Offer(1, place.epoch, direction, connection, sdp))


async def sessions(node: RunningNode) -> int:
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
        return int((await client.get(f"{node.url}/stats")).json()["sessions"])


async def become(node: RunningNode, count: int) -> None:
    async def are_there() -> bool:
        return await sessions(node) == count

    await until_it(are_there)


def now() -> datetime:
    return datetime.now(UTC)


async def test_a_node_that_answers_reports(rooms: HttpMediaRooms, node: RunningNode) -> None:
    (report,) = (await rooms.reports(now())).nodes
    assert (report.url, report.draining) == (node.url, False)
    assert report.name.startswith(f"{node.url} ")
    assert 0 <= report.load <= 1
    assert await HttpMediaRooms((node.url,), None).reports(now()) == Reports()


async def test_one_line_asks_many_questions_over_one_connection(rooms: HttpMediaRooms) -> None:
    """Of a node that answers that there is nothing."""
    opened = list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened.append(writer)
        with suppress(asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    place = Place(VisitId(uuid4()), f"http://127.0.0.1:{port}", 1)
    async with server, rooms.line(1) as line:
        for _ in range(3):
            with pytest.raises(ConnectionGone):
                await line.vouch(place, Connection(PERSON, "seat", "send-1"), now())
            await line.cut(place, Cut(PERSON, "seat", 1, ("send-1",)), now())
    assert len(opened) == 1


async def test_a_port_where_nobody_listens_is_told_from_a_node_that_is_silent(node: RunningNode) -> None:
    nobody, silent = f"http://127.0.0.1:{free_port()}", "http://nowhere.invalid"
    reports = await HttpMediaRooms((nobody, silent, node.url), node.signer).reports(now())
    assert [each.url for each in reports.nodes] == [node.url]
    assert reports.deserted == [nobody]


async def test_a_connection_is_offered_again_and_another_beside_it(
    rooms: HttpMediaRooms, node: RunningNode, place: Place
) -> None:
    before = await sessions(node)
    async with offering() as sdp:
        for connection, there in ((1, 1), (1, 1), (2, 2)):
            answer = await rooms.negotiate(place, task(place, sdp, connection=connection), now())
            assert "a=ice-lite" in answer
            assert await sessions(node) == before + there
        await rooms.cut(place, Cut(PERSON, "seat", 1, ("send-1", "send-2", "recv-1")), now())
        await become(node, before)


async def test_an_old_epoch_gets_nowhere(rooms: HttpMediaRooms, node: RunningNode, place: Place) -> None:
    before = await sessions(node)
    later = Place(place.visit_id, place.url, 2)
    async with offering() as sdp:
        await rooms.negotiate(place, task(place, sdp), now())
        await rooms.negotiate(later, task(later, sdp), now())
        await become(node, before + 1)
        with pytest.raises(MediaAway):
            await rooms.negotiate(place, task(place, sdp), now())
        await rooms.cut(later, Cut(PERSON, "seat", 2, ("send-1",)), now())
        await become(node, before)


async def test_what_is_no_offer_is_refused(rooms: HttpMediaRooms, place: Place) -> None:
    with pytest.raises(OfferRefused):
        await rooms.negotiate(place, task(place, "v=0"), now())


async def test_where_no_node_answers_media_are_away(node: RunningNode) -> None:
    nowhere = Place(VisitId(uuid4()), f"http://127.0.0.1:{free_port()}", 1)
    for rooms in (HttpMediaRooms((), node.signer), HttpMediaRooms((), None)):
        with pytest.raises(MediaAway):
            await rooms.negotiate(nowhere, task(nowhere, "v=0"), now())
        with pytest.raises(MediaAway):
            await rooms.cut(nowhere, Cut(PERSON, "seat", 1, ("send-1",)), now())
