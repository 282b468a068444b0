"""Recordings of calls through the node between aiortc peers: what is on the disk afterwards, and what is not."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes
from uuid import UUID, uuid4

import pytest

from telehealth.core.errors import NotFound
from telehealth.core.grants import MediaSessionId, Place
from telehealth.media.node import SessionExists
from telehealth.media.receiving import Receiver
from telehealth.media.recorder import Recorder, Reel
from telehealth.media.recordings import Recordings, RecordingsOff
from telehealth.media.rooms import EpochPast, Rooms
from telehealth.media.schemas import RecordedTrack, RecordingView
from telehealth.media.sending import Outgoing
from tests.kit.freed import alive, uncollected
from tests.kit.guests import ROOM, guests, open_rooms
from tests.kit.patience import until
from tests.kit.recordings import opened, played, record_grant

KEY = token_bytes(32)
NEXT = Place(room=ROOM.room, epoch=2)
SOUND, PICTURE, OTHER = ("ann", "audio"), ("ann", "video"), ("bob", "audio")
Tracks = dict[tuple[str, str], RecordedTrack]


class Taping:
    """One recording, kept alive like a web process does. `clock` counts seconds from its beginning."""

    def __init__(self, recordings: Recordings, directory: Path) -> None:
        self.recordings, self.id, self.session = recordings, uuid4(), MediaSessionId(uuid4())
        self.directory = directory / str(self.id)
        self.allowed = ["ann", "bob"]
        self.renewing = True
        self._loop = asyncio.get_running_loop()
        self._begun = 0.0

    def open(self) -> None:
        self.recordings.open(record_grant(self.id, ROOM, self.session), KEY, allowed=self.allowed)
        self._begun = self._loop.time()

    def clock(self) -> float:
        return self._loop.time() - self._begun

    def view(self) -> RecordingView:
        if self.renewing:
            self.renew()
        return self.recordings.view(record_grant(self.id, ROOM, self.session))

    def renew(self) -> None:
        self.recordings.renew(record_grant(self.id, ROOM, self.session), allowed=self.allowed)

    def tracks(self) -> Tracks:
        return {(each.participant, each.kind): each for each in self.view().tracks}

    async def has(self, seconds: float, *keys: tuple[str, str]) -> None:
        """Waits until there is so much more of each of those tracks."""
        wanted = {key: self.length(key) + seconds for key in keys}
        await until(lambda: all(self.length(key) >= most for key, most in wanted.items()))

    def length(self, key: tuple[str, str]) -> float:
        track = self.tracks().get(key)
        return track.duration_ms / 1000 if track else 0.0

    async def is_(self, state: str) -> None:
        await until(lambda: self.view().state == state)

    async def gets_nothing(self) -> None:
        """For a second, in which everybody goes on to send."""
        before = [each.duration_ms for each in self.view().tracks]
        end = self.clock() + 1
        while self.clock() < end:
            await asyncio.sleep(0.1)
            assert [each.duration_ms for each in self.view().tracks] == before

    async def close(self) -> Tracks:
        view = await self.recordings.close(record_grant(self.id, ROOM, self.session))
        assert view.state == "over"
        return {(each.participant, each.kind): each for each in view.tracks}

    def played(self, track: RecordedTrack) -> tuple[int, float]:
        return played(opened(self.path(track.file), KEY))

    def path(self, file: UUID) -> Path:
        return self.directory / f"{file}.sealed"

    def written(self) -> int:
        return sum(each.stat().st_size for each in self.directory.glob("*"))


@asynccontextmanager
async def taping(rooms: Rooms, directory: Path) -> AsyncIterator[Taping]:
    recordings = Recordings(rooms, directory)
    try:
        yield Taping(recordings, directory)
    finally:
        await recordings.shut_down()


async def test_each_track_becomes_a_file_that_plays(tmp_path: Path, escaped: list[str]) -> None:
    """As long as what was recorded of it, and beginning when its sender did."""
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob), taping(rooms, tmp_path) as tape:
        await ann.send(video=True)
        tape.open()
        await tape.has(0.5, SOUND, PICTURE)
        before = tape.clock()
        await bob.send()
        await until(lambda: OTHER in tape.tracks())
        after = tape.clock()
        await tape.has(1, SOUND, PICTURE, OTHER)
        whole, kept = tape.clock(), {key: tape.length(key) for key in (SOUND, PICTURE, OTHER)}
        tracks = await tape.close()
        assert sorted(tracks) == [SOUND, PICTURE, OTHER]
        for key, track in tracks.items():
            frames, seconds = tape.played(track)
            assert frames > 20
            assert seconds == pytest.approx(track.duration_ms / 1000, abs=0.1)
            assert kept[key] - 0.1 <= seconds <= whole + 0.1
        assert before - 0.1 <= tracks[OTHER].offset_ms / 1000 <= after + 0.1
    assert escaped == []


async def test_nothing_is_written_that_can_be_read(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.has(0.5, SOUND)
        track = (await tape.close())[SOUND]
        held = tape.path(track.file).read_bytes()
        assert b"OpusHead" in opened(tape.path(track.file), KEY)
        assert b"OpusHead" not in held
        assert b"webm" not in held
        assert tape.path(track.file).stat().st_mode & 0o777 == 0o600


async def test_a_recorder_that_nobody_renews_writes_no_more(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.has(0.5, SOUND)
        tape.renewing = False
        await tape.is_("paused")
        await tape.gets_nothing()
        tape.renewing = True
        await tape.has(0.5, SOUND)
        frames, seconds = tape.played((await tape.close())[SOUND])
        assert seconds - frames * 0.02 > 0.5  # what was not recorded is a gap


async def test_one_who_has_not_agreed_stops_it_for_all(tmp_path: Path) -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "eve") as (ann, eve),
        taping(rooms, tmp_path) as tape,
    ):
        await ann.send()
        tape.open()
        await tape.has(0.5, SOUND)
        await eve.send()
        await tape.is_("paused")
        await tape.gets_nothing()
        agreed = tape.clock()
        tape.allowed.append("eve")
        await tape.has(0.5, SOUND, ("eve", "audio"))
        tracks = await tape.close()
        assert sorted(tracks) == [SOUND, ("eve", "audio")]
        assert tracks["eve", "audio"].offset_ms / 1000 >= agreed - 0.1


async def test_after_its_end_nothing_comes_and_the_end_is_told_again(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.has(0.5, SOUND)
        tracks = await tape.close()
        before = tape.written()
        await asyncio.sleep(0.5)
        assert await tape.close() == tracks
        assert tape.written() == before
        with pytest.raises(NotFound):
            tape.renew()
        with pytest.raises(SessionExists):
            tape.open()


async def test_what_it_held_is_freed_at_its_end(tmp_path: Path) -> None:
    kinds = (Recorder, Reel, Outgoing, Receiver)
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send(video=True)
        await until(lambda: alive(*kinds)["Receiver"] >= 2)
        gc.collect()
        before = alive(*kinds)
        tape.open()
        await tape.has(0.5, SOUND, PICTURE)
        with uncollected():
            await tape.close()
            assert alive(*kinds) == before


async def test_it_is_of_one_place_and_has_to_be_allowed_here(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann", place=NEXT) as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        with pytest.raises(EpochPast):
            tape.open()
        with pytest.raises(NotFound):
            tape.recordings.renew(record_grant(tape.id, NEXT, tape.session), allowed=["ann"])
        with pytest.raises(RecordingsOff):
            Recordings(rooms, None).open(record_grant(tape.id, NEXT), KEY, allowed=["ann"])


async def test_a_disk_that_fails_ends_it(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        tmp_path.joinpath(str(tape.id)).write_text("in the way")
        await ann.send()
        tape.open()
        await tape.is_("failed")
        assert await tape.close() == {}
