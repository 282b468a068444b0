"""A conversation over a WebSocket. PROTOCOL.md tells the words."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Collection, Coroutine
from contextlib import suppress
from typing import Any

from telehealth.core.actors import SYSTEM
from telehealth.core.ports import Signals
from telehealth.http.socket import CloseCode, Closed, Socket
from telehealth.video.conversation import Conversation
from telehealth.video.language import Bye
from telehealth.video.ports import Delivery, RoomBus
from telehealth.video.rules import VisitOver
from telehealth.video.said import Hello, Ping, read_hello, read_said
from telehealth.video.service import redeem_ticket
from telehealth.visits.lifecycle.events import visit_topic

BEAT_SECONDS = 5.0
CANCEL_SECONDS = 0.2
MOST_FAULTS = 20


async def signalling(socket: Socket) -> None:
    """/v1/signalling, from the first message to the last."""
    hello = read_hello(await socket.hello())
    if hello is None:
        raise Closed(CloseCode.MALFORMED)
    entry = await socket.kit.unit_of_work.run(redeem_ticket, SYSTEM, hello.ticket)
    conversation = Conversation(socket.kit, entry, secrets.token_urlsafe(12), socket.send)
    try:
        await Line(socket, conversation).hold(hello)
    except VisitOver:
        await socket.send({"type": "bye", "reason": "ended"})
        raise
    finally:
        await conversation.drop()


class Line:
    """Carries messages between a socket and its conversation."""

    def __init__(self, socket: Socket, conversation: Conversation) -> None:
        self._socket, self._conversation = socket, conversation
        self._bell = asyncio.Event()
        self._faults = 0

    async def hold(self, hello: Hello) -> None:
        """Until either side ends it, which is an exception: Closed, or the Refusal that says why."""
        welcome = await self._conversation.arrive(hello.resumption())
        await self._socket.send(welcome)
        missed_from = hello.resume.last_seq if hello.resume and welcome["resumed"] else welcome["seq"]
        bus = self._socket.kit.ports.get(RoomBus)
        async with bus.follow(self._conversation.visit_id, missed_from) as deliveries:
            hearing = self._deliver(deliveries, welcome["seq"])
            await _until_first_ends(self._listen(), hearing, self._watch(), *self._conversation.keepers())

    async def _listen(self) -> None:
        while True:
            said = read_said(await self._socket.receive())
            if said is None:
                await self._object()
            elif isinstance(said, Ping):
                await self._socket.send({"type": "pong"})
            else:
                command = said.command()
                await self._conversation.say(command)
                if isinstance(command, Bye):
                    raise Closed

    async def _object(self) -> None:
        self._faults += 1
        if self._faults > MOST_FAULTS:
            raise Closed(CloseCode.MALFORMED)
        await self._socket.send({"type": "error", "code": "invalid-message"})

    async def _deliver(self, deliveries: AsyncGenerator[Delivery, None], known: int) -> None:
        async for delivery in deliveries:
            if self._conversation.hears(delivery, known):
                await self._socket.send(dict(delivery.message))
            if self._conversation.dismissed_by(delivery):
                raise Closed(CloseCode.CONFLICT)

    async def _hear(self) -> None:
        """What happens to the visit, from any process. Missing it costs one beat."""
        topic = visit_topic(self._conversation.visit_id)
        async with self._socket.kit.ports.get(Signals).listen((topic,)) as wakes:
            async for _ in wakes:
                self._bell.set()

    async def _watch(self) -> None:
        hearing = asyncio.create_task(self._hear())
        try:
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_SECONDS):
                        await self._bell.wait()
                self._bell.clear()
                await self._conversation.beat()
        finally:
            hearing.cancel()


async def _until_first_ends(*jobs: Coroutine[Any, Any, None]) -> None:
    tasks = {asyncio.create_task(job) for job in jobs}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await stop(tasks)
    for task in done:
        task.result()


async def stop(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel until they end: Python 3.11's `asyncio.wait_for`, inside the Valkey client, may swallow a cancellation."""
    while running := {task for task in tasks if not task.done()}:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)
