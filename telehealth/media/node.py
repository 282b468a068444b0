"""The sessions of the pre-call check: opened with a grant, bounded in number and time, gone without a trace."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.grants import MediaGrant, MediaSessionId
from telehealth.media.answer import Local, render
from telehealth.media.bandwidth import AT_ONCE
from telehealth.media.echo import CheckTransport, EchoPeer
from telehealth.media.malformed import Malformed
from telehealth.media.mux import Allowance, Mux
from telehealth.media.schemas import Health, ProbeView, SessionView
from telehealth.media.sections import read_offer
from telehealth.media.secure import Certificate
from telehealth.media.transport import Patience


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds for a whole session and its connection; connections at one time, in all and of one person; datagrams a
    second of all checks together.
    """

    session: float = 60.0
    setup: float = 15.0
    sessions: int = 100
    sessions_each: int = 8
    datagrams: int = 1500


DEFAULT_LIMITS = Limits()


class OfferMalformed(Refusal):
    kind, slug, title = Kind.MALFORMED, "offer-malformed", "The session description cannot be used"


class SessionExists(Refusal):
    kind, slug, title = Kind.CONFLICT, "session-exists", "That session is already open"


class NodeFull(Refusal):
    kind: ClassVar[Kind] = Kind.BUSY
    slug, title = "node-full", "The media node takes no more work now"


class Session:
    """One person's network check. The connection closes with it at the latest; its figures stay until then."""

    def __init__(self, grant: MediaGrant, peer: EchoPeer, transport: CheckTransport) -> None:
        self.sub, self.peer, self.transport = grant.sub, peer, transport
        self._id = grant.session
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self._life: asyncio.Task[None] | None = None

    @property
    def live(self) -> bool:
        """Whether it has a connection, or may still get one."""
        return self.transport.ending is None

    def start(self, longest: float, over: Callable[[], None]) -> None:
        """Lets the session's time run; `over` is called at its end."""
        self.transport.start()
        self._life = asyncio.create_task(asyncio.sleep(longest))
        self._life.add_done_callback(lambda _: over())

    async def close(self) -> None:
        if self._life is not None:
            self._life.cancel()
        await self.transport.close()

    def view(self) -> SessionView:
        figures = self.peer.probes.figures()
        return SessionView(
            session=self._id,
            state=self.transport.state,
            age_s=round(self._loop.time() - self._born, 3),
            probes=ProbeView(
                received=figures.received,
                lost=figures.lost,
                loss=figures.loss,
                rtt_ms=figures.rtt_ms,
                jitter_ms=figures.jitter_ms,
            ),
            audio=self.peer.audio,
            verdict=figures.verdict,
        )


class MediaNode:
    """The checks of a node. All methods run in the event loop of the sockets in `mux`, which the rooms share."""

    def __init__(self, mux: Mux, *, limits: Limits = DEFAULT_LIMITS) -> None:
        self._mux, self._limits = mux, limits
        self._sessions: dict[MediaSessionId, Session] = {}
        self._certificate = Certificate.generateCertificate()
        self._allowance = Allowance(limits.datagrams)
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._closing: set[asyncio.Task[None]] = set()

    def open(self, grant: MediaGrant, sdp: str) -> str:
        """The answer to that offer. Raises SessionExists, NodeFull or OfferMalformed."""
        if grant.session in self._sessions:
            raise SessionExists
        live = [each for each in self._sessions.values() if each.live]
        if len(live) >= self._limits.sessions:
            raise NodeFull
        if sum(each.sub == grant.sub for each in live) >= self._limits.sessions_each:
            raise NodeFull
        try:
            session, answer = self._make(grant, sdp)
        except Malformed:
            raise OfferMalformed from None
        self._sessions[grant.session] = session
        session.start(self._limits.session, lambda: self._over(grant.session, session))
        return answer

    def _make(self, grant: MediaGrant, sdp: str) -> tuple[Session, str]:
        offer = read_offer(sdp)
        peer = EchoPeer(offer, turns=self._turns)
        replies = peer.replies(offer)
        transport = CheckTransport(
            self._mux,
            peer,
            certificate=self._certificate,
            remote=offer.remote,
            patience=Patience(setup=self._limits.setup),
            allowance=self._allowance,
        )
        local = Local(
            fragment=transport.fragment,
            password=transport.pwd,
            fingerprints=transport.fingerprints,
            addresses=self._mux.addresses,
            session=secrets.randbits(40),
        )
        return Session(grant, peer, transport), render(offer, replies, local)

    def _over(self, name: MediaSessionId, session: Session) -> None:
        """Its time is over, or it was closed."""
        if self._sessions.get(name) is session:
            del self._sessions[name]
        task = asyncio.create_task(session.transport.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def view(self, grant: MediaGrant) -> SessionView:
        """The figures so far. Raises NotFound."""
        return self._find(grant).view()

    async def close(self, grant: MediaGrant) -> None:
        """Ends the session at once. Raises NotFound."""
        await self._find(grant).close()

    def health(self) -> Health:
        count, most = sum(each.live for each in self._sessions.values()), self._limits.sessions
        return Health(status="full" if count >= most else "ok", sessions=count, most_sessions=most)

    async def shut_down(self) -> None:
        await asyncio.gather(*(session.close() for session in self._sessions.values()))
        await asyncio.gather(*self._closing)

    def _find(self, grant: MediaGrant) -> Session:
        session = self._sessions.get(grant.session)
        if session is None or session.sub != grant.sub:
            raise NotFound
        return session
