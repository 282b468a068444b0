"""A call that can only go through a TURN server, with the credentials we issue, and when that loses all."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime
from time import monotonic
from uuid import UUID

import pytest

from telehealth.video.ports import IceServers
from telehealth.video.turn import ice_servers
from tests.kit.call_process import running_web
from tests.kit.calls import chromium, open_side
from tests.kit.coturn import SECRET, RunningCoturn, running_coturn
from tests.kit.meetings import Meeting
from tests.kit.signalling import behind

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOLDER = UUID(int=7)


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
    database: str, valkey: str, meeting: Meeting
) -> None:
    with running_coturn() as coturn:
        await _call_through(coturn, database, valkey, meeting)


async def _call_through(coturn: RunningCoturn, database: str, valkey: str, meeting: Meeting) -> None:
    web = behind(database, valkey, meeting, turn_urls=coturn.urls, turn_secret=SECRET)
    with running_web(web):
        async with chromium() as browser:
            host = await open_side(browser, web, meeting, host=True, policy="relay")
            guest = await open_side(browser, web, meeting, host=False, policy="relay")
            for side in (host, guest):
                await side.becomes("connected")
                await side.sees_the_other()
                assert await side.do("pair()") == ["relay", "relay"]
            with coturn.losing_everything():
                cut = monotonic()
                await host.until("states.at(-1) !== 'connected'", 5)
                assert monotonic() - cut < 2
                await host.becomes("reconnecting", within=3)
            healed = monotonic()
            for side in (host, guest):
                await side.becomes("connected")
                await side.sees_the_other()
            assert monotonic() - healed < 5
            assert await host.do("peers.length") == 1
