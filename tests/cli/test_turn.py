"""The relay that `up --turn` starts: the machine's coturn, by the rules of deploy, with what this machine adds."""

import asyncio
import base64
import hashlib
import hmac
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import pytest
from aioice import turn

from telehealth.cli.errors import CannotStart
from telehealth.cli.state import open_state
from telehealth.cli.turn import RULES, Relay, open_relay
from tests.kit.media_process import free_port
from tests.kit.needs import program

ROOT = Path(__file__).parents[2]


def relay(*hosts: str) -> Relay:
    return Relay(program=Path("turnserver"), hosts=hosts, port=3478, secret="of this house")


def test_it_keeps_the_rules_and_adds_this_machine() -> None:
    rules = (ROOT / RULES).read_text()
    made = relay("10.2.3.4").configuration(rules, Path("/run")).splitlines()
    kept = {line for line in rules.splitlines() if line.startswith(("denied-peer-ip", "user-quota", "total-quota"))}
    assert len(kept) > 20
    assert kept <= set(made)
    assert {"allowed-peer-ip=10.2.3.4", "listening-ip=10.2.3.4", "static-auth-secret=of this house"} <= set(made)
    assert "allow-loopback-peers" not in made
    assert not [line for line in made if "CHANGE-ME" in line or line.startswith("cert=")]


def test_the_house_is_told_where_it_is() -> None:
    told = relay("2001:db8::1").settings
    assert told["TELEHEALTH_TURN_URLS"].split()[1] == "turn:[2001:db8::1]:3478?transport=tcp"
    assert told["TELEHEALTH_TURN_SECRET"] == "of this house"


def test_one_that_runs_elsewhere_is_not_doubled() -> None:
    with pytest.raises(CannotStart, match="TELEHEALTH_TURN_URLS"):
        open_relay({"TELEHEALTH_TURN_URLS": "turn:turn.example.org"}, port=3478, secret="s")


def test_without_coturn_it_says_what_to_install() -> None:
    with pytest.raises(CannotStart, match="apt install coturn"):
        open_relay({"PATH": "/nonexistent"}, port=3478, secret="s", places="/nonexistent")


@asynccontextmanager
async def running(directory: Path) -> AsyncIterator[Relay]:
    state = open_state(directory / "state")
    made = Relay(program=Path(program("relay")), hosts=("127.0.0.1",), port=free_port(), secret="of this house")
    started = made.server(state, ROOT / RULES, {})
    with subprocess.Popen(  # noqa: ASYNC220
        started.argv, cwd=started.cwd, stdout=subprocess.DEVNULL
    ) as process:
        try:
            yield made
        finally:
            process.terminate()


async def allocate(made: Relay, secret: str) -> str:
    """The relayed address that credentials of that secret get."""
    user = f"{int(time()) + 60}:somebody"
    password = base64.b64encode(hmac.digest(secret.encode(), user.encode(), hashlib.sha1)).decode()
    for _ in range(600):
        try:
            transport, _protocol = await turn.create_turn_endpoint(
                asyncio.DatagramProtocol, ("127.0.0.1", made.port), user, password, transport="tcp"
            )
        except ConnectionRefusedError:
            await asyncio.sleep(0.1)
        else:
            host = str(transport.get_extra_info("sockname")[0])
            transport.close()
            return host
    raise AssertionError("coturn does not answer")


@pytest.mark.relay
async def test_it_serves_whoever_has_credentials_of_the_house(tmp_path: Path) -> None:
    async with running(tmp_path) as made:
        assert await allocate(made, "of this house") == "127.0.0.1"
        with pytest.raises(Exception, match="401"):
            await allocate(made, "of another house")
