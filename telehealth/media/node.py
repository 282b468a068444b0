"""The sessions of a media node: opened with a grant, bounded in number and time, gone without a trace."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.grants import MediaGrant, MediaSessionId
from telehealth.media.echo import OPUS_CLOCK_RATE, EchoPeer, Protection
from telehealth.media.guard import protect
from telehealth.media.malformed import Malformed
from telehealth.media.schemas import AudioView, Health, ProbeView, SessionView


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds for a whole session, its connection and its answer; sessions at one time, in all and of one person."""

    session: float = 60.0
    setup: float = 15.0
    negotiation: float = 5.0
    sessions: int = 100
    sessions_each: int = 5


DEFAULT_LIMITS = Limits()


class OfferMalformed(Refusal):
    kind, slug, title = Kind.MALFORMED, "offer-malformed", "The session description cannot be used"


class SessionExists(Refusal):
    kind, slug, title = Kind.CONFLICT, "session-exists", "That session is already open"


class NodeFull(Refusal):
    kind: ClassVar[Kind] = Kind.BUSY
    slug, title = "node-full", "The media node takes no more work now"


class NodeMisplaced(Refusal):
    """TELEHEALTH_MEDIA_HOST is no address of this machine."""

    kind, slug, title = Kind.AWAY, "node-misplaced", "The media node cannot be reached by media"


class Session:
    """One person's network check. The peer closes with it at the latest; its figures stay until then."""

    def __init__(self, grant: MediaGrant, *, host: str, limits: Limits, protection: Protection) -> None:
        self.sub = grant.sub
        self._limits = limits
        self._id = grant.session
        self._life: asyncio.Task[None] | None = None
        self._born = asyncio.get_running_loop().time()
        self._ended = asyncio.Event()
        self._peer = EchoPeer(host=host, ended=self._ended.set, protection=protection)

    async def answer(self, sdp: str) -> str:
        async with asyncio.timeout(self._limits.negotiation):
            return await self._peer.answer(sdp)

    @property
    def established(self) -> bool:
        return self._life is not None

    def start(self, over: Callable[[], None]) -> None:
        """Lets the session's time run; `over` is called at its end."""
        self._life = asyncio.create_task(self._live())
        self._life.add_done_callback(lambda _: over())

    async def _live(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.session):
                await self._media()
                await asyncio.Event().wait()  # media is over; the figures can still be read

    async def _media(self) -> None:
        try:
            async with asyncio.timeout(self._limits.setup):
                await self._peer.connected.wait()
            await self._ended.wait()
        except TimeoutError:
            pass
        finally:
            await self._peer.close()

    async def close(self) -> None:
        """Ends the session. Closes the peer here too: a task cancelled before its first step runs nothing."""
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])
        await self._peer.close()

    def view(self) -> SessionView:
        figures, audio = self._peer.probes.figures(), self._peer.audio
        return SessionView(
            session=self._id,
            state=self._peer.state,
            age_s=round(asyncio.get_running_loop().time() - self._born, 3),
            probes=ProbeView(
                received=figures.received,
                lost=figures.lost,
                loss=figures.loss,
                rtt_ms=figures.rtt_ms,
                jitter_ms=figures.jitter_ms,
            ),
            audio=audio
            and AudioView(
                packets=audio.packets_received, lost=audio.packets_lost, jitter_ms=audio.jitter * 1000 / OPUS_CLOCK_RATE
            ),
            drops={reason.value: count for reason, count in self._peer.guard.drops.items()},
            verdict=figures.verdict,
        )


class MediaNode:
    """Answers offers at the address `host`. All methods run in one event loop."""

    def __init__(self, host: str, *, limits: Limits = DEFAULT_LIMITS, protection: Protection = protect) -> None:
        self._host = host
        self._limits = limits
        self._protection = protection
        self._sessions: dict[MediaSessionId, Session] = {}

    async def open(self, grant: MediaGrant, sdp: str) -> str:
        """The SDP answer. Raises SessionExists, NodeFull, OfferMalformed or NodeMisplaced."""
        if grant.session in self._sessions:
            raise SessionExists
        held = sum(session.sub == grant.sub for session in self._sessions.values())
        if len(self._sessions) >= self._limits.sessions or held >= self._limits.sessions_each:
            raise NodeFull
        session = Session(grant, host=self._host, limits=self._limits, protection=self._protection)
        self._sessions[grant.session] = session
        try:
            answer = await session.answer(sdp)
        except (Malformed, OSError, asyncio.CancelledError) as error:
            del self._sessions[grant.session]
            await session.close()
            match error:
                case Malformed() | TimeoutError():
                    raise OfferMalformed from None
                case OSError():
                    raise NodeMisplaced from None
                case _:
                    raise
        session.start(lambda: self._forget(grant.session, session))
        return answer

    def _forget(self, name: MediaSessionId, session: Session) -> None:
        if self._sessions.get(name) is session:
            del self._sessions[name]

    def view(self, grant: MediaGrant) -> SessionView:
        """The figures so far. Raises NotFound."""
        return self._find(grant).view()

    async def close(self, grant: MediaGrant) -> None:
        """Ends the session at once. Raises NotFound."""
        await self._find(grant).close()

    def health(self) -> Health:
        count, most = len(self._sessions), self._limits.sessions
        return Health(status="full" if count >= most else "ok", sessions=count, most_sessions=most)

    async def shut_down(self) -> None:
        await asyncio.gather(*(session.close() for session in self._sessions.values()))

    def _find(self, grant: MediaGrant) -> Session:
        session = self._sessions.get(grant.session)
        if session is None or session.sub != grant.sub or not session.established:
            raise NotFound
        return session
