"""What people type in as an address leads nowhere but to public places, and never holds anyone up."""

import asyncio
import resource
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from telehealth.tasks.outbound import Fetcher, NotFetched, Obstacle, is_public, open_fetcher, parse_networks
from tests.kit.elsewhere import Elsewhere, answer, cut_off, dripping, endless, moved, somewhere, tagged

HERE = parse_networks("127.0.0.1/32")


@pytest.fixture
async def fetcher() -> AsyncIterator[Fetcher]:
    async with open_fetcher(deadline=1, also=HERE) as opened:
        yield opened


@pytest.fixture
async def there() -> AsyncIterator[Elsewhere]:
    async with somewhere() as opened:
        yield opened


async def obstacle(fetcher: Fetcher, url: str) -> Obstacle:
    with pytest.raises(NotFetched) as refused:
        await fetcher.fetch(url)
    assert url not in str(refused.value)
    return refused.value.obstacle


async def test_what_did_not_change_is_not_sent_again(fetcher: Fetcher, there: Elsewhere) -> None:
    there.pages["/a"] = tagged(b"BEGIN", '"1"')
    first = await fetcher.fetch(there.at("/a"))
    assert (first.body, first.etag) == (b"BEGIN", '"1"')
    assert (await fetcher.fetch(there.at("/a"), etag=first.etag)).body is None
    assert there.asked[0]["host"] == there.url.removeprefix("http://")
    assert there.asked[0]["accept-encoding"] == "identity"
    there.pages["/b"] = answer(200, b"x", last_modified="Tue, 03 Mar 2026 09:00:00 GMT")
    modified = (await fetcher.fetch(there.at("/b"))).modified
    await fetcher.fetch(there.at("/b"), modified=modified)
    assert there.asked[-1]["if-modified-since"] == modified == "Tue, 03 Mar 2026 09:00:00 GMT"


async def test_redirects_are_followed_as_far_as_is_sane(fetcher: Fetcher, there: Elsewhere) -> None:
    there.pages |= {"/0": answer(200, b"here"), "/loop": moved("/pool"), "/pool": moved("/loop", 308)}
    there.pages |= {f"/{n}": moved(f"/{n - 1}", 301) for n in range(1, 7)}
    assert (await fetcher.fetch(there.at("/5"))).body == b"here"
    assert await obstacle(fetcher, there.at("/6")) is Obstacle.TOO_MANY_REDIRECTS
    assert await obstacle(fetcher, there.at("/loop")) is Obstacle.REDIRECT_LOOP
    there.pages["/ftp"] = moved("ftp://127.0.0.1/")
    assert await obstacle(fetcher, there.at("/ftp")) is Obstacle.BAD_ADDRESS


async def test_a_redirect_to_a_private_address_is_not_followed(fetcher: Fetcher, there: Elsewhere) -> None:
    async with somewhere("127.0.0.2") as private:
        private.pages["/secret"] = answer(200, b"secret")
        for location in (private.at("/secret"), "http://10.0.0.1/", "http://169.254.169.254/", "http://[::1]/"):
            there.pages["/away"] = moved(location)
            assert await obstacle(fetcher, there.at("/away")) is Obstacle.PRIVATE_ADDRESS
        assert private.asked == []


async def test_private_addresses_are_not_asked_however_they_are_written(there: Elsewhere) -> None:
    port = there.url.rpartition(":")[2]
    async with open_fetcher(deadline=1) as strict:
        for host in ("127.0.0.1", "localhost", "0x7f000001", "2130706433", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
            assert await obstacle(strict, f"http://{host}:{port}/") in (Obstacle.PRIVATE_ADDRESS, Obstacle.UNRESOLVED)
        assert await obstacle(strict, "http://no-such-host.invalid/") is Obstacle.UNRESOLVED
        for url in ("ftp://127.0.0.1/", "http://", "http://[/", "/etc/passwd", f"http://a:b@127.0.0.1:{port}/"):
            assert await obstacle(strict, url) in (Obstacle.BAD_ADDRESS, Obstacle.UNRESOLVED)
    assert there.asked == []


@pytest.mark.parametrize(
    "address",
    [
        *(
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
        ),
        *("255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1"),
        *("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:f5ff:fffe"),
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


def test_public() -> None:
    assert all(is_public(ip_address(each)) for each in ("93.184.216.34", "2606:2800:220:1::1", "64:ff9b::8.8.8.8"))


@pytest.mark.parametrize("declared", [True, False])
async def test_fifty_megabytes_are_not_read(fetcher: Fetcher, there: Elsewhere, declared: bool) -> None:
    there.pages["/big"] = endless(50 * 1024 * 1024, declared=declared)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert await obstacle(fetcher, there.at("/big")) is Obstacle.TOO_LARGE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB


async def test_a_slow_body_ends_at_the_deadline(fetcher: Fetcher, there: Elsewhere) -> None:
    there.pages["/slow"] = dripping
    started = asyncio.get_running_loop().time()
    assert await obstacle(fetcher, there.at("/slow")) is Obstacle.TOO_SLOW
    assert asyncio.get_running_loop().time() - started < 2


async def test_what_else_goes_wrong_has_a_name(fetcher: Fetcher, there: Elsewhere) -> None:
    there.pages |= {"/cut": cut_off, "/zip": answer(200, b"x", content_encoding="gzip")}
    there.pages |= {f"/{status}": answer(status) for status in (401, 404, 429, 500)}
    expected = {
        "/cut": Obstacle.CUT_OFF,
        "/zip": Obstacle.ENCODED,
        "/401": Obstacle.DENIED,
        "/404": Obstacle.ABSENT,
        "/429": Obstacle.BUSY,
        "/500": Obstacle.BROKEN,
    }
    assert {path: await obstacle(fetcher, there.at(path)) for path in expected} == expected
    assert await obstacle(fetcher, "http://127.0.0.1:9/") is Obstacle.UNREACHABLE


async def test_cookies_are_not_kept(fetcher: Fetcher, there: Elsewhere) -> None:
    there.pages["/a"] = answer(200, b"x", set_cookie="a=b; Path=/")
    await fetcher.fetch(there.at("/a"))
    await fetcher.fetch(there.at("/a"))
    assert "cookie" not in there.asked[-1]
