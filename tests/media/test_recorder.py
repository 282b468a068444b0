"""Recordings of calls through the node between aiortc peers: what is on the disk afterwards, and what is not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_bytes
from uuid import UUID, uuid4

import pytest

from telehealth.core.errors import NotFound
from telehealth.core.grants import MediaSessionId, Place
from telehealth.media.node import SessionExists
from telehealth.media.recorder import LEASE
from telehealth.media.recordings import Recordings, RecordingsOff
from telehealth.media.rooms import EpochPast, Rooms
from telehealth.media.schemas import RecordedTrack
from tests.kit.guests import ROOM, guests, open_rooms
from tests.kit.recordings import opened, played, record_grant

KEY = token_bytes(32)
NEXT = Place(room=ROOM.room, epoch=2)


class Taping:
    """One recording, kept alive like a web process does."""

    def __init__(self, recordings: Recordings, directory: Path) -> None:
        self.recordings, self.id, self.session = recordings, uuid4(), MediaSessionId(uuid4())
        self.directory = directory / str(self.id)
        self.allowed = ["ann", "bob"]
        self.renewing = True

    def open(self) -> None:
        self.recordings.open(record_grant(self.id, ROOM, self.session), KEY, allowed=self.allowed)

    async def on(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.1)):
            await asyncio.sleep(0.1)
            if self.renewing:
                self.renew()

    def renew(self) -> None:
        self.recordings.renew(record_grant(self.id, ROOM, self.session), allowed=self.allowed)

    async def close(self) -> dict[tuple[str, str], RecordedTrack]:
        view = await self.recordings.close(record_grant(self.id, ROOM, self.session))
        assert view.state == "over"
        return {(each.participant, each.kind): each for each in view.tracks}

    def seconds(self, track: RecordedTrack) -> float:
        return played(opened(self.path(track.file), KEY))[1]

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
    async with open_rooms() as rooms, guests(rooms, "ann", "bob") as (ann, bob), taping(rooms, tmp_path) as tape:
        await ann.send(video=True)
        tape.open()
        await tape.on(1)
        await bob.send()
        await tape.on(3)
        tracks = await tape.close()
        assert sorted(tracks) == [("ann", "audio"), ("ann", "video"), ("bob", "audio")]
        for track in tracks.values():
            frames, seconds = played(opened(tape.path(track.file), KEY))
            assert frames > 20
            assert seconds == pytest.approx(track.duration_ms / 1000, abs=0.1)
        assert tape.seconds(tracks["ann", "audio"]) == pytest.approx(4, abs=0.7)
        assert tape.seconds(tracks["bob", "audio"]) == pytest.approx(3, abs=0.7)
        assert tracks["bob", "audio"].offset_ms - tracks["ann", "audio"].offset_ms == pytest.approx(1000, abs=500)
    assert escaped == []


async def test_nothing_is_written_that_can_be_read(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.on(1.5)
        track = (await tape.close())["ann", "audio"]
        held = tape.path(track.file).read_bytes()
        assert b"OpusHead" in opened(tape.path(track.file), KEY)
        assert b"OpusHead" not in held
        assert b"webm" not in held
        assert tape.path(track.file).stat().st_mode & 0o777 == 0o600


async def test_a_recorder_that_nobody_renews_writes_no_more(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.on(1)
        tape.renewing = False
        await tape.on(LEASE + 0.4)
        before = tape.written()
        await tape.on(1.5)
        assert tape.written() == before
        tape.renewing = True
        await tape.on(2)
        track = (await tape.close())["ann", "audio"]
        frames, seconds = played(opened(tape.path(track.file), KEY))
        assert seconds == pytest.approx(1 + LEASE + 0.4 + 1.5 + 2, abs=0.8)
        assert frames * 0.02 == pytest.approx(1 + LEASE + 2, abs=0.9)  # what was not recorded is a gap


async def test_one_who_has_not_agreed_stops_it_for_all(tmp_path: Path) -> None:
    async with (
        open_rooms() as rooms,
        guests(rooms, "ann", "eve") as (ann, eve),
        taping(rooms, tmp_path) as tape,
    ):
        await ann.send()
        tape.open()
        await tape.on(1)
        await eve.send()
        await tape.on(0.3)
        before = tape.written()
        await tape.on(1.5)
        assert tape.written() == before
        assert tape.recordings.view(record_grant(tape.id, ROOM, tape.session)).state == "paused"
        tape.allowed.append("eve")
        await tape.on(1.5)
        tracks = await tape.close()
        assert sorted(tracks) == [("ann", "audio"), ("eve", "audio")]
        assert tape.seconds(tracks["eve", "audio"]) < 1.6


async def test_after_its_end_nothing_comes_and_the_end_is_told_again(tmp_path: Path) -> None:
    async with open_rooms() as rooms, guests(rooms, "ann") as (ann,), taping(rooms, tmp_path) as tape:
        await ann.send()
        tape.open()
        await tape.on(1)
        tracks = await tape.close()
        before = tape.written()
        await asyncio.sleep(0.5)
        assert await tape.close() == tracks
        assert tape.written() == before
        with pytest.raises(NotFound):
            tape.renew()
        with pytest.raises(SessionExists):
            tape.open()


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
        await tape.on(3)
        assert tape.recordings.view(record_grant(tape.id, ROOM, tape.session)).state == "failed"
        assert await tape.close() == {}
