"""Keeps the recorder of a call alive, and notes what it has written."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.video import recordings
from telehealth.video.keeping import Apply, House, Keeping, Present
from telehealth.video.language import Finish, Taking
from telehealth.video.placement import Place
from telehealth.video.ports import Permit, RecorderLine, Recorders, Track
from telehealth.video.room import Room, Tap

NOTE_EVERY = timedelta(seconds=5)


class KeepingRecordings(Keeping[RecorderLine]):
    tap = Tap.RECORDING

    def __init__(self, house: House, visit_id: VisitId, apply: Apply) -> None:
        super().__init__(house, visit_id, apply)
        self._recorders = house.ports.get(Recorders)
        self._noted: tuple[frozenset[UUID], datetime] | None = None

    @property
    def offered(self) -> bool:
        return self._recorders.directory is not None

    def line(self) -> AbstractAsyncContextManager[RecorderLine]:
        return self._recorders.line()

    async def ask(self, actor: Actor, taking: Taking, by: ParticipantId) -> bool:
        return await self.unit_of_work.run(recordings.ask, actor, self.visit_id, taking.id, by)

    async def renew(self, line: RecorderLine, room: Room, taken: UUID, present: Present) -> None:
        run, (people, devices) = self.unit_of_work.run, (present.people, present.devices)
        permit = await run(recordings.permit, SYSTEM, self.visit_id, taken, people, devices=devices)
        if permit is None:
            return
        tracks, now = await line.renew(await self.place(room.epoch), permit, self.now()), self.now()
        files = frozenset(track.file for track in tracks)
        if self._noted is None or self._noted[0] != files or now - self._noted[1] > NOTE_EVERY:
            await self._note(permit.recording, tracks)
            self._noted = (files, now)

    async def pause(self, line: RecorderLine, place: Place, taken: UUID) -> None:
        await line.renew(place, Permit(recording=taken, key="", participants=()), self.now())

    async def stop(self, line: RecorderLine, place: Place, taken: UUID) -> None:
        await self._note(taken, await line.stop(place, taken, self.now()))

    async def settle(self, end: Finish) -> None:
        await self.unit_of_work.run(recordings.finish, SYSTEM, self.visit_id, end, kept_for=self._recorders.kept_for)

    async def _note(self, recording: UUID, tracks: Sequence[Track]) -> None:
        await self.unit_of_work.run(recordings.note, SYSTEM, recording, tracks)
