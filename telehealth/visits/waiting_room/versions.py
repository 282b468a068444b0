"""What the open pages of one process ask, asked together: hundreds of streams sweep with one query."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.db.together import Together
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.escalation import queries as alerts
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.waiting_room import notices, queries, standings
from telehealth.visits.waiting_room.ports import FollowUps, LateNotes


class Versions:
    """A version is a short word that changes with what its page shows. It says nothing else and leaves no trace."""

    def __init__(self, unit_of_work: UnitOfWork, follow_ups: FollowUps, late_notes: LateNotes) -> None:
        self._unit_of_work = unit_of_work
        self._follow_ups = follow_ups
        self._late_notes = late_notes
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
        """However many are open, the visits of a day and what is due are read once."""
        read = _Read(
            due=await self._follow_ups.wanted_marks(unit),
            notes=await self._late_notes.late_marks(unit),
            late=await notices.late_marks(unit),
            alerts=await alerts.marks(unit, {actor.person_id for actor, _ in boards if actor.person_id is not None}),
        )
        found: dict[tuple[Actor, ZoneInfo], str] = {}
        for zone in {zone for _, zone in boards}:
            day = visits.whole_day(unit.now.astimezone(zone).date(), zone)
            marks = await queries.marks(unit, day)
            found |= {(actor, of): _word(actor, day, marks, read) for actor, of in boards if of == zone}
        return found


@dataclass(frozen=True, slots=True)
class _Read:
    """What boards show besides visits, by clinician; of alerts, the front desk's first."""

    due: Mapping[UUID, str]
    notes: Mapping[UUID, str]
    late: Mapping[UUID, str]
    alerts: tuple[str, Mapping[UUID, str]]


def _word(actor: Actor, day: queries.Day, marks: Mapping[UUID, queries.Mark], read: _Read) -> str:
    """The front desk sees everybody's visits, a clinician their own, nobody else any."""
    if actor.role is Role.FRONT_DESK:
        return "-".join([queries.version_of(day, marks.values()), *sorted(read.late.values()), read.alerts[0]])
    own = actor.person_id
    if actor.role is not Role.CLINICIAN or own is None:
        return queries.version_of(day, ())
    words = read.due.get(own, ""), read.notes.get(own, ""), read.late.get(own, ""), read.alerts[1].get(own, "")
    return "-".join([queries.version_of(day, [marks[own]] if own in marks else []), *words])


async def _read_visits(unit: Unit, guests: Collection[tuple[UUID, UUID]]) -> Mapping[tuple[UUID, UUID], str]:
    """The visits themselves, and what their patients are told."""
    revisions = await visits.visit_versions(unit, guests)
    told = await notices.told_versions(unit, {visit_id for _, visit_id in revisions})
    return {guest: revision + told.get(guest[1], "") for guest, revision in revisions.items()}


async def _read_places(unit: Unit, entries: Collection[UUID]) -> Mapping[UUID, str]:
    places = await standings.places(unit, entries)
    told = await notices.told_versions(unit, places)
    return {entry_id: place + told.get(entry_id, "") for entry_id, place in places.items()}
