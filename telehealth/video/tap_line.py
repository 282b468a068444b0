"""A request to the media node's control door about a recorder or a captioner: each with a grant of its own."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from telehealth.core.grants import GrantKind, MediaSessionId
from telehealth.core.grants import Place as GrantedPlace
from telehealth.tasks.outbound import NoAnswer, NotSent, Outbound, Reply, open_client
from telehealth.video.media_grants import GrantSigner
from telehealth.video.placement import Place
from telehealth.video.ports import MediaAway

DEADLINE_SECONDS = 1.0  # within which one that is not renewed still goes on
GRANT_LIFE = timedelta(seconds=15)  # the node remembers it as long, and there are several a second
NAMES = UUID("4d6f8f7c-9d0e-5a34-8a4e-6b1f0c5e2d11")


@dataclass(frozen=True, slots=True)
class TapLine:
    """`door` is what the node calls them in its paths."""

    client: Outbound
    signer: GrantSigner
    kind: GrantKind
    door: str

    async def send(  # noqa: PLR0917 -- a request
        self, method: str, place: Place, taken: UUID, now: datetime, body: Mapping[str, object] | None, query: str = ""
    ) -> Reply:
        """About that one, at that place. Raises MediaAway."""
        session = MediaSessionId(uuid5(NAMES, f"{taken} {place.epoch}"))
        granted = GrantedPlace(room=str(place.visit_id), epoch=place.epoch)
        grant = self.signer.sign(session, sub=str(taken), now=now, kind=self.kind, place=granted, life=GRANT_LIFE)
        headers = {"Authorization": f"Bearer {grant}", "Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        try:
            url = f"{place.url}/{self.door}/{session}{query}"
            return await self.client.send(method, url, headers=headers, content=content)
        except (NotSent, NoAnswer):
            raise MediaAway from None


@asynccontextmanager
async def open_tap_line(
    signer: GrantSigner | None, kind: GrantKind, door: str, *, largest_answer: int
) -> AsyncIterator[TapLine]:
    """With a connection of its own. Raises MediaAway where there is no signer."""
    if signer is None:
        raise MediaAway
    async with open_client(deadline=DEADLINE_SECONDS, max_bytes=largest_answer, connections=1) as client:
        yield TapLine(client, signer, kind, door)
