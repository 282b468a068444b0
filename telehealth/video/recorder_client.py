"""Recorders at the media node's control door, as the web process knocks there (media/control.py)."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from pydantic import TypeAdapter, ValidationError

from telehealth.core.grants import GrantKind, MediaSessionId
from telehealth.core.grants import Place as GrantedPlace
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, Reply, open_client
from telehealth.video.media_grants import GrantSigner
from telehealth.video.placement import Place
from telehealth.video.ports import MediaAway, Permit, RecorderLine, RecorderLost, Track

DEADLINE_SECONDS = 1.0  # within which a recorder that is not renewed still goes on
LARGEST_ANSWER = 1024 * 1024
NAMES = UUID("4d6f8f7c-9d0e-5a34-8a4e-6b1f0c5e2d11")
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
        if self._signer is None:
            raise MediaAway
        async with open_client(deadline=DEADLINE_SECONDS, max_bytes=LARGEST_ANSWER, connections=1) as client:
            yield HttpRecorderLine(client, self._signer)


class HttpRecorderLine:
    def __init__(self, client: Outbound, signer: GrantSigner) -> None:
        self._client, self._signer = client, signer

    async def renew(self, place: Place, permit: Permit, now: datetime) -> Sequence[Track]:
        whom = {"participants": [str(each) for each in permit.participants]}
        reply = await self._send("PATCH", place, permit.recording, now, whom)
        if reply.status == 404 and not permit.participants:
            return ()
        if reply.status == 404:
            reply = await self._send("PUT", place, permit.recording, now, {**whom, "key": permit.key})
        if reply.status == 409:
            raise RecorderLost
        if reply.status not in (200, 201):
            raise MediaAway
        return _tracks(reply)

    async def stop(self, place: Place, recording: UUID, now: datetime) -> Sequence[Track]:
        reply = await self._send("DELETE", place, recording, now, None)
        if reply.status == 404:
            return ()
        if reply.status != 200:
            raise MediaAway
        return _tracks(reply)

    async def _send(  # noqa: PLR0917 -- a request
        self, method: str, place: Place, recording: UUID, now: datetime, body: Mapping[str, object] | None
    ) -> Reply:
        session = MediaSessionId(uuid5(NAMES, f"{recording} {place.epoch}"))
        granted = GrantedPlace(room=str(place.visit_id), epoch=place.epoch)
        grant = self._signer.sign(session, sub=str(recording), now=now, kind=GrantKind.RECORD, place=granted)
        headers = {"Authorization": f"Bearer {grant}", "Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        try:
            url = f"{place.url}/recordings/{session}"
            return await self._client.send(method, url, headers=headers, content=content)
        except (NotSent, NoAnswer):
            raise MediaAway from None


def _tracks(reply: Reply) -> Sequence[Track]:
    """Raises RecorderLost when it has failed."""
    try:
        match reply.json():
            case {"state": "failed"}:
                raise RecorderLost
            case {"tracks": list(tracks)}:
                return TRACKS.validate_python(tracks)
    except (NotJson, ValidationError):
        raise MediaAway from None
    raise MediaAway
