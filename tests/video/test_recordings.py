"""Recordings as rows and files: who agrees, whether it may go on, what is found when a file was touched."""

import asyncio
import json
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from uuid import UUID, uuid4

import av
import psycopg
import pytest
from typer.testing import CliRunner, Result

from telehealth.cli.commands import app
from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ParticipantId
from telehealth.core.ports import Ports
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.call import Kit
from telehealth.http.locales import Locales
from telehealth.http.pages import open_pages
from telehealth.media.keyframes import Codec
from telehealth.media.matroska import Writer, form_of
from telehealth.media.sealing import SealedFile
from telehealth.tasks.work import Work
from telehealth.video import recordings, takings
from telehealth.video.keeping_recordings import KeepingRecordings
from telehealth.video.language import Ask, Event, Finish, KeepConsent, Taking, TapAsked
from telehealth.video.memory import MemoryRooms
from telehealth.video.opening import examine, export, path_of
from telehealth.video.ports import MediaAway, Permit, RecorderLine, Recorders, RoomBus, TakingLost, Track
from telehealth.video.room import Room, Tap
from telehealth.video.tasks import sweep_expired, sweep_recordings
from telehealth.visits.lifecycle import service as visits
from telehealth.visits.participants import queries as participants
from tests.cli.test_accounts import settings
from tests.kit.company import companion_of
from tests.kit.meetings import Meeting
from tests.media.test_containers import encoded, packets, unpacked

MONTH = timedelta(days=30)
KEY, SOMEBODY = token_bytes(32), UUID(int=1)
Touch = Callable[[list[bytes]], Sequence[bytes]]


class Recording:
    """Of that meeting, asked for by its clinician."""

    def __init__(self, unit_of_work: UnitOfWork, meeting: Meeting, present: Sequence[ParticipantId]) -> None:
        self.id, self.present = uuid4(), list(present)
        self.taking = Taking(Tap.RECORDING, self.id)
        self._run, self._visit = unit_of_work.run, meeting.visit_id

    async def ask(self) -> None:
        await self._run(recordings.ask, SYSTEM, self._visit, self.id, self.present[0])

    async def answer(self, person: ParticipantId, *, given: bool) -> None:
        await self._run(takings.answer, SYSTEM, self._visit, KeepConsent(self.taking, person, given))

    async def permit(self) -> Permit | None:
        return await self._run(recordings.permit, SYSTEM, self._visit, self.id, self.present)

    async def finish(self) -> None:
        await self._run(
            recordings.finish, SYSTEM, self._visit, Finish(self.taking, 1, self.present[0], "stopped"), kept_for=MONTH
        )


@pytest.fixture
async def recording(unit_of_work: UnitOfWork, meeting: Meeting) -> Recording:
    everyone = await unit_of_work.run(participants.participants_of, SYSTEM, meeting.visit_id)
    present = sorted(everyone, key=lambda each: not each.host)
    made = Recording(unit_of_work, meeting, [each.id for each in present])
    await made.ask()
    return made


async def test_nobody_is_recorded_until_all_who_are_there_agree(recording: Recording, clock: FixedClock) -> None:
    first = await recording.permit()
    assert first is not None
    assert first.participants == ()
    assert await recording.permit() is None  # somebody has just asked
    clock.advance(timedelta(seconds=1))
    await recording.answer(recording.present[1], given=True)
    second = await recording.permit()
    assert second is not None
    assert set(second.participants) == set(recording.present)
    assert second.key == first.key


async def test_who_is_there_without_a_consent_stops_it(
    recording: Recording, clock: FixedClock, unit_of_work: UnitOfWork, meeting: Meeting
) -> None:
    await recording.answer(recording.present[1], given=True)
    companion = await companion_of(unit_of_work, meeting, let_in=True)
    assert companion.id is not None
    recording.present.append(ParticipantId(companion.id))
    refused = await recording.permit()
    assert refused is not None
    assert refused.participants == ()
    clock.advance(timedelta(seconds=1))
    await recording.answer(ParticipantId(companion.id), given=True)
    allowed = await recording.permit()
    assert allowed is not None
    assert len(allowed.participants) == 3
    clock.advance(timedelta(seconds=1))
    await recording.answer(recording.present[1], given=False)
    withdrawn = await recording.permit()
    assert withdrawn is not None
    assert withdrawn.participants == ()


async def test_a_recording_is_told_of_once_it_is_written_down(
    unit_of_work: UnitOfWork, meeting: Meeting, tmp_path: Path
) -> None:
    """However quickly somebody answers then, perhaps at another process; and one that is over is not told of again."""
    present = [each.id for each in await unit_of_work.run(participants.participants_of, SYSTEM, meeting.visit_id)]
    asked = Recording(unit_of_work, meeting, present)
    ports = Ports({RoomBus: MemoryRooms(), Recorders: NoNode(tmp_path)})
    told: list[Event] = []

    async def apply(event: Event) -> Room:
        told.append(event)
        await asked.answer(present[1], given=True)
        return Room()

    keeping = KeepingRecordings(Kit(unit_of_work, ports, open_pages(Locales.load()), ""), meeting.visit_id, apply)
    await keeping.perform(SYSTEM, Ask(asked.taking, present[0]))
    assert [type(each) for each in told] == [TapAsked]
    permit = await asked.permit()
    assert permit is not None
    assert set(permit.participants) == set(present)
    await asked.finish()
    await keeping.perform(SYSTEM, Ask(asked.taking, present[0]))
    assert len(told) == 1


@pytest.mark.parametrize("began", [False, True])
async def test_what_is_declined_before_it_began_is_over_at_once(
    recording: Recording, unit_of_work: UnitOfWork, meeting: Meeting, tmp_path: Path, *, began: bool
) -> None:
    """No media node knows of it yet. One that does may still write: that it is over is kept when it is known to be."""
    if began:
        await recording.answer(recording.present[1], given=True)
        await recording.permit()

    async def apply(_event: Event) -> Room:
        return Room()

    ports = Ports({RoomBus: MemoryRooms(), Recorders: NoNode(tmp_path)})
    keeping = KeepingRecordings(Kit(unit_of_work, ports, open_pages(Locales.load()), ""), meeting.visit_id, apply)
    await keeping.perform(SYSTEM, Finish(recording.taking, 1, recording.present[1], "declined"))
    kept = await unit_of_work.run(recordings.read, SYSTEM, recording.id)
    told = (None, None) if began else ("declined", recording.present[1])
    assert (kept.why, kept.stopped_by) == told


async def test_it_ends_with_the_visit(
    recording: Recording, unit_of_work: UnitOfWork, meeting: Meeting, clock: FixedClock
) -> None:
    await recording.answer(recording.present[1], given=True)
    assert await unit_of_work.run(takings.left_open, SYSTEM, Tap.RECORDING) == []
    await unit_of_work.run(visits.connected, SYSTEM, meeting.visit_id)
    await unit_of_work.run(visits.end, meeting.clinician, meeting.visit_id)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(TakingLost):
        await recording.permit()
    assert await unit_of_work.run(takings.left_open, SYSTEM, Tap.RECORDING) == [(recording.taking, meeting.visit_id)]
    await recording.finish()
    assert await unit_of_work.run(takings.left_open, SYSTEM, Tap.RECORDING) == []


async def test_its_time_over_the_key_is_gone(
    recording: Recording, unit_of_work: UnitOfWork, clock: FixedClock, database: str
) -> None:
    await recording.finish()
    kept = await unit_of_work.run(recordings.read, SYSTEM, recording.id)
    assert kept.key is not None
    clock.advance(MONTH - timedelta(seconds=1))
    assert await unit_of_work.run(recordings.expired) == []
    clock.advance(timedelta(seconds=1))
    assert await unit_of_work.run(recordings.expired) == [recording.id]
    await unit_of_work.run(recordings.delete, SYSTEM, recording.id)
    with pytest.raises(recordings.RecordingGone):
        await unit_of_work.run(recordings.read, SYSTEM, recording.id)
    with psycopg.connect(database) as connection:
        traces = connection.execute("SELECT action FROM audit_event WHERE entity = 'recording'").fetchall()
    assert sorted(action for (action,) in traces) == ["create", "delete", "read", "update"]


def film(directory: Path, recording: UUID, key: bytes = KEY, *, participant: UUID = SOMEBODY) -> Track:
    """Three seconds of sound, in four chunks."""
    frames = unpacked(Codec.OPUS, packets(encoded(Codec.OPUS, 150)))
    writer, file = Writer(form_of(Codec.OPUS, None, b"")), SealedFile(directory / str(recording), uuid4(), key)
    file.append(writer.header)
    for each in frames:
        if cluster := writer.add(each.data, (each.timestamp - frames[0].timestamp) // 48, key=True):
            file.append(cluster)
    file.close(writer.cut())
    return Track(
        file=file.name,
        participant=participant,
        kind="audio",
        number=0,
        codec="opus",
        offset_ms=0,
        duration_ms=2980,
        chunks=file.chunks,
        octets=file.octets,
        head=file.head,
    )


def chunks_of(path: Path) -> list[bytes]:
    """The preamble and each chunk with its head."""
    data, found, at = path.read_bytes(), list[bytes](), 26
    found.append(data[:at])
    while at < len(data):
        end = at + 5 + int.from_bytes(data[at : at + 4], "big")
        found.append(data[at:end])
        at = end
    return found


@pytest.mark.parametrize(
    "touch",
    [
        pytest.param(lambda c: [*c[:2], c[2][:40] + bytes((c[2][40] ^ 1,)) + c[2][41:], *c[3:]], id="a flipped bit"),
        pytest.param(lambda c: c[:-1], id="a cut tail"),
        pytest.param(lambda c: [*c[:-1], c[-1][:-7]], id="half a tail"),
        pytest.param(lambda c: [*c[:2], c[3], c[2], *c[4:]], id="two swapped"),
        pytest.param(lambda c: [*c[:2], *c[3:]], id="one missing"),
        pytest.param(lambda c: [*c[:3], c[2], *c[3:]], id="one twice"),
        pytest.param(lambda c: [*c, c[2]], id="one more at the end"),
        pytest.param(lambda c: [*c[:2], c[2][:4] + b"\x01" + c[2][5:]], id="an earlier chunk made the last"),
        pytest.param(lambda c: [c[0][:-1] + bytes([c[0][-1] ^ 1]), *c[1:]], id="another name"),
        pytest.param(lambda c: c[:1], id="nothing left"),
    ],
)
def test_whatever_is_done_to_a_file_is_found(tmp_path: Path, touch: Touch) -> None:
    recording = uuid4()
    track = film(tmp_path, recording)
    path = path_of(tmp_path, recording, track)
    assert len(chunks_of(path)) == 5
    assert examine(tmp_path, recording, track, KEY).fault is None
    assert examine(tmp_path, recording, track, bytes(32)).fault is not None
    path.write_bytes(b"".join(touch(chunks_of(path))))
    assert examine(tmp_path, recording, track, KEY).fault is not None


def test_a_file_in_place_of_another_is_found(tmp_path: Path) -> None:
    recording = uuid4()
    one, two = film(tmp_path, recording), film(tmp_path, recording)
    path_of(tmp_path, recording, one).write_bytes(path_of(tmp_path, recording, two).read_bytes())
    assert examine(tmp_path, recording, one, KEY).fault == "it is not the file of this name"


def test_what_is_exported_has_its_length(tmp_path: Path) -> None:
    recording = uuid4()
    track = film(tmp_path, recording)
    written = export(path_of(tmp_path, recording, track), track, KEY, tmp_path / "1-audio")
    assert written == tmp_path / "1-audio.webm"
    with av.open(str(written)) as file:
        assert (file.duration or 0) / av.time_base == pytest.approx(3, abs=0.1)
        assert file.streams.audio[0].codec_context.name in ("opus", "libopus")


async def test_verified_and_exported_from_the_command_line(
    recording: Recording, unit_of_work: UnitOfWork, tmp_path: Path, database: str
) -> None:
    env = settings(database) | {
        "TELEHEALTH_DATA_KEYS": f"test:{b64encode(b'k' * 32).decode()}",
        "TELEHEALTH_RECORDINGS_DIR": str(tmp_path / "kept"),
    }

    async def tell(*argv: str) -> Result:
        state = ("--state", str(tmp_path / "none"))
        return await asyncio.to_thread(CliRunner().invoke, app, ["recordings", *argv, *state], env=env)

    permit = await recording.permit()
    assert permit is not None
    track = film(tmp_path / "kept", recording.id, b64decode(permit.key), participant=recording.present[1])
    await unit_of_work.run(recordings.note, SYSTEM, recording.id, [track])
    await recording.finish()
    assert f"{recording.id}  visit " in (await tell("list")).output
    whole = await tell("verify", str(recording.id))
    assert (whole.exit_code, whole.output.splitlines()[-1]) == (0, "1 files, 0 faults")
    assert (await tell("export", str(recording.id), "--to", str(tmp_path / "out"))).exit_code == 0
    told = json.loads((tmp_path / "out" / "recording.json").read_text())
    assert [each["name"] for each in told["files"]] == ["1-audio.webm"]
    assert len(told["consents"]) == 1
    path = path_of(tmp_path / "kept", recording.id, track)
    held = path.read_bytes()
    path.write_bytes(held[:-1] + bytes([held[-1] ^ 1]))
    broken = await tell("verify", str(recording.id))
    assert broken.exit_code == 1
    assert "chunk 3 is not what was written there" in broken.output
    refused = await tell("export", str(recording.id), "--to", str(tmp_path / "again"))
    assert refused.exit_code == 1
    assert not list((tmp_path / "again").glob("*.webm"))


def files_in(directory: Path) -> list[str]:
    return [each.name for each in directory.rglob("*")]


class NoNode:
    """`Recorders` whose nodes do not answer."""

    kept_for = MONTH

    def __init__(self, directory: Path) -> None:
        self.directory: Path | None = directory

    @asynccontextmanager
    async def line(self) -> AsyncIterator[RecorderLine]:
        raise MediaAway
        yield


async def test_what_nobody_keeps_alive_is_over_and_deleted_in_its_time(
    recording: Recording, unit_of_work: UnitOfWork, clock: FixedClock, tmp_path: Path
) -> None:
    recorders: Recorders = NoNode(tmp_path)
    work = Work(unit_of_work, Ports({Recorders: recorders}), clock)
    film(tmp_path, recording.id)
    await recording.permit()
    clock.advance(timedelta(seconds=14))
    assert await sweep_recordings(work) == 0
    clock.advance(timedelta(seconds=2))
    assert await sweep_recordings(work) == 1
    kept = await unit_of_work.run(recordings.read, SYSTEM, recording.id)
    assert (kept.why, kept.stopped_by, kept.stopped_at) == ("over", None, clock.now())
    assert await sweep_expired(work) == 0
    clock.advance(MONTH)
    assert await sweep_expired(work) == 1
    assert files_in(tmp_path) == []
    with pytest.raises(recordings.RecordingGone):
        await unit_of_work.run(recordings.read, SYSTEM, recording.id)
