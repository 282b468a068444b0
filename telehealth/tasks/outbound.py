"""Trips outside over HTTP: the only module that imports httpx. Limits, deadlines and trust are set here.

No redirects, no proxies from the environment, TLS verified, a deadline on the whole exchange (httpx's own timeouts
restart with every byte: a slow drip outlived `timeout=1` by ten seconds) and a cap on what is read.

`Fetcher` reads addresses that people typed in, and `Courier` posts to those that browsers brought. Whoever brings one
must not reach what only this machine can reach (CWE-918): every address is resolved first, must be public, and is the
very one that is then connected to; the same holds for each redirect.
"""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.cookiejar import CookieJar, DefaultCookiePolicy
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import httpx

MEBIBYTE = 1024 * 1024
DEADLINE = 10.0
LONGEST_PAUSE = timedelta(days=1)


class NotSent(Exception):
    """The request did not leave this machine: nothing can have happened at the other end."""


class NobodyThere(NotSent):
    """The machine is there and says that nobody listens at that port."""


class NotAllowed(NotSent):
    """That address is not anyone's to reach, or is not https: no request will ever be sent there."""


class NoAnswer(Exception):
    """The request may have arrived and may have been acted on: nobody knows until someone looks."""


class NotJson(Exception):
    """The answer was promised to be JSON and is not."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> object:
        """The body as JSON. Raises NotJson, which never shows the body."""
        try:
            value: object = json.loads(self.body)
        except (ValueError, RecursionError):
            raise NotJson from None
        return value

    def retry_after(self, now: datetime) -> timedelta | None:
        """How long it asks to be left alone, a day at most (RFC 9110, section 10.2.3: seconds or a date)."""
        given = self.headers.get("retry-after", "").strip()
        if given.isascii() and given.isdigit():
            return min(timedelta(seconds=int(given[:9])), LONGEST_PAUSE)
        try:
            at = parsedate_to_datetime(given)
        except ValueError:
            return None
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max(aware - now, timedelta()), LONGEST_PAUSE)


class Outbound:
    """An HTTP client for one process. Connections belong to the event loop that opened them."""

    def __init__(self, client: httpx.AsyncClient, *, deadline: float, max_bytes: int) -> None:
        self._client = client
        self._deadline = deadline
        self._max_bytes = max_bytes

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Reply:
        """One exchange, whatever its status. Raises NotSent or NoAnswer."""
        try:
            async with asyncio.timeout(self._deadline):
                request = self._client.build_request(
                    method, url, headers=headers, content=content, data=form, params=query
                )
                return await self._exchange(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol) as error:
            raise (NobodyThere if _is_refused(error) else NotSent)(type(error).__name__) from None
        except httpx.InvalidURL:
            raise NotSent("InvalidURL") from None
        except (httpx.HTTPError, TimeoutError) as error:
            raise NoAnswer(type(error).__name__) from None

    async def _exchange(self, request: httpx.Request) -> Reply:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    raise NoAnswer("TooLong")
            return Reply(response.status_code, dict(response.headers), bytes(body))
        finally:
            await response.aclose()


def _is_refused(error: BaseException | None) -> bool:
    """Whether every attempt to connect was refused; httpx wraps what the system said several times."""
    match error:
        case None:
            return False
        case ConnectionRefusedError():
            return True
        case BaseExceptionGroup():
            return all(_is_refused(each) for each in error.exceptions)
        case _:
            return _is_refused(error.__cause__ or error.__context__)


Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
HOPS = 5
REDIRECTS = frozenset({301, 302, 303, 307, 308})
TRANSLATED = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))  # RFC 6052, RFC 8215: an IPv4 address inside


class Obstacle(StrEnum):
    """Why an address that somebody typed in could not be read."""

    BAD_ADDRESS = "bad_address"
    UNRESOLVED = "unresolved"
    PRIVATE_ADDRESS = "private_address"
    UNREACHABLE = "unreachable"
    REDIRECT_LOOP = "redirect_loop"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    INSECURE_REDIRECT = "insecure_redirect"
    TOO_LARGE = "too_large"
    TOO_SLOW = "too_slow"
    CUT_OFF = "cut_off"
    ENCODED = "encoded"
    DENIED = "denied"
    ABSENT = "absent"
    BUSY = "busy"
    BROKEN = "broken"


class NotFetched(Exception):
    """`obstacle` says why; the text never shows the address."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was read; `body` is None when it is as it was (304). `etag` and `modified` go into the next question."""

    body: bytes | None
    etag: str | None
    modified: str | None


class Fetcher:
    """Reads what is public. `also` are networks that may be read from although they are not."""

    def __init__(
        self, client: httpx.AsyncClient, *, deadline: float, max_bytes: int, also: Sequence[Network] = ()
    ) -> None:
        self._client = client
        self._deadline = deadline
        self._max_bytes = max_bytes
        self._also = also

    async def fetch(self, url: str, *, etag: str | None = None, modified: str | None = None) -> Fetched:
        """GET, conditional when there is something to compare with (RFC 9110, section 13). Raises NotFetched."""
        asked = {"accept": "text/calendar, */*;q=0.1", "accept-encoding": "identity"}
        asked |= {"if-none-match": etag} if etag else {}
        asked |= {"if-modified-since": modified} if modified else {}
        try:
            async with asyncio.timeout(self._deadline):
                return await self._follow(httpx.URL(url), asked)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise NotFetched(Obstacle.BAD_ADDRESS) from None
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise NotFetched(Obstacle.UNREACHABLE) from None
        except (httpx.TimeoutException, TimeoutError):
            raise NotFetched(Obstacle.TOO_SLOW) from None
        except httpx.HTTPError:
            raise NotFetched(Obstacle.CUT_OFF) from None

    async def _follow(self, url: httpx.URL, asked: Mapping[str, str]) -> Fetched:
        seen: set[httpx.URL] = set()
        for _hop in range(HOPS + 1):
            if url in seen:
                raise NotFetched(Obstacle.REDIRECT_LOOP)
            seen.add(url)
            response = await self._open(url, asked)
            try:
                if response.status_code not in REDIRECTS or "location" not in response.headers:
                    return await self._read(response)
                following = url.join(response.headers["location"]).copy_with(fragment=None)
            finally:
                await response.aclose()
            if url.scheme == "https" and following.scheme == "http":
                raise NotFetched(Obstacle.INSECURE_REDIRECT)
            url = following
        raise NotFetched(Obstacle.TOO_MANY_REDIRECTS)

    async def _open(self, url: httpx.URL, asked: Mapping[str, str]) -> httpx.Response:
        """Connect to the address that was looked at, under the name that was asked for: nobody resolves it again."""
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise NotFetched(Obstacle.BAD_ADDRESS)
        address = await resolved(url, self._also)
        request = self._client.build_request(
            "GET",
            url.copy_with(host=str(address)),
            headers={**asked, "host": url.netloc.decode("ascii")},
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        return await self._client.send(request, stream=True)

    async def _read(self, response: httpx.Response) -> Fetched:
        headers, status = response.headers, response.status_code
        kept = headers.get("etag", "")[:200] or None, headers.get("last-modified", "")[:100] or None
        if status == httpx.codes.NOT_MODIFIED:
            return Fetched(None, *kept)
        if status != httpx.codes.OK:
            raise NotFetched(_obstacle(status))
        if headers.get("content-encoding", "identity") != "identity":
            raise NotFetched(Obstacle.ENCODED)  # a kilobyte may unfold into a gigabyte
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            raise NotFetched(Obstacle.TOO_LARGE)
        body = bytearray()
        async for chunk in response.aiter_raw(64 * 1024):
            body += chunk
            if len(body) > self._max_bytes:
                raise NotFetched(Obstacle.TOO_LARGE)
        return Fetched(bytes(body), *kept)


class Courier(Outbound):
    """Posts to what is public, by TLS. `also` are networks that may be posted to although they are not, in clear too.

    Raises NotAllowed for any other address.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, deadline: float, max_bytes: int, also: Sequence[Network] = ()
    ) -> None:
        super().__init__(client, deadline=deadline, max_bytes=max_bytes)
        self._also = also

    def may_post_to(self, url: str) -> bool:
        """Whether that may be the address of anyone's machine; a name is looked up when something is sent."""
        try:
            parts = httpx.URL(url)
            address = ip_address(parts.host)
        except httpx.InvalidURL:
            return False
        except ValueError:
            return parts.scheme == "https" and "." in parts.host and not parts.userinfo
        known = any(address in each for each in self._also)
        return parts.scheme in ("https", "http") and (known or (is_public(address) and parts.scheme == "https"))

    async def _exchange(self, request: httpx.Request) -> Reply:
        """Under the name that was asked for, to the address that was looked at."""
        url = request.url
        if url.scheme not in ("http", "https") or not url.host or url.userinfo:
            raise NotAllowed(Obstacle.BAD_ADDRESS.value)
        try:
            address = await resolved(url, self._also)
        except NotFetched as error:
            private = error.obstacle is Obstacle.PRIVATE_ADDRESS
            raise (NotAllowed if private else NotSent)(error.obstacle.value) from None
        if url.scheme == "http" and not any(address in each for each in self._also):
            raise NotAllowed(Obstacle.BAD_ADDRESS.value)
        request.url = url.copy_with(host=str(address))
        request.extensions["sni_hostname"] = url.raw_host.decode("ascii")
        return await super()._exchange(request)


async def resolved(url: httpx.URL, also: Sequence[Network]) -> Address:
    """The first address of its host, when all of them are public or in one of these networks. Raises NotFetched."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        addresses = [ip_address(str(each[4][0])) for each in found]
    except (OSError, ValueError):
        raise NotFetched(Obstacle.UNRESOLVED) from None
    if not addresses or not all(is_public(each) or any(each in net for net in also) for each in addresses):
        raise NotFetched(Obstacle.PRIVATE_ADDRESS)
    return addresses[0]


def is_public(address: Address) -> bool:
    """Whether it is anyone's to reach, and so is the IPv4 address that it may hold inside."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if any(address in network for network in TRANSLATED):
            inner = IPv4Address(int(address) & 0xFFFF_FFFF)
        if inner:
            return is_public(inner) and address.teredo is None
        if address.scope_id is not None:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks such as 10.20.0.0/16, separated by spaces. Raises ValueError."""
    return tuple(ip_network(each) for each in text.split())


def _obstacle(status: int) -> Obstacle:
    match status:
        case 401 | 403 | 407:
            return Obstacle.DENIED
        case 404 | 410:
            return Obstacle.ABSENT
        case 408 | 425 | 429 | 503:
            return Obstacle.BUSY
        case _:
            return Obstacle.BROKEN


@asynccontextmanager
async def open_fetcher(
    *, deadline: float = 15, max_bytes: int = 10 * MEBIBYTE, also: Sequence[Network] = ()
) -> AsyncIterator[Fetcher]:
    """`deadline` is in seconds for all hops together. Nothing is kept between reads: no connection, no cookie."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    async with httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(deadline, connect=min(deadline, 5)),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        limits=httpx.Limits(max_connections=20, max_keepalive_connections=0),
        headers={"user-agent": "telehealth"},
    ) as client:
        yield Fetcher(client, deadline=deadline, max_bytes=max_bytes, also=also)


@asynccontextmanager
async def open_client(
    *, deadline: float = DEADLINE, max_bytes: int = 4 * MEBIBYTE, connections: int = 20
) -> AsyncIterator[Outbound]:
    """A client with its limits; `deadline` is in seconds for one whole exchange."""
    async with _client(deadline, connections) as client:
        yield Outbound(client, deadline=deadline, max_bytes=max_bytes)


@asynccontextmanager
async def open_courier(
    *, deadline: float = DEADLINE, connections: int = 20, also: Sequence[Network] = ()
) -> AsyncIterator[Courier]:
    """The same for addresses that browsers brought. No connection is kept: two names may have one address."""
    async with _client(deadline, connections, kept=0) as client:
        yield Courier(client, deadline=deadline, max_bytes=64 * 1024, also=also)


def _client(deadline: float, connections: int, *, kept: int | None = None) -> httpx.AsyncClient:
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs whole addresses, identifiers included
    return httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(deadline, connect=min(deadline, 5)),
        limits=httpx.Limits(
            max_connections=connections,
            max_keepalive_connections=connections if kept is None else kept,
            keepalive_expiry=2,  # many a server closes after 5, and who asks in that moment has no answer
        ),
        headers={"user-agent": "telehealth"},
    )
