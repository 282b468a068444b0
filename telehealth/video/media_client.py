"""The media node's control door, as the web process knocks at it: WHIP-shaped (RFC 9725), one grant a request."""

import json
from datetime import datetime
from uuid import UUID

from telehealth.core.grants import MediaSessionId
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Reply, open_client
from telehealth.video.media_grants import GrantSigner
from telehealth.video.ports import MediaAway, OfferRefused

DEADLINE_SECONDS = 5.0
RETRY_SECONDS = 10
LARGEST_ANSWER = 256 * 1024
WHAT_TO_DO = "You can go on without the check. It can be tried again in a moment."


class HttpMediaNode:
    """`MediaNode` over HTTP. Without a signer there is no node to ask."""

    def __init__(self, url: str, signer: GrantSigner | None) -> None:
        self._url = url.rstrip("/")
        self._signer = signer

    async def answer(self, session: MediaSessionId, offer: str, *, sub: UUID, now: datetime) -> str:
        if self._signer is None:
            raise _away()
        reply = await self._put(session, offer, self._signer.sign(session, sub=str(sub), now=now))
        if reply.status in (400, 413, 422):
            raise OfferRefused
        if reply.status != 201:
            raise _away()
        return _sdp(reply)

    async def _put(self, session: MediaSessionId, offer: str, grant: str) -> Reply:
        """A client for each call: a patient checks once or twice, and nothing stays open in between."""
        try:
            async with open_client(deadline=DEADLINE_SECONDS, max_bytes=LARGEST_ANSWER, connections=1) as client:
                return await client.send(
                    "PUT",
                    f"{self._url}/sessions/{session}",
                    headers={"Authorization": f"Bearer {grant}", "Content-Type": "application/json"},
                    content=json.dumps({"type": "offer", "sdp": offer}).encode(),
                )
        except (NotSent, NoAnswer):
            raise _away() from None


def _sdp(reply: Reply) -> str:
    try:
        match reply.json():
            case {"type": "answer", "sdp": str(sdp)}:
                return sdp
            case _:
                raise _away()
    except NotJson:
        raise _away() from None


def _away() -> MediaAway:
    return MediaAway(WHAT_TO_DO, retry_after=RETRY_SECONDS)
