"""A conversation by long polling: the same messages, where no WebSocket gets through. PROTOCOL.md tells the turns.

Nothing of it lives in a process: the ticket opens every turn, and the seat knows it by a name made from the ticket.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Kind, Refusal
from telehealth.http.call import Kit
from telehealth.video.conversation import Conversation, Message
from telehealth.video.language import Bye
from telehealth.video.ports import Delivery, RoomBus
from telehealth.video.rules import VisitOver
from telehealth.video.said import Hello, Ping, read_hello, read_said
from telehealth.video.schemas import Poll, Polled
from telehealth.video.service import poll_on, redeem_ticket
from telehealth.video.signalling import stop

ROUNDS, ROUND_SECONDS = 3, 5.0  # a beat in each: the seat must not fall silent while its poll waits
GATHER_SECONDS = 0.02  # what comes together is told together


class NoHello(Refusal):
    kind, slug, title = Kind.MALFORMED, "no-hello", "A conversation begins with a hello for the same ticket, alone"


async def poll(kit: Kit, body: Poll) -> Polled:
    """One turn. Raises TicketInvalid, NotAdmitted, VisitOver, NotFound, SeatTaken, RoomFull, RoomsAway, NoHello."""
    if body.after is None:
        return await _begin(kit, body)
    entry = await kit.unit_of_work.run(poll_on, SYSTEM, body.ticket)
    turn = Turn(Conversation(kit, entry, _name(body.ticket), _nowhere), kit, body.after)
    return await turn.take(body.messages)


async def _begin(kit: Kit, body: Poll) -> Polled:
    hello = read_hello(body.messages[0]) if len(body.messages) == 1 else None
    if hello is None or hello.ticket != body.ticket:
        raise NoHello
    entry = await kit.unit_of_work.run(redeem_ticket, SYSTEM, body.ticket, polling=True)
    turn = Turn(Conversation(kit, entry, _name(body.ticket), _nowhere), kit, 0)
    return await turn.welcome(hello)


class Turn:
    """What one poll says and hears."""

    def __init__(self, conversation: Conversation, kit: Kit, after: int) -> None:
        self._conversation, self._bus = conversation, kit.ports.get(RoomBus)
        self._after, self._heard = after, list[Message]()
        conversation.tell_by(self._hear)

    async def welcome(self, hello: Hello) -> Polled:
        """The seat, and what was missed since the last time."""
        welcome = await self._conversation.arrive(hello.resumption())
        self._heard.append(welcome)
        self._after = hello.resume.last_seq if hello.resume and welcome["resumed"] else welcome["seq"]
        while self._after < welcome["seq"]:
            await self._listen(GATHER_SECONDS, known=welcome["seq"])
        return Polled(messages=self._heard, after=self._after)

    async def take(self, messages: list[Message]) -> Polled:
        """Say what there is to say, then wait for something to hear."""
        await self._conversation.sit_again()
        keeping = {asyncio.create_task(each) for each in self._conversation.keepers()}
        try:
            if not await self._say(messages):
                await self._wait()
        except VisitOver:
            self._heard.append({"type": "bye", "reason": "ended"})
        finally:
            await stop(keeping)
            await self._conversation.keep_minute()
        return Polled(messages=self._heard, after=self._after)

    async def _say(self, messages: list[Message]) -> bool:
        """Whether that was the end."""
        for message in messages:
            said = read_said(message)
            if said is None:
                self._heard.append({"type": "error", "code": "invalid-message"})
            elif isinstance(said, Ping):
                self._heard.append({"type": "pong"})
            else:
                command = said.command()
                await self._conversation.say(command)
                if isinstance(command, Bye):
                    return True
        return False

    async def _wait(self) -> None:
        for _ in range(ROUNDS):
            await self._conversation.beat()
            await self._listen(GATHER_SECONDS if self._heard else ROUND_SECONDS)
            if self._heard:
                return

    async def _listen(self, seconds: float, *, known: int = 0) -> None:
        """Until something is heard and nothing follows it at once, or the time is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        async with self._bus.follow(self._conversation.visit_id, self._after) as deliveries:
            following = True
            while following:
                delivery = await _next(deliveries, until - loop.time())
                following = delivery is not None
                if delivery is not None:
                    self._after = delivery.seq
                    if self._conversation.hears(delivery, known):
                        self._heard.append(dict(delivery.message))
                        until = loop.time() + GATHER_SECONDS

    async def _hear(self, message: Message) -> None:
        self._heard.append(message)


async def _next(deliveries: AsyncGenerator[Delivery, None], seconds: float) -> Delivery | None:
    """The next one, if it comes in time; afterwards nothing more can be had here."""
    coming = asyncio.ensure_future(anext(deliveries))
    try:
        done, _ = await asyncio.wait({coming}, timeout=max(0.0, seconds))
    finally:
        if not coming.done():
            await stop({coming})
    return coming.result() if done else None


async def _nowhere(_: Message) -> None:
    """Until there is a turn to carry it."""


def _name(ticket: str) -> str:
    """The connection that a ticket stands for. Whoever learns it has no ticket."""
    return hashlib.sha256(b"poll " + ticket.encode()).hexdigest()[:24]
