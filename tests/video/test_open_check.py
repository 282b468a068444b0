"""The check without a visit: its page in Chromium, its report, its bounds."""

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from telehealth.video.ports import CheckBusy, OpenChecks
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import chromium
from tests.kit.coturn import SECRET, running_coturn
from tests.kit.media_process import running_node
from tests.kit.patience import PATIENCE, until_it

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_so_many_in_a_minute() -> None:
    checks = OpenChecks(each=2, together=3)
    for address in ("a", "a", "b"):
        checks.take(address, NOW)
    for address in ("a", "b"):
        with pytest.raises(CheckBusy) as refused:
            checks.take(address, NOW + timedelta(seconds=10))
        assert refused.value.extras["retry_after"] == 50
    checks.take("a", NOW + timedelta(seconds=60))


async def test_the_door_is_open_to_everyone_and_not_for_long(database: str, valkey: str) -> None:
    web = Behind(database, valkey, {}, turn_urls=("turn:turn.example.org",), turn_secret="secret")
    with running_web(web):
        async with httpx.AsyncClient(base_url=web.origin, trust_env=False, timeout=PATIENCE) as client:
            before = datetime.now(UTC).timestamp()
            (server,) = (await client.get("/v1/check/ice-servers")).json()["ice_servers"]
            expires = int(server["username"].partition(":")[0])
            assert before + 59 <= expires <= datetime.now(UTC).timestamp() + 60

            async def is_too_much() -> bool:
                return (await client.get("/v1/check/ice-servers")).status_code == 429

            async def is_refused() -> bool:
                answer = await client.post("/v1/check", json={"type": "offer", "sdp": "v=0"})
                return answer.status_code == 429 and bool(answer.headers["Retry-After"])

            await until_it(is_too_much)
            await until_it(is_refused)  # at once, if the minute has not ended in between


@pytest.mark.browser
@pytest.mark.relay
async def test_anybody_checks_a_device_and_saves_a_report(database: str, valkey: str) -> None:
    with running_node() as node, running_coturn() as coturn:
        web = Behind(
            database,
            valkey,
            {},
            turn_urls=(*coturn.urls, *coturn.tcp),
            turn_secret=SECRET,
            grant_key=node.private,
            media_url=node.url,
        )
        with running_web(web):
            async with chromium() as browser:
                page = await browser.new_page()
                wrong: list[str] = []
                page.on("pageerror", lambda error: wrong.append(str(error)))
                await page.goto(f"{web.origin}/test")
                await page.click("#start")
                await page.wait_for_selector("#report:not([hidden])", timeout=2000 * PATIENCE)
                async with page.expect_download() as saved:
                    await page.click("#save-json")
                told = json.loads((await (await saved.value).path()).read_text())
                async with page.expect_download() as saved:
                    await page.click("#save-page")
                shown = (await (await saved.value).path()).read_text()
    assert wrong == []
    assert told["camera"] == "ok"
    assert told["address"] == web.origin
    network = told["network"]
    assert network["ways"] == {"udp": "open", "turn_udp": "open", "turn_tcp": "open", "turn_tls": None}
    assert network["verdict"] in ("good", "fair", "poor")  # a busy machine is a poor network
    assert network["rtt_ms"] > 0
    assert min(network["kbps_up"], network["kbps_down"]) > 0
    assert "Over the relay by TCP" in shown
