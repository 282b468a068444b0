"""What the open pages of one process ask, asked together: hundreds of streams sweep with one query."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.db.together import Together
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.waiting_room import notices, queries, standings
from telehealth.visits.waiting_room.ports import FollowUps


class Versions:
    """A version is a short word that changes with what its page shows. It says nothing else and leaves no trace."""

    def __init__(self, unit_of_work: UnitOfWork, follow_ups: FollowUps) -> None:
        self._unit_of_work = unit_of_work
        self._follow_ups = follow_ups
        self._visits = Together(self._of_visits)
        self._boards = Together(self._of_boards)
        self._places = Together(self._of_places)
        self._queues = Together(self._of_queues)

    async def of_visit(self, guest: Actor, visit_id: UUID) -> str:
        """Raises NotFound when the guest may not see it."""
        found = None if guest.id is None else await self._visits.ask((guest.id, visit_id))
        if found is None:
            raise NotFound
        return found

    async def of_place(self, entry_id: UUID) -> str:
        """Of a place in the queue, which the caller has opened."""
        return await self._places.ask(entry_id) or "over"

    async def of_queue(self, staff: Actor) -> str:
        """The queue, for staff."""
        return await self._queues.ask(staff.role) or ""

    async def of_board(self, staff: Actor, zone: ZoneInfo) -> str:
        """The board of today, as it is in that zone."""
        found = await self._boards.ask((staff, zone))
        if found is None:
            raise NotFound
        return found

    async def _of_visits(self, guests: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], str]:
        return await self._unit_of_work.run(_read_visits, SYSTEM, guests)

    async def _of_places(self, entries: Collection[UUID]) -> Mapping[UUID, str]:
        return await self._unit_of_work.run(_read_places, SYSTEM, entries)

    async def _of_queues(self, roles: Collection[Role]) -> Mapping[Role, str]:
        version = await self._unit_of_work.run(standings.version, SYSTEM)
        return dict.fromkeys(roles, version)

    async def _of_boards(self, boards: Collection[tuple[Actor, ZoneInfo]]) -> Mapping[tuple[Actor, ZoneInfo], str]:
        return await self._unit_of_work.run(self._read_boards, SYSTEM, boards)

    async def _read_boards(
        self, unit: Unit, boards: Collection[tuple[Actor, ZoneInfo]]
    ) -> Mapping[tuple[Actor, ZoneInfo], str]:
        """Each as its own actor."""
        return {(actor, zone): await self._board(replace(unit, actor=actor), zone) for actor, zone in boards}

    async def _board(self, unit: Unit, zone: ZoneInfo) -> str:
        day = visits.whole_day(unit.now.astimezone(zone).date(), zone)
        marks = [
            await queries.board_version(unit, day),
            await self._follow_ups.wanted_mark(unit),
            await alerts.mark(unit),
        ]
        return "-".join(marks)


async def _read_visits(unit: Unit, guests: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], str]:
    """The visits themselves, and what their patients are told."""
    revisions = await visits.visit_versions(unit, guests)
    told = await notices.told_versions(unit, {visit_id for _, visit_id in revisions})
    return {guest: revision + told.get(guest[1], "") for guest, revision in revisions.items()}


async def _read_places(unit: Unit, entries: Collection[UUID]) -> Mapping[UUID, str]:
    places = await standings.places(unit, entries)
    told = await notices.told_versions(unit, places)
    return {entry_id: place + told.get(entry_id, "") for entry_id, place in places.items()}
