"""Server-sent events (HTML Standard, section 9.2): a page is told *that* something changed, and rereads one GET."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.responses import StreamingResponse

from telehealth.core.errors import Refusal
from telehealth.core.ports import Signals
from telehealth.http.call import Call
from telehealth.http.credentials import still_acts
from telehealth.http.operation import Documented
from telehealth.http.ports import Authenticator

SWEEP_SECONDS = 2.0
BEAT_SECONDS = 10.0
LIFETIME_SECONDS = 1800.0
MEDIA_TYPE = "text/event-stream"
EVENTS = (Documented(200, MEDIA_TYPE),)


def stream(call: Call, topics: tuple[str, ...], version: Callable[[], Coroutine[Any, Any, str]]) -> StreamingResponse:
    """One event with `id: <version>` whenever the version differs from the last one sent.

    A wake-up on any topic makes it immediate; the sweep every two seconds makes it true without wake-ups.
    `Last-Event-ID` resumes: a client that already has the present version hears nothing until it changes.
    A credential that no longer holds, or a Refusal raised by `version` (the visit is gone), ends it with `end`.
    """
    seen = call.header("last-event-id")

    async def present() -> str | None:
        try:
            return await version() if await still_acts(call.request, call.actor, call.port(Authenticator)) else None
        except Refusal:
            return None

    events = _events(call.port(Signals), topics, present, seen)
    return StreamingResponse(
        events, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _events(
    signals: Signals, topics: tuple[str, ...], version: Callable[[], Coroutine[Any, Any, str | None]], seen: str | None
) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + LIFETIME_SECONDS  # a stream outlives no deploy and no revoked session for ever
    beat = loop.time()
    yield b"retry: 1000\n\n"
    async with signals.listen(topics) as wakes:
        while loop.time() < ends:
            # Shielded: a reader who leaves in the middle of a query must not cost a database connection.
            present = await asyncio.shield(version())
            if present is None:
                yield b"event: end\ndata:\n\n"
                return
            if present != seen:
                seen = present
                yield f"id: {present}\nevent: change\ndata: {present}\n\n".encode()
                beat = loop.time()
            elif loop.time() - beat > BEAT_SECONDS:
                yield b"event: beat\ndata:\n\n"
                beat = loop.time()
            await _next_wake(wakes)


async def _next_wake(wakes: AsyncIterator[None]) -> None:
    try:
        async with asyncio.timeout(SWEEP_SECONDS):
            await anext(wakes, None)
    except TimeoutError:
        return
