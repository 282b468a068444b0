"""Server-sent events (HTML Standard, section 9.2): a page is told *that* something changed, and rereads one GET."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeAlias

from starlette.responses import StreamingResponse

from telehealth.core.errors import Overloaded, Refusal
from telehealth.core.ports import Signals
from telehealth.db.unit import DatabaseFault
from telehealth.http.call import Call
from telehealth.http.credentials import still_acts
from telehealth.http.operation import Documented
from telehealth.http.ports import Authenticator

SWEEP_SECONDS = 2.0
BEAT_SECONDS = 5.0
LIFETIME_SECONDS = 1800.0
MEDIA_TYPE = "text/event-stream"
EVENTS = (Documented(200, MEDIA_TYPE),)
PHASE = random.random()  # noqa: S311 -- no secret: processes that share a database do not sweep in step

Version: TypeAlias = Callable[[], Coroutine[Any, Any, str]]
Present: TypeAlias = Callable[[], Coroutine[Any, Any, str | None]]


class Unknown(Exception):
    """The database could not be asked; that says nothing of what the page shows."""


@dataclass(frozen=True, slots=True)
class Wakes:
    """When a stream looks again: on a wake-up, and at its `phase` (0 to 1) of every interval between sweeps."""

    signals: Signals
    topics: tuple[str, ...]
    phase: float

    def listening(self) -> AbstractAsyncContextManager[AsyncIterator[None]]:
        return self.signals.listen(self.topics)

    async def next(self, bell: AsyncIterator[None]) -> None:
        past = (asyncio.get_running_loop().time() - self.phase * SWEEP_SECONDS) % SWEEP_SECONDS
        try:
            async with asyncio.timeout(SWEEP_SECONDS - past):
                await anext(bell, None)
        except TimeoutError:
            return


def stream(call: Call, topics: tuple[str, ...], version: Version, *, together: bool = False) -> StreamingResponse:
    """One event with `id: <version>` whenever the version differs from the last one sent.

    A wake-up on any topic makes it immediate; the sweep every two seconds makes it true without wake-ups.
    `Last-Event-ID` resumes: a client that already has the present version hears nothing until it changes. A credential
    that no longer holds, or a Refusal raised by `version` (the visit is gone), ends it with `end`. While the database
    is away nothing is said, not even that all is well.

    `together` says that questions for this version asked at the same moment cost as much as one (db.together): such
    streams sweep in step, all others each at a time of its own.
    """
    seen = call.header("last-event-id")

    async def present() -> str | None:
        try:
            return await version() if await still_acts(call.request, call.actor, call.port(Authenticator)) else None
        except (Overloaded, DatabaseFault):
            raise Unknown from None
        except Refusal:
            return None

    phase = PHASE if together else random.random()  # noqa: S311 -- no secret either
    events = _events(Wakes(call.port(Signals), topics, phase), present, seen)
    return StreamingResponse(
        events, media_type=MEDIA_TYPE, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _events(wakes: Wakes, version: Present, seen: str | None) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    ends = loop.time() + LIFETIME_SECONDS  # a stream outlives no deploy and no revoked session for ever
    spoken = loop.time()
    yield b"retry: 1000\n\n"
    async with wakes.listening() as bell:
        while loop.time() < ends:
            try:
                # Shielded: a reader who leaves in the middle of a query must not cost a database connection.
                present = await asyncio.shield(version())
            except Unknown:
                await asyncio.sleep(SWEEP_SECONDS)
                continue
            if present is None:
                yield b"event: end\ndata:\n\n"
                return
            if present != seen:
                seen, spoken = present, loop.time()
                yield f"id: {present}\nevent: change\ndata: {present}\n\n".encode()
            elif loop.time() - spoken > BEAT_SECONDS:
                spoken = loop.time()
                yield b"event: beat\ndata:\n\n"
            await wakes.next(bell)
