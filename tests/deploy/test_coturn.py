"""The example configuration of the relay: a real coturn that relays to no address inside."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aioice import stun, turn

from telehealth.video.ports import IceServers
from telehealth.video.turn import ice_servers
from tests.kit.coturn import SECRET, running_coturn

pytestmark = pytest.mark.relay
CONFIG = Path(__file__).parents[2] / "deploy" / "coturn.conf"
PUBLIC = ["1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "223.255.255.255"]
INSIDE = [
    "0.0.0.1",
    "10.0.0.1",
    "100.64.0.1",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
]


async def answer(client: turn.TurnClientUdpProtocol, address: str) -> int:
    """0 when the relay would let packets through to that address (RFC 8656 section 9), else its error code."""
    request = stun.Message(message_method=stun.Method.CREATE_PERMISSION, message_class=stun.Class.REQUEST)
    request.attributes["XOR-PEER-ADDRESS"] = (address, 4000)
    try:
        await client.request_with_retry(request)
    except stun.TransactionFailed as refused:
        return int(refused.response.attributes["ERROR-CODE"][0])
    return 0


async def answers(*addresses: str, issued: datetime) -> list[int]:
    with running_coturn(CONFIG) as coturn:
        door = ("127.0.0.1", coturn.port)
        (server,) = ice_servers(IceServers(coturn.urls, SECRET), UUID(int=7), issued)
        transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: turn.TurnClientUdpProtocol(
                door, username=server.username, password=server.credential, lifetime=600, channel_refresh_time=500
            ),
            remote_addr=door,
        )
        try:
            await client.connect()
            told = [await answer(client, address) for address in addresses]
            await client.delete()
        finally:
            transport.close()
            await asyncio.sleep(0)
        return told


async def test_it_relays_to_the_world_and_to_nothing_inside() -> None:
    now = datetime.now(UTC)  # coturn has no other clock
    assert await answers(*PUBLIC, *INSIDE, issued=now) == [0] * len(PUBLIC) + [403] * len(INSIDE)


async def test_credentials_end_after_five_minutes() -> None:
    with pytest.raises(stun.TransactionFailed, match="401"):
        await answers("1.1.1.1", issued=datetime.now(UTC) - timedelta(minutes=5, seconds=5))
