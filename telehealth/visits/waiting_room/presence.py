"""Who has the page of their visit open at this process: noted together, judged when this process may judge."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Overloaded, Refusal
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.db.unit import DatabaseFault, Unit, UnitOfWork
from telehealth.visits.lifecycle import attendance as lifecycle
from telehealth.visits.lifecycle import service
from telehealth.visits.waiting_room import attendance, waiting

ROUND = timedelta(seconds=5)
SEEN_FOR = timedelta(seconds=20)
LATE = 2 * ROUND
log = logging.getLogger(__name__)


class Presence:
    """Every open stream of a patient says `see` at each of its sweeps. A round writes them all down at once, calls away
    whom no process has seen for twenty seconds, and back who is here again. That it went round says that the house is
    open, which is what all that falls due by itself goes by (lifecycle.attendance).

    Nobody is called away by a process that has not been at work for those twenty seconds without a break: when all
    processes were down it was the house that was away, and the pages have to find back first.
    """

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._seen: dict[UUID, datetime] = {}
        self._clinicians: set[ClinicianId] = set()
        self._at_work_since: datetime | None = None
        self._last_round: datetime | None = None

    def see(self, participant_id: UUID) -> None:
        self._seen[participant_id] = self._unit_of_work.clock.now()

    def see_clinician(self, clinician_id: UUID) -> None:
        """They have a page of theirs open; it says so again as long as it is."""
        self._clinicians.add(ClinicianId(clinician_id))

    @asynccontextmanager
    async def rounds(self) -> AsyncIterator[None]:
        """A round every five seconds while this is open."""
        task = asyncio.create_task(self._go_round())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def round(self) -> None:
        now = self._unit_of_work.clock.now()
        if self._at_work_since is None or self._last_round is None or now - self._last_round > LATE:
            self._at_work_since = now
        self._last_round = now
        clinicians, self._clinicians = self._clinicians, set()
        if clinicians:
            await self._unit_of_work.run(lifecycle.note_clinicians, SYSTEM, clinicians)
        self._seen = {each: at for each, at in self._seen.items() if now - at < ROUND}
        if self._seen:
            await self._unit_of_work.run(attendance.note, SYSTEM, self._seen.keys(), now + SEEN_FOR)
        # Last: a process that cannot write who is here does not say that the house is open.
        await self._unit_of_work.run(lifecycle.note_open, SYSTEM)
        await self._tell(attendance.returned, service.back)
        await self._tell(attendance.returned_to_queue, waiting.come_back)
        if now - self._at_work_since >= SEEN_FOR:
            await self._tell(attendance.gone, service.away)
            await self._tell(attendance.gone_from_queue, waiting.drop)

    async def _tell(
        self,
        find: Callable[[Unit], Coroutine[Any, Any, list[VisitId]]],
        tell: Callable[[Unit, UUID], Coroutine[Any, Any, object]],
    ) -> None:
        for visit_id in await self._unit_of_work.run(find, SYSTEM):
            try:
                await self._unit_of_work.run(tell, SYSTEM, visit_id)
            except Overloaded:  # it could not be written down
                raise
            except Refusal:  # something else has happened to the visit meanwhile
                pass

    async def _go_round(self) -> None:
        while True:
            await asyncio.sleep(ROUND.total_seconds())
            try:
                await self.round()
            except (DatabaseFault, Refusal) as error:
                self._last_round = None  # what could not be written down counts as a break
                log.warning("presence not noted: %s", type(error).__name__)
