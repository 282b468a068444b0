"""Keeps the captioner of a call alive, and tells one person what is said: while they are inside, and as it comes."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ids import ParticipantId, VisitId
from telehealth.video import captions, takings
from telehealth.video.keeping import Apply, House, Keeping, Present
from telehealth.video.language import Finish, Taking
from telehealth.video.placement import Place
from telehealth.video.ports import CaptionerLine, Captioners, CaptionPermit, Transcript
from telehealth.video.room import Room, Tap

Tell = Callable[[dict[str, Any]], Awaitable[None]]


class KeepingCaptions(Keeping[CaptionerLine]):
    """`reader` is whom `tell` tells. Lines go from the media node to them: no table and no stream holds any."""

    tap = Tap.CAPTIONS

    def __init__(self, house: House, visit_id: VisitId, apply: Apply, reader: tuple[ParticipantId, Tell]) -> None:
        super().__init__(house, visit_id, apply)
        self._captioners = house.ports.get(Captioners)
        self._reader, self._tell = reader
        self._after: int | None = None  # the last number they know of; None: they begin with the next
        self._away = False
        self._of: UUID | None = None

    @property
    def offered(self) -> bool:
        return self._captioners.offered

    def line(self) -> AbstractAsyncContextManager[CaptionerLine]:
        return self._captioners.line()

    def go_on(self) -> None:
        """They were here a moment ago: what was said since is told too, and again what they may have heard."""
        self._after = 0

    async def ask(self, actor: Actor, taking: Taking, by: ParticipantId) -> bool:
        return await self.unit_of_work.run(takings.ask, actor, self.visit_id, taking, by)

    async def renew(self, line: CaptionerLine, room: Room, taken: UUID, present: Present) -> None:
        run, (people, devices) = self.unit_of_work.run, (present.people, present.devices)
        self._of = taken
        seat = room.of(self._reader)
        listens = bool(people) and seat is not None and seat.inside
        after = self._after if listens else None
        permit = await run(captions.permit, SYSTEM, self.visit_id, taken, people, devices=devices)
        place = await self.place(room.epoch)
        if permit is None:
            transcript = await line.read(place, taken, after, self.now())
        else:
            transcript = await line.renew(place, permit, after, self.now())
        await self._told(transcript, listens)

    async def _told(self, transcript: Transcript, listens: bool) -> None:
        """Whoever is not inside hears nothing of what is said meanwhile, later neither."""
        self._after = transcript.number if listens else None
        if not listens:
            return
        if not transcript.away:
            await self._say_whether(False)
        for line in transcript.lines:
            told = {"participant": str(line.participant), "text": line.text, "final": line.final}
            await self._tell({"type": "caption", "captions": str(self._of), "number": line.number, **told})
        if transcript.away:  # what was heard before comes first
            await self._say_whether(True)

    async def rest(self) -> None:
        await self._say_whether(True)

    async def _say_whether(self, away: bool) -> None:
        if away is not self._away and self._of is not None:
            self._away = away
            await self._tell({"type": "caption_state", "captions": str(self._of), "available": not away})

    async def pause(self, line: CaptionerLine, place: Place, taken: UUID) -> None:
        await line.renew(place, CaptionPermit(captions=taken, speakers={}), None, self.now())

    async def stop(self, line: CaptionerLine, place: Place, taken: UUID) -> None:
        await line.stop(place, taken, self.now())

    async def settle(self, end: Finish) -> None:
        await self.unit_of_work.run(takings.finish, SYSTEM, self.visit_id, end)
