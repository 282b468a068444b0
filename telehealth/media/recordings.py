"""The recordings of a media node: opened with a grant and a key, renewed again and again, over when nobody does."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final, Literal
from uuid import UUID

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.grants import MediaGrant, MediaSessionId, Place
from telehealth.media.node import NodeFull, SessionExists
from telehealth.media.recorder import Recorder
from telehealth.media.rooms import EpochPast, Rooms
from telehealth.media.schemas import RecordingView

LOOK_SECONDS: Final = 0.05
MOST_RECORDINGS: Final = 50
MOST_REMEMBERED: Final = 1000


class RecordingsOff(Refusal):
    kind: ClassVar[Kind] = Kind.ABSENT
    slug, title = "recordings-off", "This media node records nothing"


@dataclass(frozen=True, slots=True)
class _Running:
    id: MediaSessionId
    place: Place
    recorder: Recorder

    def view(self) -> RecordingView:
        state: Literal["running", "paused", "failed"] = "running" if self.recorder.running else "paused"
        return RecordingView(
            recording=self.id, state="failed" if self.recorder.failed else state, tracks=self.recorder.views()
        )


class Recordings:
    """All methods run in the event loop of `rooms`. Without a directory every one of them refuses."""

    def __init__(self, rooms: Rooms, directory: Path | None) -> None:
        self._rooms, self._directory = rooms, directory
        self._loop = asyncio.get_running_loop()
        self._running: dict[MediaSessionId, _Running] = {}
        self._over: dict[MediaSessionId, RecordingView] = {}
        self._closing: dict[MediaSessionId, asyncio.Task[RecordingView]] = {}
        self._beat: asyncio.Handle | None = None

    def open(self, grant: MediaGrant, key: bytes, *, allowed: Collection[str]) -> RecordingView:
        """Begins to record those participants. Raises RecordingsOff, SessionExists, EpochPast, NodeFull."""
        if self._directory is None or grant.place is None:
            raise RecordingsOff
        if grant.session in {*self._running, *self._over, *self._closing}:
            raise SessionExists
        if len(self._running) >= MOST_RECORDINGS:
            raise NodeFull
        self._rooms.tracks(grant.place)
        directory = self._directory / _name(grant)
        running = _Running(grant.session, grant.place, Recorder(directory, key, allowed=allowed, now=self._loop.time))
        self._running[grant.session] = running
        if self._beat is None:
            self._beat = self._loop.call_soon(self._on_beat)
        return running.view()

    def renew(self, grant: MediaGrant, *, allowed: Collection[str]) -> RecordingView:
        """Goes on with those participants, whatever it did before. Raises NotFound."""
        running = self._find(grant)
        running.recorder.renew(allowed)
        self._look(running)
        return running.view()

    def view(self, grant: MediaGrant) -> RecordingView:
        """Raises NotFound."""
        return self._find(grant).view()

    async def close(self, grant: MediaGrant) -> RecordingView:
        """Nothing is taken from now on; when it answers everything is on the disk. Asked again it says the same.

        Raises NotFound.
        """
        if grant.session in self._over:
            return self._over[grant.session]
        if grant.session not in self._closing:
            self._end(self._find(grant))
        return await asyncio.shield(self._closing[grant.session])

    async def shut_down(self) -> None:
        for running in list(self._running.values()):
            self._end(running)
        await asyncio.gather(*self._closing.values())
        if self._beat is not None:
            self._beat.cancel()

    def _find(self, grant: MediaGrant) -> _Running:
        running = self._running.get(grant.session)
        if running is None or running.place != grant.place:
            raise NotFound
        return running

    def _end(self, running: _Running) -> None:
        del self._running[running.id]
        running.recorder.stop()
        self._closing[running.id] = asyncio.create_task(self._settle(running))

    async def _settle(self, running: _Running) -> RecordingView:
        await asyncio.to_thread(running.recorder.settle)
        view = running.view().model_copy(update={"state": "over"})
        while len(self._over) >= MOST_REMEMBERED:
            del self._over[next(iter(self._over))]
        self._over[running.id] = view
        del self._closing[running.id]
        return view

    def _look(self, running: _Running) -> None:
        """A room that has moved to another node shows nothing here any more."""
        tracks = {}
        with suppress(EpochPast):
            tracks = self._rooms.tracks(running.place)
        running.recorder.look(tracks)

    def _on_beat(self) -> None:
        for running in list(self._running.values()):
            self._look(running)
            if running.recorder.forgotten:
                self._end(running)
        self._beat = self._loop.call_later(LOOK_SECONDS, self._on_beat) if self._running else None


def _name(grant: MediaGrant) -> str:
    """The directory of a recording: its id, and no path."""
    try:
        return str(UUID(grant.sub))
    except ValueError:
        raise NotFound from None
