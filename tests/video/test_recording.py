"""A call recorded: real pages, a real media node, a real disk. Who agrees, who takes it back, what is on the disk."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import Browser

from telehealth.core.actors import SYSTEM, Actor
from telehealth.db.unit import UnitOfWork
from telehealth.video import opening, recordings
from telehealth.video.recordings import Kept
from tests.kit.call_process import Behind, running_web
from tests.kit.calls import Side, chromium, open_companion, open_side
from tests.kit.company import companion_of
from tests.kit.media_process import running_node
from tests.kit.meetings import Meeting
from tests.kit.nodes import a_node_reports
from tests.kit.patience import until, until_it
from tests.kit.recordings import opened, played
from tests.kit.signalling import behind

pytestmark = pytest.mark.browser
ON = "window.room?.recording?.on === true"
ASKED = "window.room?.recording?.waits_for.includes(room.you.participant)"
OVER = "window.room && !window.room.recording"
STOPS_WITHIN = 2.0  # on a machine of one's own


@dataclass
class Recorded:
    """The clinician and the patient in a call, and the directory where a recording would be."""

    host: Side
    patient: Side
    browser: Browser
    web: Behind
    meeting: Meeting
    companion: Actor
    directory: Path
    unit_of_work: UnitOfWork

    async def begin(self) -> None:
        """The clinician asks, the patient agrees, and the recorder is there."""
        for side in (self.host, self.patient):
            await side.becomes("connected")
        await self.host.do('call.say("record_request", { on: true })')
        await self.patient.until(ASKED)
        await self.agree(self.patient)
        for side in (self.host, self.patient):
            await side.until(ON)
        await self.grows(4)

    async def agree(self, side: Side, *, given: bool = True) -> None:
        """To what the page knows to be asked, or to be recorded; a page that comes back hears of it anew."""
        await side.until("window.room && room.recording")
        await side.do(f'call.say("consent", {{ recording: room.recording.id, given: {str(given).lower()} }})')

    async def grows(self, files: int) -> None:
        """Waits until there are so many files, and each of them grows."""
        await until(lambda: len(self.sizes()) >= files)
        before = self.sizes()
        await until(lambda: all(size > before.get(name, 0) for name, size in self.sizes().items()))

    def sizes(self) -> dict[str, int]:
        return {each.name: each.stat().st_size for each in self.directory.glob("*/*.sealed")}

    @property
    def id(self) -> UUID:
        (only,) = self.directory.iterdir()
        return UUID(only.name)

    async def kept(self, *, withdrawn: int = 0) -> Kept:
        """The recording once it is over, and so many consents are taken back."""
        found = await self._read()

        async def is_over() -> bool:
            nonlocal found
            found = await self._read()
            taken_back = sum(each.withdrawn_at is not None for each in found.consents)
            return found.stopped_at is not None and taken_back == withdrawn

        await until_it(is_over)
        return found

    async def _read(self) -> Kept:
        return await self.unit_of_work.run(recordings.read, SYSTEM, self.id)


@pytest.fixture
async def recorded(  # noqa: PLR0917 -- fixtures
    database: str, valkey: str, meeting: Meeting, unit_of_work: UnitOfWork, tmp_path: Path
) -> AsyncIterator[Recorded]:
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    with running_node({"TELEHEALTH_RECORDINGS_DIR": str(tmp_path)}) as node:
        await a_node_reports(unit_of_work, node.url)
        web = behind(database, valkey, meeting, companion, grant_key=node.private, recordings=str(tmp_path))
        with running_web(web):
            async with chromium() as browser:
                host = await open_side(browser, web, meeting, host=True)
                patient = await open_side(browser, web, meeting, host=False)
                yield Recorded(host, patient, browser, web, meeting, companion, tmp_path, unit_of_work)


async def test_a_withdrawn_consent_stops_it_and_what_there_is_plays_and_verifies(recorded: Recorded) -> None:
    """Nothing is in it that was said after everybody had heard of its end."""
    await withdrawn(recorded)


@pytest.mark.soak
async def test_on_a_machine_of_ones_own_it_stops_in_two_seconds(recorded: Recorded) -> None:
    assert await withdrawn(recorded) < STOPS_WITHIN


async def withdrawn(recorded: Recorded) -> float:
    """Seconds until the last of what was recorded after a consent was withdrawn."""
    await recorded.host.until("window.offered === true")
    assert recorded.sizes() == {}
    await recorded.begin()
    await asyncio.sleep(2)  # of what plays
    asked = time.time()
    await recorded.agree(recorded.patient, given=False)
    for side in (recorded.host, recorded.patient):
        await side.until(OVER)
    kept = await recorded.kept(withdrawn=1)
    over, sizes = time.time(), recorded.sizes()
    await asyncio.sleep(1)
    assert recorded.sizes() == sizes
    assert (kept.why, kept.key is None) == ("declined", False)
    assert sorted(each.kind for each in kept.tracks) == ["audio", "audio", "video", "video"]
    assert kept.started_at is not None
    last = 0.0
    for track in kept.tracks:
        path = opening.path_of(recorded.directory, kept.id, track)
        assert opening.examine(recorded.directory, kept.id, track, kept.key or b"").fault is None
        frames, seconds = played(opened(path, kept.key or b""))
        assert frames > 20
        assert seconds == pytest.approx(track.duration_ms / 1000, abs=0.1)
        last = max(last, kept.started_at.timestamp() + (track.offset_ms + track.duration_ms) / 1000)
    assert last <= over
    return last - asked


@pytest.mark.soak
async def test_who_comes_later_is_recorded_only_when_they_agree(recorded: Recorded) -> None:
    await recorded.begin()
    third = await open_companion(recorded.browser, recorded.web, recorded.meeting)
    await third.until(ASKED)
    await recorded.host.until("room.recording.on === false")
    await asyncio.sleep(0.5)
    before = recorded.sizes()
    await third.until("window.faces?.().length === 2 && faces().every((frames) => frames > 5)")
    await asyncio.sleep(1)
    assert recorded.sizes() == before
    await recorded.agree(third)
    for side in (recorded.host, recorded.patient, third):
        await side.until(ON)
    await recorded.grows(6)
    await recorded.host.do('call.say("record_request", { on: false })')
    kept = await recorded.kept()
    assert kept.why == "stopped"
    assert {each.participant for each in kept.tracks} == {each.participant for each in kept.consents}
    assert len(kept.consents) == 3
