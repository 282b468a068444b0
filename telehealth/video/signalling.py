"""One conversation with one browser: carries messages between its socket and its room. PROTOCOL.md tells the words."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import NotFound
from telehealth.core.ports import Signals
from telehealth.http.socket import CloseCode, Closed, Socket
from telehealth.video.ports import Delivery, IceServers, RoomBus, RoomsAway
from telehealth.video.room import Room, Together
from telehealth.video.rules import (
    Answer,
    Arrived,
    Beat,
    Bye,
    Dropped,
    Event,
    NoSeat,
    NotAdmitted,
    Said,
    SeatTaken,
    Taken,
    VisitOver,
)
from telehealth.video.schemas import Hello, Ping, read_hello, read_said
from telehealth.video.service import Entry, redeem_ticket, settle_media, still_open
from telehealth.video.turn import RENEW_AFTER, ice_servers
from telehealth.visits.lifecycle.events import visit_topic
from telehealth.visits.lifecycle.queries import visit_version
from telehealth.visits.lifecycle.rules import NotNow, VisitStatus

BEAT_SECONDS = 5.0
CANCEL_SECONDS = 0.2
MOST_FAULTS = 20
LAST_COMMAND = 2**53  # after every number a browser can count to
TO_TELL: Mapping[Together, frozenset[VisitStatus]] = {
    Together.NOT_YET: frozenset(),
    Together.CONNECTED: frozenset({VisitStatus.ADMITTING, VisitStatus.INTERRUPTED}),
    Together.LOST: frozenset({VisitStatus.IN_PROGRESS}),
}


async def signalling(socket: Socket) -> None:
    """/v1/signalling, from the first message to the last."""
    hello = read_hello(await socket.hello())
    if hello is None:
        raise Closed(CloseCode.MALFORMED)
    entry = await socket.kit.unit_of_work.run(redeem_ticket, SYSTEM, hello.ticket)
    conversation = Conversation(socket, entry)
    try:
        await conversation.hold(hello)
    except VisitOver:
        await socket.send({"type": "bye", "reason": "ended"})
        raise
    finally:
        await conversation.drop()


class Conversation:
    """Its socket, its place in the room, and what it last knew of its visit."""

    def __init__(self, socket: Socket, entry: Entry) -> None:
        self._socket, self._entry = socket, entry
        self._unit_of_work = socket.kit.unit_of_work
        self._bus = socket.kit.ports.get(RoomBus)
        self._connection, self._session = secrets.token_urlsafe(12), secrets.token_urlsafe(12)
        self._visit, self._admitted = entry.visit, True
        self._credentials_at = self._now()
        self._bell = asyncio.Event()
        self._faults = 0

    async def hold(self, hello: Hello) -> None:
        """Until either side ends it, which is an exception: Closed, or the Refusal that says why."""
        welcome = await self._arrive(hello)
        self._session = welcome["session"]
        await self._socket.send({**welcome, "ice_servers": self._ice_servers()})
        missed_from = hello.resume.last_seq if hello.resume and welcome["resumed"] else welcome["seq"]
        async with self._bus.follow(self._visit.id, missed_from) as deliveries:
            await _until_first_ends(self._listen(), self._deliver(deliveries, welcome["seq"]), self._watch())

    async def drop(self) -> None:
        """The socket is gone. The seat stays for a while, and media do not notice; unless the last one hung up."""
        with suppress(RoomsAway, NotNow):
            outcome = await self._bus.apply(self._visit.id, Dropped(self._now(), self._connection))
            if outcome.room.together is Together.LOST:
                await self._unit_of_work.run(settle_media, SYSTEM, self._visit.id, Together.LOST)

    async def _arrive(self, hello: Hello) -> dict[str, Any]:
        arrived = Arrived(
            self._now(),
            self._connection,
            self._session,
            self._entry.actor.role,
            self._entry.holder_id,
            self._admitted,
            hello.resumption(),
        )
        outcome = await self._bus.apply(self._visit.id, arrived)
        for effect in outcome.effects:
            if isinstance(effect, Answer):
                return dict(effect.message)
        raise SeatTaken

    async def _listen(self) -> None:
        while True:
            said = read_said(await self._socket.receive())
            if said is None:
                await self._object()
            elif isinstance(said, Ping):
                await self._socket.send({"type": "pong"})
            else:
                command = said.command()
                room = await self._apply(Said(self._now(), self._connection, command))
                if isinstance(command, Bye):
                    raise Closed
                await self._tell_visit(room)

    async def _object(self) -> None:
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise Closed(CloseCode.MALFORMED)
        await self._socket.send({"type": "error", "code": "invalid-message"})

    async def _deliver(self, deliveries: AsyncGenerator[Delivery, None], known: int) -> None:
        async for delivery in deliveries:
            if delivery.to == self._connection:
                await self._socket.send(dict(delivery.message))
                raise Closed(CloseCode.CONFLICT)
            old_news = delivery.seq <= known and delivery.message["type"] == "state"  # the welcome was newer
            if delivery.to == self._session and not old_news:
                await self._socket.send(dict(delivery.message))

    async def _hear(self) -> None:
        """What happens to the visit, from any process. Missing it costs one beat."""
        async with self._socket.kit.ports.get(Signals).listen((visit_topic(self._visit.id),)) as wakes:
            async for _ in wakes:
                self._bell.set()

    async def _watch(self) -> None:
        hearing = asyncio.create_task(self._hear())
        try:
            await self._beat()
        finally:
            hearing.cancel()

    async def _beat(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._bell.wait()
            self._bell.clear()
            await self._look()
            await self._tell_visit(await self._apply(Beat(self._now(), self._connection, self._admitted)))
            if self._now() - self._credentials_at > RENEW_AFTER:
                await self._socket.send({"type": "ice", "ice_servers": self._ice_servers()})

    async def _look(self) -> None:
        """Whether the visit still lets this person in: an ended visit ends the conversation, and so does whoever puts
        a participant out.
        """
        actor, visit_id = self._entry.actor, self._visit.id
        try:
            version = await self._unit_of_work.run(visit_version, actor, visit_id)
        except NotFound:
            await self._leave_for_good()
            raise
        if version == str(self._visit.revision):
            return
        try:
            self._visit = await self._unit_of_work.run(still_open, actor, visit_id)
            self._admitted = True
        except NotAdmitted:
            self._admitted = False

    async def _leave_for_good(self) -> None:
        """As if they had hung up: the other side sees nobody, and closes what connects it to them."""
        with suppress(RoomsAway):
            await self._bus.apply(self._visit.id, Said(self._now(), self._connection, Bye(LAST_COMMAND)))

    async def _tell_visit(self, room: Room) -> None:
        if self._visit.status in TO_TELL[room.together]:
            with suppress(NotNow):  # the other side's conversation was faster
                self._visit = await self._unit_of_work.run(settle_media, SYSTEM, self._visit.id, room.together)

    async def _apply(self, event: Event) -> Room:
        outcome = await self._bus.apply(self._visit.id, event)
        for effect in outcome.effects:
            match effect:
                case Answer(message):
                    await self._socket.send(dict(message))
                case NoSeat():
                    raise RoomsAway
                case Taken():
                    raise SeatTaken
        return outcome.room

    def _ice_servers(self) -> list[dict[str, Any]]:
        self._credentials_at = self._now()
        servers = self._socket.kit.ports.get(IceServers)
        return [each.model_dump() for each in ice_servers(servers, self._entry.holder_id, self._credentials_at)]

    def _now(self) -> datetime:
        return self._unit_of_work.clock.now()


async def _until_first_ends(*jobs: Coroutine[Any, Any, None]) -> None:
    tasks = {asyncio.create_task(job) for job in jobs}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _stop(tasks)
    for task in done:
        task.result()


async def _stop(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel until they end: Python 3.11's `asyncio.wait_for`, inside the Valkey client, may swallow a cancellation."""
    while running := {task for task in tasks if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
