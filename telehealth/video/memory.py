"""Rooms in the memory of one process: the fake of `RoomBus` that passes the adapter's contract, for tests."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from telehealth.core.ids import VisitId
from telehealth.video.language import Event, Send
from telehealth.video.ports import Behind, Delivery, Outcome
from telehealth.video.room import Room
from telehealth.video.rules import REPLAY, step


@dataclass
class _Kept:
    room: Room = field(default_factory=Room)
    deliveries: list[Delivery] = field(default_factory=list)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


class MemoryRooms:
    """One object is one place: whoever shares it shares the rooms."""

    def __init__(self) -> None:
        self._rooms: dict[VisitId, _Kept] = defaultdict(_Kept)

    async def apply(self, visit_id: VisitId, event: Event) -> Outcome:
        kept = self._rooms[visit_id]
        kept.room, effects = step(kept.room, event)
        sent = [Delivery(each.seq, each.to, each.message) for each in effects if isinstance(each, Send)]
        kept.deliveries = [*kept.deliveries, *sent][-REPLAY:]
        async with kept.changed:
            kept.changed.notify_all()
        return Outcome(kept.room, effects)

    async def look(self, visit_id: VisitId) -> Room:
        return self._rooms[visit_id].room if visit_id in self._rooms else Room()

    def forget(self, visit_id: VisitId) -> None:
        """As the place that rooms live in may lose them all."""
        self._rooms.pop(visit_id, None)

    @asynccontextmanager
    async def follow(self, visit_id: VisitId, after: int) -> AsyncIterator[AsyncGenerator[Delivery, None]]:
        deliveries = self._deliveries(self._rooms[visit_id], after)
        try:
            yield deliveries
        finally:
            await deliveries.aclose()

    async def _deliveries(self, kept: _Kept, after: int) -> AsyncGenerator[Delivery, None]:
        while True:
            for delivery in [each for each in kept.deliveries if each.seq > after]:
                if delivery.seq != after + 1:
                    raise Behind
                after = delivery.seq
                yield delivery
            async with kept.changed:
                await kept.changed.wait_for(lambda: kept.room.seq > after)  # noqa: B023 - read when asked, on purpose
