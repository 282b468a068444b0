"""Trips outside over HTTP: the only module that imports httpx. Limits, deadlines and trust are set here.

No redirects, no proxies from the environment, TLS verified, a deadline on the whole exchange (httpx's own timeouts
restart with every byte: a slow drip outlived `timeout=1` by ten seconds) and a cap on what is read.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

MEBIBYTE = 1024 * 1024


class NotSent(Exception):
    """The request did not leave this machine: nothing can have happened at the other end."""


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
            raise NotSent(type(error).__name__) from None
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


@asynccontextmanager
async def open_client(
    *, deadline: float = 10, max_bytes: int = 4 * MEBIBYTE, connections: int = 20
) -> AsyncIterator[Outbound]:
    """A client with its limits; `deadline` is in seconds for one whole exchange."""
    logging.getLogger("httpx").setLevel(logging.WARNING)  # at INFO it logs whole addresses, identifiers included
    async with httpx.AsyncClient(
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(deadline, connect=min(deadline, 5)),
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=5),
        headers={"user-agent": "telehealth"},
    ) as client:
        yield Outbound(client, deadline=deadline, max_bytes=max_bytes)
