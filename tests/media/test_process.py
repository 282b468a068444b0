"""The media node as a process: its control door over HTTP, its media over UDP on loopback, a real aiortc caller."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from tests.kit.lone_peer import lone_peer
from tests.kit.media_process import RunningNode, free_port, node_environment, running_node, start_node
from tests.kit.offers import audio, offer, video
from tests.kit.patience import PATIENCE
from tests.kit.webrtc import address_in, calling, key_pair, stranger_at


@pytest.fixture
def session() -> MediaSessionId:
    return MediaSessionId(uuid4())


@pytest.fixture
async def door(node: RunningNode) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as client:
        yield client


async def test_a_round_trip(node: RunningNode, door: httpx.AsyncClient, session: MediaSessionId) -> None:
    path = f"/sessions/{session}"
    async with calling(audio=True) as caller:
        offer = {"type": "offer", "sdp": await caller.offer()}
        opened = await door.put(path, json=offer, headers=node.bearer(session))
        assert (opened.status_code, opened.json()["type"]) == (201, "answer")
        assert address_in(opened.json()["sdp"])[0] == "127.0.0.1"
        assert await caller.accept(opened.json()["sdp"])
        with stranger_at(address_in(opened.json()["sdp"])) as stranger:
            stranger.send(b"")
            stranger.send(b"\x80 not of this call")
            assert await caller.probe(20) == 20
        figures = (await door.get(path, headers=node.bearer(session))).json()
    assert (figures["state"], figures["session"]) == ("connected", str(session))
    assert figures["verdict"] in {"good", "fair", "poor"}  # a busy machine is a poor network
    assert figures["probes"]["received"] == 20
    assert figures["probes"]["lost"] == 0
    assert figures["probes"]["rtt_ms"] > 0
    assert figures["audio"]["packets"] > 0
    drops = (await door.get("/stats")).json()["drops"]
    assert drops["empty"] >= 1
    assert drops["stranger"] >= 1
    assert (await door.delete(path, headers=node.bearer(session))).status_code == 204
    assert (await door.get(path, headers=node.bearer(session))).status_code == 404


async def test_grants_at_the_door(node: RunningNode, door: httpx.AsyncClient, session: MediaSessionId) -> None:
    path, other = f"/sessions/{session}", MediaSessionId(uuid4())
    spent = node.bearer(session)
    assert (await door.get(path, headers=spent)).status_code == 404
    for headers in (spent, node.bearer(other), {}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
        for method in ("GET", "DELETE", "PUT"):
            refused = await door.request(method, path, headers=headers)
            assert refused.status_code == 401
            assert refused.headers["WWW-Authenticate"] == "Bearer"
            assert refused.headers["Content-Type"] == "application/problem+json"
            assert refused.json()["type"] == "/problems/grant-invalid"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'{"type":"offer","sdp":"v=0"}', ("application/json", 400)),
        (b'{"type":"answer","sdp":"v=0"}', ("application/json", 400)),
        (b'{"type":"offer","sdp":"","more":1}', ("application/json", 400)),
        (b"[" * 60_000, ("application/json", 400)),
        (b"\xff", ("application/json", 400)),
        (b"v=0", ("application/sdp", 415)),
        (b" " * 70_000, ("application/json", 413)),
    ],
)
async def test_bodies_that_are_no_offer(
    node: RunningNode, door: httpx.AsyncClient, content: bytes, told: tuple[str, int]
) -> None:
    session, (kind, status) = MediaSessionId(uuid4()), told
    headers = node.bearer(session) | {"Content-Type": kind}
    refused = await door.put(f"/sessions/{session}", content=content, headers=headers)
    assert (refused.status_code, refused.json()["status"]) == (status, status)
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_other_paths_and_methods(door: httpx.AsyncClient, session: MediaSessionId) -> None:
    assert (await door.get("/sessions/7")).status_code == 404
    refused = await door.options(f"/sessions/{session}")
    assert refused.status_code == 405
    assert set(refused.headers["Allow"].split(", ")) == {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
    health = (await door.get("/healthz")).json()
    assert health["status"] == "ok"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEHEALTH_GRANT_PUBLIC_KEY", "canary"),
        ("TELEHEALTH_GRANT_PUBLIC_KEY", key_pair()[0]),
        ("TELEHEALTH_MEDIA_HOST", "203.0.113.250"),
        ("TELEHEALTH_MEDIA_HOST", "canary"),
        ("TELEHEALTH_MEDIA_ADVERTISED", "canary"),
        ("TELEHEALTH_MEDIA_ADVERTISED", "2001:db8::c4"),
    ],
)
def test_settings_that_cannot_work_stop_the_start(name: str, value: str) -> None:
    env = node_environment(key_pair()[1], free_port()) | {name: value}
    with start_node(env) as process:
        _, told = process.communicate(timeout=PATIENCE)
    assert process.returncode == 2
    assert name in told
    assert value not in told
    assert "Traceback" not in told


PLACE = Place(room="room", epoch=2)


async def test_a_room_at_the_door(node: RunningNode, door: httpx.AsyncClient, session: MediaSessionId) -> None:
    path = f"/sessions/{session}"

    def bearer(*, place: Place = PLACE, sub: str = "ann") -> dict[str, str]:
        return node.bearer(session, sub=sub, kind=GrantKind.SEND, place=place)

    body = {"type": "offer", "sdp": offer(audio("0"))}
    opened = await door.put(path, json=body, headers=bearer())
    assert (opened.status_code, opened.json()["type"]) == (201, "answer")
    assert (await door.put(path, json=body, headers=bearer())).status_code == 409
    later = await door.patch(path, json={"type": "offer", "sdp": offer(audio("0"), video("1"))}, headers=bearer())
    assert (later.status_code, later.json()["sdp"].count("a=recvonly")) == (200, 2)
    assert (await door.patch(path, json={"type": "offer", "sdp": "v=0"}, headers=bearer())).status_code == 400
    told = (await door.get(path, headers=bearer())).json()
    assert (told["state"], told["direction"], told["participant"]) == ("new", "send", "ann")
    assert (await door.get("/stats")).json()["rooms"] >= 1
    past = await door.get(path, headers=bearer(place=Place(room="room", epoch=1)))
    assert (past.status_code, past.json()["type"]) == (409, "/problems/epoch-past")
    assert (await door.get(path, headers=bearer(sub="bob"))).status_code == 404
    assert (await door.get(path, headers=node.bearer(session))).status_code == 404
    assert (await door.delete(path, headers=bearer())).status_code == 204
    assert (await door.delete(path, headers=bearer())).status_code == 404


async def test_the_check_has_no_later_offer(
    node: RunningNode, door: httpx.AsyncClient, session: MediaSessionId
) -> None:
    refused = await door.patch(f"/sessions/{session}", json={}, headers=node.bearer(session))
    assert (refused.status_code, refused.headers["Allow"]) == (405, "PUT, GET, HEAD, DELETE")


async def test_a_node_behind_a_nat_offers_the_address_outside(session: MediaSessionId) -> None:
    """It listens on the one inside: whoever comes through the NAT is answered."""
    outside = {"TELEHEALTH_MEDIA_HOST": "127.0.0.1 ::1", "TELEHEALTH_MEDIA_ADVERTISED": "203.0.113.7 2001:db8::7"}
    with running_node(outside) as node:
        async with (
            httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as door,
            lone_peer(fragment="someone") as peer,
        ):
            headers = node.bearer(session, sub="ann", kind=GrantKind.SEND, place=PLACE)
            body = {"type": "offer", "sdp": peer.offer(audio("0"))}
            answer = (await door.put(f"/sessions/{session}", json=body, headers=headers)).json()["sdp"]
            offered = [line.split()[4:6] for line in answer.splitlines() if line.startswith("a=candidate:")]
            (_, port), _ = offered
            assert offered == [["2001:db8::7", port], ["203.0.113.7", port]]
            translated = answer.replace("203.0.113.7", "127.0.0.1").replace("2001:db8::7", "::1")
            assert await peer.accept(translated)


async def test_a_node_of_two_families() -> None:
    with running_node({"TELEHEALTH_MEDIA_HOST": "127.0.0.1 ::1"}) as node:
        async with httpx.AsyncClient(base_url=node.url, timeout=PATIENCE) as door:
            for host in ("127.0.0.1", "::1"):
                async with lone_peer(host, fragment="someone") as peer:
                    session = MediaSessionId(uuid4())
                    answer = await door.put(
                        f"/sessions/{session}",
                        json={"type": "offer", "sdp": peer.offer(audio("0"))},
                        headers=node.bearer(session, sub="ann", kind=GrantKind.SEND, place=PLACE),
                    )
                    assert await peer.accept(answer.json()["sdp"])
                    assert peer.to[0] == host
