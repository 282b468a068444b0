"""Media nodes that carry nothing, for what is only said about them."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from telehealth.core.actors import SYSTEM
from telehealth.db.unit import UnitOfWork
from telehealth.video import places
from telehealth.video.language import Cut, Negotiate
from telehealth.video.placement import Node, Place, Reports
from telehealth.video.ports import Connection, ConnectionGone, MediaAway, MediaRooms, Restarted

LONG_AFTER = datetime(2100, 1, 1, tzinfo=UTC)


class RehearsedNodes:
    """`MediaRooms` whose answers say what was asked. `state` is that of every connection, None: there is none. `asked`
    is what happens elsewhere while an offer is under way, `looked` while somebody vouches, `deaf` that no cut is taken.
    """

    def __init__(self) -> None:
        self.state: str | None = "connected"
        self.cuts: list[Cut] = []
        self.deaf = False
        self.vouched: list[Connection] = []
        self.asked: Callable[[Negotiate], Awaitable[object]] | None = None
        self.looked: Callable[[Connection], Awaitable[object]] | None = None

    async def reports(self, now: datetime) -> Reports:
        return Reports(nodes=[Node(name="rehearsed", url="http://rehearsed", reported_at=now, load=0)])

    @asynccontextmanager
    async def line(self, connections: int) -> AsyncIterator[MediaRooms]:
        del connections
        yield self

    async def negotiate(self, place: Place, task: Negotiate, now: datetime) -> str:
        if self.asked is not None:
            await self.asked(task)
        return f"{place.url} {place.epoch} {task.participant} {task.offer.way} {now:%Y}"

    async def cut(self, place: Place, task: Cut, now: datetime) -> None:
        del place, now
        if self.deaf:
            raise MediaAway
        self.cuts.append(task)

    async def vouch(self, place: Place, connection: Connection, now: datetime) -> str:
        del place, now
        self.vouched.append(connection)
        if self.looked is not None:
            await self.looked(connection)
        if self.state is None:
            raise ConnectionGone
        return self.state

    async def restart(self, place: Place, connection: Connection, fragment: str, now: datetime) -> Restarted:
        if self.state is None:
            raise ConnectionGone
        told = f"{place.url} {place.epoch} {connection.participant} {connection.way} {fragment} {now:%Y}"
        return Restarted("again", told, ("a=end-of-candidates",))


async def a_node_reports(unit_of_work: UnitOfWork, url: str = "http://rehearsed") -> None:
    """It lives for as long as any test."""
    node = Node(name="rehearsed", url=url, reported_at=LONG_AFTER, load=0)
    await unit_of_work.run(places.note_reports, SYSTEM, Reports(nodes=[node]))
