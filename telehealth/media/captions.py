"""The captions of a media node: opened with a grant, renewed again and again, over when nobody does."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar, Final, Literal

from telehealth.core.errors import Kind, Refusal
from telehealth.core.grants import MediaGrant
from telehealth.core.time import SystemClock
from telehealth.media.captioner import Captioner
from telehealth.media.rooms import Rooms
from telehealth.media.schemas import CaptionsView
from telehealth.media.tapping import Running, Tappings

MOST_CAPTIONED: Final = 10


class CaptionsOff(Refusal):
    kind: ClassVar[Kind] = Kind.ABSENT
    slug, title = "captions-off", "This media node knows no speech engine"


class Captions:
    """All methods run in the event loop of `rooms`. Without the address of an engine every one of them refuses."""

    def __init__(self, rooms: Rooms, url: str) -> None:
        self._url, self._now = url, asyncio.get_running_loop().time
        self._running = Tappings[Captioner](rooms, MOST_CAPTIONED, self._end)
        self._thread = ThreadPoolExecutor(1, "captions")  # all of them together take no more than this of the machine

    def open(self, grant: MediaGrant, speakers: Mapping[str, str]) -> CaptionsView:
        """Begins to hear them. Raises CaptionsOff, SessionExists, EpochPast, NodeFull."""
        if not self._url:
            raise CaptionsOff
        number = round(SystemClock().now().timestamp() * 1000)  # so that they rise when a room goes to another node

        def make() -> Captioner:
            return Captioner(self._url, speakers=speakers, thread=self._thread, now=self._now, number=number)

        return self._view(self._running.begin(grant, make), None)

    def renew(self, grant: MediaGrant, speakers: Mapping[str, str], after: int | None) -> CaptionsView:
        """Goes on with those, whatever it did before; and what was said since. Raises NotFound."""
        running = self._running.find(grant)
        running.tapper.renew(speakers)
        self._running.look(running)
        return self._view(running, after)

    def view(self, grant: MediaGrant, after: int | None) -> CaptionsView:
        """What was said after that number; with none, only what the last number is. Raises NotFound."""
        return self._view(self._running.find(grant), after)

    def close(self, grant: MediaGrant) -> None:
        """Nothing is heard from now on. Raises NotFound."""
        self._end(self._running.find(grant))

    def shut_down(self) -> None:
        for running in self._running:
            self._end(running)
        self._running.stop()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _end(self, running: Running[Captioner]) -> None:
        self._running.remove(running)
        running.tapper.stop()

    def _view(self, running: Running[Captioner], after: int | None) -> CaptionsView:
        captioner = running.tapper
        state: Literal["running", "paused", "away"] = "running" if captioner.running else "paused"
        lines = captioner.lines
        return CaptionsView(
            captions=running.id,
            state="away" if captioner.running and captioner.away else state,
            number=lines.number,
            lines=[] if after is None else lines.after(after, self._now()),
            dropped=captioner.dropped,
        )
