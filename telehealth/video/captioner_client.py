"""Captioners at the media node's control door, as the web process knocks there (media/control.py)."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from telehealth.core.grants import GrantKind
from telehealth.tasks.outbound import NotJson, Reply
from telehealth.video.media_grants import GrantSigner
from telehealth.video.placement import Place
from telehealth.video.ports import CaptionerLine, CaptionPermit, Line, MediaAway, TakingLost, Transcript
from telehealth.video.tap_line import TapLine, open_tap_line

LARGEST_ANSWER = 256 * 1024


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    number: int
    participant: UUID
    text: str
    final: bool


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    state: str
    number: int
    lines: list[_Line]


class HttpCaptioners:
    """`Captioners` over HTTP. Without a signer there are none."""

    def __init__(self, signer: GrantSigner | None, *, offered: bool) -> None:
        self._signer = signer
        self.offered = offered and signer is not None

    def line(self) -> AbstractAsyncContextManager[CaptionerLine]:
        return self._line()

    @asynccontextmanager
    async def _line(self) -> AsyncIterator[CaptionerLine]:
        opened = open_tap_line(self._signer, GrantKind.CAPTION, "captions", largest_answer=LARGEST_ANSWER)
        async with opened as line:
            yield HttpCaptionerLine(line)


class HttpCaptionerLine:
    def __init__(self, line: TapLine) -> None:
        self._line = line

    async def renew(self, place: Place, permit: CaptionPermit, after: int | None, now: datetime) -> Transcript:
        whom: Mapping[str, object] = {"speakers": {str(each): spoken for each, spoken in permit.speakers.items()}}
        reply = await self._line.send("PATCH", place, permit.captions, now, whom, query=_after(after))
        if reply.status == 404 and not permit.speakers:
            return Transcript(number=0, lines=(), away=False)
        if reply.status == 404:
            reply = await self._line.send("PUT", place, permit.captions, now, whom)
        return _transcript(reply)

    async def read(self, place: Place, captions: UUID, after: int | None, now: datetime) -> Transcript:
        reply = await self._line.send("GET", place, captions, now, None, query=_after(after))
        return Transcript(number=0, lines=(), away=False) if reply.status == 404 else _transcript(reply)

    async def stop(self, place: Place, captions: UUID, now: datetime) -> None:
        reply = await self._line.send("DELETE", place, captions, now, None)
        if reply.status not in (204, 404):
            raise MediaAway


def _after(number: int | None) -> str:
    return "" if number is None else f"?after={number}"


def _transcript(reply: Reply) -> Transcript:
    if reply.status == 409:
        raise TakingLost
    if reply.status not in (200, 201):
        raise MediaAway
    try:
        answer = _Answer.model_validate(reply.json())
    except (NotJson, ValidationError):
        raise MediaAway from None
    lines = tuple(Line(**each.model_dump()) for each in answer.lines)
    return Transcript(number=answer.number, lines=lines, away=answer.state == "away")
