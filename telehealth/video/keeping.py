"""Keeps the recorder of a call alive, for as long as everybody who is there agrees; without that it stops by itself."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.errors import Refusal
from telehealth.core.ids import VisitId
from telehealth.core.ports import Ports
from telehealth.db.unit import DatabaseFault, UnitOfWork
from telehealth.video import places, recordings
from telehealth.video.language import Ask, Event, Finish, KeepConsent, OfRecorder, Pause, RecordingAsked, RecordingOver
from telehealth.video.ports import MediaAway, Permit, RecorderLine, RecorderLost, Recorders, RoomBus, Track
from telehealth.video.room import Mode, Room

RENEW_SECONDS = 0.4  # a recorder waits 1.5 (media/recorder.py)
NOTE_EVERY = timedelta(seconds=5)


class House(Protocol):
    """What a conversation stands on, in a web process or in a worker."""

    @property
    def unit_of_work(self) -> UnitOfWork: ...

    @property
    def ports(self) -> Ports: ...


class Keeping:
    """Of one conversation. `apply` puts an event to the room. Any conversation of a room keeps its recorder alive."""

    def __init__(self, house: House, visit_id: VisitId, apply: Callable[[Event], Awaitable[Room]]) -> None:
        self._unit_of_work, self._bus = house.unit_of_work, house.ports.get(RoomBus)
        self._recorders = house.ports.get(Recorders)
        self._visit_id, self._apply = visit_id, apply
        self._wanted = asyncio.Event()
        self._noted: tuple[frozenset[UUID], datetime] | None = None

    @property
    def offered(self) -> bool:
        return self._recorders.directory is not None

    def hear(self, message: Mapping[str, Any]) -> None:
        """A welcome or a state: whether there is a recording to keep."""
        if message.get("type") in ("welcome", "state"):
            self._want("recording" in message)

    def look(self, room: Room) -> None:
        self._want(room.recording is not None)

    def _want(self, wanted: bool) -> None:
        if wanted and self.offered:
            self._wanted.set()
        else:
            self._wanted.clear()

    async def keep(self) -> None:
        """For ever. What does not work is tried again; meanwhile the recorder takes nothing."""
        while True:
            await self._wanted.wait()
            try:
                async with self._recorders.line() as line:
                    while self._wanted.is_set():
                        await self._renew(line)
                        await asyncio.sleep(RENEW_SECONDS)
            except (Refusal, DatabaseFault):
                await asyncio.sleep(RENEW_SECONDS)

    async def _renew(self, line: RecorderLine) -> None:
        room, run = await self._bus.look(self._visit_id), self._unit_of_work.run
        if room.recording is None or room.mode is not Mode.NODE:
            self.look(room)
            return
        inside = room.inside if room.records else ()
        present = [seat.id for seat in inside if seat.who.asked]
        devices = [seat.id for seat in inside if not seat.who.asked]
        try:
            permit = await run(recordings.permit, SYSTEM, self._visit_id, room.recording.id, present, devices=devices)
            if permit is not None:
                await self._go_on(line, room, permit)
        except RecorderLost:
            await self._apply(RecordingOver(self._now(), room.recording.id))

    async def _go_on(self, line: RecorderLine, room: Room, permit: Permit) -> None:
        place = await self._unit_of_work.run(places.standing_place, SYSTEM, self._visit_id, room.epoch)
        tracks, now = await line.renew(place, permit, self._now()), self._now()
        files = frozenset(track.file for track in tracks)
        if self._noted is None or self._noted[0] != files or now - self._noted[1] > NOTE_EVERY:
            await self._note(permit.recording, tracks)
            self._noted = (files, now)

    async def perform(self, actor: Actor, task: OfRecorder) -> None:
        """What the room asks to be done about its recording."""
        match task:
            case Ask(recording, participant):
                if await self._unit_of_work.run(recordings.ask, actor, self._visit_id, recording, participant):
                    await self._apply(RecordingAsked(self._now(), recording, participant))
            case KeepConsent():
                await self._unit_of_work.run(recordings.answer, actor, self._visit_id, task)
            case Pause(recording, epoch):
                await self._hold_back(recording, epoch)
            case Finish():
                await self._finish(task)

    async def _hold_back(self, recording: UUID, epoch: int) -> None:
        """What cannot be told the recorder finds out: nobody renews it."""
        nobody = Permit(recording=recording, key="", participants=())
        try:
            place = await self._unit_of_work.run(places.standing_place, SYSTEM, self._visit_id, epoch)
            async with self._recorders.line() as line:
                await line.renew(place, nobody, self._now())
        except (MediaAway, RecorderLost):
            return

    async def _finish(self, task: Finish) -> None:
        """First it stops, then that is kept. What did not hear of it stops by itself, and is settled by a sweep."""
        run, visit_id = self._unit_of_work.run, self._visit_id
        try:
            place = await run(places.standing_place, SYSTEM, visit_id, task.epoch)
            async with self._recorders.line() as line:
                await self._note(task.recording, await line.stop(place, task.recording, self._now()))
        except RecorderLost:
            pass
        except MediaAway:
            return
        await run(recordings.finish, SYSTEM, visit_id, task, kept_for=self._recorders.kept_for)

    async def _note(self, recording: UUID, tracks: Sequence[Track]) -> None:
        await self._unit_of_work.run(recordings.note, SYSTEM, recording, tracks)

    def _now(self) -> datetime:
        return self._unit_of_work.clock.now()
