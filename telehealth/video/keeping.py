"""Keeps a recorder or a captioner of a call alive, for as long as everybody who is there agrees; without that it stops
by itself.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import Refusal
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.core.ports import Ports
from telehealth.db.unit import DatabaseFault, UnitOfWork
from telehealth.video import places, takings
from telehealth.video.language import AboutTap, Ask, Event, Finish, KeepConsent, Pause, Taking, TapAsked, TapOver
from telehealth.video.placement import Place
from telehealth.video.ports import MediaAway, RoomBus, TakingLost
from telehealth.video.room import Mode, Room, Tap

RENEW_SECONDS = 0.4  # it waits 1.5 (media/tapping.py)
L = TypeVar("L")
Apply = Callable[[Event], Awaitable[Room]]


class House(Protocol):
    """What a conversation stands on, in a web process or in a worker."""

    @property
    def unit_of_work(self) -> UnitOfWork: ...

    @property
    def ports(self) -> Ports: ...


@dataclass(frozen=True, slots=True)
class Present:
    """Who is there, if it may go on now: people who have to agree, and devices. Nobody: it waits."""

    people: tuple[ParticipantId, ...]
    devices: tuple[ParticipantId, ...]


class Keeping(ABC, Generic[L]):
    """Of one conversation. `apply` puts an event to the room. Any conversation of a room keeps what there is alive.

    `L` is the line to the media node.
    """

    tap: ClassVar[Tap]

    def __init__(self, house: House, visit_id: VisitId, apply: Apply) -> None:
        self.unit_of_work, self._bus = house.unit_of_work, house.ports.get(RoomBus)
        self.visit_id, self._apply = visit_id, apply
        self._wanted = asyncio.Event()

    @property
    @abstractmethod
    def offered(self) -> bool:
        """Whether this house does it at all."""

    @abstractmethod
    def line(self) -> AbstractAsyncContextManager[L]:
        """To the media nodes."""

    @abstractmethod
    async def ask(self, actor: Actor, taking: Taking, by: ParticipantId) -> bool:
        """Write down that they want it; False when it is over."""

    @abstractmethod
    async def renew(self, line: L, room: Room, taken: UUID, present: Present) -> None:
        """It goes on with those who may be taken. Raises TakingLost, MediaAway."""

    @abstractmethod
    async def pause(self, line: L, place: Place, taken: UUID) -> None:
        """It takes nothing until it is renewed. Raises TakingLost, MediaAway."""

    @abstractmethod
    async def stop(self, line: L, place: Place, taken: UUID) -> None:
        """It takes nothing more. Raises TakingLost, MediaAway."""

    @abstractmethod
    async def settle(self, end: Finish) -> None:
        """Write down that it is over."""

    async def rest(self) -> None:
        """It could not be renewed just now."""

    def hear(self, message: Mapping[str, Any]) -> None:
        """A welcome or a state: whether there is anything to keep."""
        if message.get("type") in ("welcome", "state"):
            self._want(self.tap.value in message)

    def look(self, room: Room) -> None:
        self._want(room.taken(self.tap) is not None)

    def _want(self, wanted: bool) -> None:
        if wanted and self.offered:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def keep(self) -> None:
        """For ever. What does not work is tried again; meanwhile nothing is taken."""
        while True:
            await self._wanted.wait()
            try:
                async with self.line() as line:
                    while self._wanted.is_set():
                        await self._renew(line)
                        await asyncio.sleep(RENEW_SECONDS)
            except (Refusal, DatabaseFault):
                await self.rest()
                await asyncio.sleep(RENEW_SECONDS)

    async def _renew(self, line: L) -> None:
        room = await self._bus.look(self.visit_id)
        taken = room.taken(self.tap)
        if taken is None or room.mode is not Mode.NODE:
            self.look(room)
            return
        inside = room.inside if room.takes(self.tap) else ()
        people = tuple(seat.id for seat in inside if seat.who.asked)
        devices = tuple(seat.id for seat in inside if not seat.who.asked)
        try:
            await self.renew(line, room, taken.id, Present(people, devices))
        except TakingLost:
            await self._apply(TapOver(self.now(), Taking(self.tap, taken.id)))

    async def perform(self, actor: Actor, task: AboutTap) -> None:
        """What the room asks to be done about it."""
        match task:
            case Ask(taking, participant):
                if await self.ask(actor, taking, participant):
                    await self._apply(TapAsked(self.now(), taking, participant))
            case KeepConsent():
                await self.unit_of_work.run(takings.answer, actor, self.visit_id, task)
            case Pause(taking, epoch):
                await self._hold_back(taking.id, epoch)
            case Finish():
                await self._finish(task)

    async def _hold_back(self, taken: UUID, epoch: int) -> None:
        """What cannot be told it finds out: nobody renews it."""
        try:
            place = await self.place(epoch)
            async with self.line() as line:
                await self.pause(line, place, taken)
        except (MediaAway, TakingLost):
            return

    async def _finish(self, task: Finish) -> None:
        """First it stops, then that is kept. What did not hear of it stops by itself, and is settled by a sweep; what
        never began has nothing to hear of it.
        """
        try:
            place = await self.place(task.epoch)
            async with self.line() as line:
                await self.stop(line, place, task.taking.id)
        except TakingLost:
            pass
        except MediaAway:
            if await self.unit_of_work.run(takings.has_begun, SYSTEM, task.taking):
                return
        await self.settle(task)

    async def place(self, epoch: int) -> Place:
        """Raises MediaAway."""
        return await self.unit_of_work.run(places.standing_place, SYSTEM, self.visit_id, epoch)

    def now(self) -> datetime:
        return self.unit_of_work.clock.now()
