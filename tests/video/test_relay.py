"""A call that can only go through a TURN server, with the credentials we issue, and when that loses all."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from time import monotonic
from typing import Any
from uuid import UUID

import pytest
from playwright.async_api import Browser

from telehealth.db.unit import UnitOfWork
from telehealth.video.ports import IceServers
from telehealth.video.turn import ice_servers
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import open_companion, open_side
from tests.kit.company import companion_of
from tests.kit.coturn import SECRET, RunningCoturn, running_coturn
from tests.kit.frozen import see
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.signalling import behind

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOLDER = UUID(int=7)
SAID = """
window.said = [];
const speak = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  said.push(JSON.parse(text).type);
  speak.call(this, text);
};
"""


def test_credentials_are_what_a_turn_server_with_the_secret_expects() -> None:
    (server,) = ice_servers(IceServers(("turn:turn.example.org",), "secret"), HOLDER, NOW)
    assert server.username == f"{int(NOW.timestamp()) + 300}:{HOLDER}"
    expected = hmac.new(b"secret", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected


@pytest.mark.parametrize("servers", [IceServers(), IceServers(("turn:turn.example.org",)), IceServers((), "secret")])
def test_without_a_configured_server_there_are_no_credentials(servers: IceServers) -> None:
    assert ice_servers(servers, HOLDER, NOW) == []


@pytest.mark.browser
@pytest.mark.relay
async def test_a_call_through_the_relay_outlives_the_loss_of_everything(
    database: str, valkey: str, meeting: Meeting, browser: Browser
) -> None:
    with running_coturn() as coturn:
        await _call_through(browser, behind(database, valkey, meeting, **relayed(coturn)), coturn, meeting)


@pytest.mark.browser
@pytest.mark.relay
@pytest.mark.soak
async def test_on_a_machine_of_ones_own_the_loss_is_told_in_two_seconds_and_over_in_five(
    database: str, valkey: str, meeting: Meeting, browser: Browser
) -> None:
    with running_coturn() as coturn:
        web = behind(database, valkey, meeting, **relayed(coturn))
        told, back = await _call_through(browser, web, coturn, meeting)
    assert told < 2
    assert back < 5


def relayed(coturn: RunningCoturn) -> dict[str, Any]:
    """Of a web process, the relay it gives to its people."""
    return {"turn_urls": coturn.urls, "turn_secret": SECRET}


async def _call_through(browser: Browser, web: Behind, coturn: RunningCoturn, meeting: Meeting) -> tuple[float, float]:
    """Seconds until the person was told, and from the end of the loss until both saw each other again."""
    with running_web(web):
        host = await open_side(browser, web, meeting, host=True, policy="relay", script=SAID)
        guest = await open_side(browser, web, meeting, host=False, policy="relay", script=SAID)
        for side in (host, guest):
            await side.becomes("connected")
            await side.sees_the_other()
            assert (await side.do("pair()"))[0] == "relay"  # the other's may be seen before it is told of
        with coturn.losing_everything():
            cut = monotonic()
            await host.until("states.at(-1) !== 'connected'")
            told = monotonic() - cut
            await host.becomes("reconnecting")
        healed = monotonic()
        for side in (host, guest):
            await side.becomes("connected")
            await side.sees_the_other()
        back = monotonic() - healed
        asked = [await side.do("said.filter((type) => type === 'renew').length") for side in (host, guest)]
        assert await host.do("peers.length") <= 1 + sum(asked)  # another only if one gave this up, after long
        return told, back


# The way a page's connections take: of each, its own candidate's type and how it reaches the relay, and frames decoded.
WAYS = """(async () => {
  const found = [];
  for (const pc of window.peers.filter(({ connectionState }) => connectionState === "connected")) {
    const stats = await pc.getStats();
    const all = [...stats.values()];
    const pair = stats.get(all.find(({ type }) => type === "transport").selectedCandidatePairId);
    const { candidateType, relayProtocol } = stats.get(pair.localCandidateId);
    const decoded = all.filter(({ type, kind }) => type === "inbound-rtp" && kind === "video");
    found.push([candidateType, relayProtocol, decoded.reduce((sum, { framesDecoded }) => sum + framesDecoded, 0)]);
  }
  return found;
})()"""


@pytest.mark.browser
@pytest.mark.relay
async def test_a_call_through_the_relay_by_tcp(database: str, valkey: str, meeting: Meeting, browser: Browser) -> None:
    with running_coturn() as coturn:
        web = behind(database, valkey, meeting, turn_urls=coturn.tcp, turn_secret=SECRET)
        with running_web(web):
            sides = [await open_side(browser, web, meeting, host=host, policy="relay") for host in (True, False)]
            for side in sides:
                await side.becomes("connected")
                await side.sees_the_other(more_frames=30)
            for side in sides:
                [[kind, protocol, decoded]] = await side.do(WAYS)
                assert (kind, protocol) == ("relay", "tcp")
                assert decoded >= 30


@pytest.mark.browser
@pytest.mark.relay
async def test_the_media_node_is_reached_through_the_relay(  # noqa: PLR0917 -- fixtures
    database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork, browser: Browser
) -> None:
    """By those whose network lets nothing else through; the third comes straight."""
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    with running_coturn() as coturn, running_node() as node:
        await a_node_reports(unit_of_work, node.url)
        web = behind(database, valkey, meeting, companion, grant_key=node.private, **relayed(coturn))
        with running_web(web):
            sides = [await open_side(browser, web, meeting, host=host, policy="relay") for host in (True, False)]
            third = await open_companion(browser, web, meeting)
            for side in (*sides, third):
                await see(side, 2, more=30)
            for side in sides:
                ways = await side.do(WAYS)
                assert [way[:2] for way in ways] == [["relay", "udp"]] * 2  # one up, one down
                assert max(decoded for *_, decoded in ways) >= 60
            assert all(kind != "relay" for kind, *_ in await third.do(WAYS))
