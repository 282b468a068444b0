"""The recordings of a media node: opened with a grant and a key, renewed again and again, over when nobody does."""

import asyncio
from collections.abc import Collection
from pathlib import Path
from typing import ClassVar, Final, Literal
from uuid import UUID

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.core.grants import MediaGrant, MediaSessionId
from telehealth.media.recorder import Recorder
from telehealth.media.rooms import Rooms
from telehealth.media.schemas import RecordingView
from telehealth.media.tapping import MOST_REMEMBERED, Running, Tappings

MOST_RECORDINGS: Final = 50


class RecordingsOff(Refusal):
    kind: ClassVar[Kind] = Kind.ABSENT
    slug, title = "recordings-off", "This media node records nothing"


def _view(running: Running[Recorder]) -> RecordingView:
    recorder = running.tapper
    state: Literal["running", "paused", "failed"] = "running" if recorder.running else "paused"
    return RecordingView(recording=running.id, state="failed" if recorder.failed else state, tracks=recorder.views())


class Recordings:
    """All methods run in the event loop of `rooms`. Without a directory every one of them refuses."""

    def __init__(self, rooms: Rooms, directory: Path | None) -> None:
        self._directory = directory
        self._loop = asyncio.get_running_loop()
        self._running = Tappings[Recorder](rooms, MOST_RECORDINGS, self._end)
        self._over: dict[MediaSessionId, RecordingView] = {}
        self._closing: dict[MediaSessionId, asyncio.Task[RecordingView]] = {}

    def open(self, grant: MediaGrant, key: bytes, *, allowed: Collection[str]) -> RecordingView:
        """Begins to record those participants. Raises RecordingsOff, SessionExists, EpochPast, NodeFull."""
        if self._directory is None or grant.place is None:
            raise RecordingsOff
        path = self._directory / _name(grant)
        running = self._running.begin(grant, lambda: Recorder(path, key, allowed=allowed, now=self._loop.time))
        return _view(running)

    def renew(self, grant: MediaGrant, *, allowed: Collection[str]) -> RecordingView:
        """Goes on with those participants, whatever it did before. Raises NotFound."""
        running = self._running.find(grant)
        running.tapper.renew(allowed)
        self._running.look(running)
        return _view(running)

    def view(self, grant: MediaGrant) -> RecordingView:
        """Raises NotFound."""
        return _view(self._running.find(grant))

    async def close(self, grant: MediaGrant) -> RecordingView:
        """Nothing is taken from now on; when it answers everything is on the disk. Asked again it says the same.

        Raises NotFound.
        """
        if grant.session in self._over:
            return self._over[grant.session]
        if grant.session not in self._closing:
            self._end(self._running.find(grant))
        return await asyncio.shield(self._closing[grant.session])

    async def shut_down(self) -> None:
        for running in self._running:
            self._end(running)
        await asyncio.gather(*self._closing.values())
        self._running.stop()

    def _end(self, running: Running[Recorder]) -> None:
        self._running.remove(running)
        running.tapper.stop()
        self._closing[running.id] = asyncio.create_task(self._settle(running))

    async def _settle(self, running: Running[Recorder]) -> RecordingView:
        await asyncio.to_thread(running.tapper.settle)
        view = _view(running).model_copy(update={"state": "over"})
        while len(self._over) >= MOST_REMEMBERED:
            del self._over[next(iter(self._over))]
        self._over[running.id] = view
        del self._closing[running.id]
        return view


def _name(grant: MediaGrant) -> str:
    """The directory of a recording: its id, and no path."""
    try:
        return str(UUID(grant.sub))
    except ValueError:
        raise NotFound from None
