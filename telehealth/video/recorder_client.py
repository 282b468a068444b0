"""Recorders at the media node's control door, as the web process knocks there (media/control.py)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from telehealth.core.grants import GrantKind
from telehealth.tasks.outbound import NotJson, Reply
from telehealth.video.media_grants import GrantSigner
from telehealth.video.placement import Place
from telehealth.video.ports import MediaAway, Permit, RecorderLine, TakingLost, Track
from telehealth.video.tap_line import TapLine, open_tap_line

LARGEST_ANSWER = 1024 * 1024
TRACKS: TypeAdapter[list[Track]] = TypeAdapter(list[Track])


class HttpRecorders:
    """`Recorders` over HTTP. Without a signer or a directory there is none."""

    def __init__(self, signer: GrantSigner | None, directory: Path | None, kept_for: timedelta) -> None:
        self._signer = signer
        self.directory = directory if signer is not None else None
        self.kept_for = kept_for

    def line(self) -> AbstractAsyncContextManager[RecorderLine]:
        return self._line()

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[RecorderLine]:
        opened = open_tap_line(self._signer, GrantKind.RECORD, "recordings", largest_answer=LARGEST_ANSWER)
        async with opened as line:
            yield HttpRecorderLine(line)


class HttpRecorderLine:
    def __init__(self, line: TapLine) -> None:
        self._line = line

    async def renew(self, place: Place, permit: Permit, now: datetime) -> Sequence[Track]:
        whom = {"participants": [str(each) for each in permit.participants]}
        reply = await self._line.send("PATCH", place, permit.recording, now, whom)
        if reply.status == 404 and not permit.participants:
            return ()
        if reply.status == 404:
            reply = await self._line.send("PUT", place, permit.recording, now, {**whom, "key": permit.key})
        if reply.status == 409:
            raise TakingLost
        if reply.status not in (200, 201):
            raise MediaAway
        return _tracks(reply)

    async def stop(self, place: Place, recording: UUID, now: datetime) -> Sequence[Track]:
        reply = await self._line.send("DELETE", place, recording, now, None)
        if reply.status == 404:
            return ()
        if reply.status != 200:
            raise MediaAway
        return _tracks(reply)


def _tracks(reply: Reply) -> Sequence[Track]:
    """Raises TakingLost when it has failed."""
    try:
        match reply.json():
            case {"state": "failed"}:
                raise TakingLost
            case {"tracks": list(tracks)}:
                return TRACKS.validate_python(tracks)
    except (NotJson, ValidationError):
        raise MediaAway from None
    raise MediaAway
