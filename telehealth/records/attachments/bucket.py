"""Files in a bucket of an S3-compatible storage, addressed by path."""

from uuid import UUID

from telehealth.core.time import Clock
from telehealth.records.attachments.rules import StorageAway
from telehealth.records.attachments.signature import Credential, signed
from telehealth.tasks.outbound import NoAnswer, NotSent, Outbound, Reply

TRIES = 3


class BucketStore:
    """`ObjectStore` over HTTP. `bucket` is its address, such as https://s3.example.org/attachments."""

    def __init__(self, outbound: Outbound, bucket: str, credential: Credential, *, clock: Clock) -> None:
        self._outbound, self._bucket = outbound, bucket.rstrip("/")
        self._credential, self._clock = credential, clock

    async def put(self, name: UUID, content: bytes) -> None:
        reply = await self._send("PUT", name, content, {"content-type": "application/octet-stream"})
        if reply.status not in (200, 201, 204):
            raise StorageAway

    async def get(self, name: UUID) -> bytes | None:
        reply = await self._send("GET", name)
        if reply.status == 404:
            return None
        if reply.status != 200:
            raise StorageAway
        return reply.body

    async def delete(self, name: UUID) -> None:
        if (await self._send("DELETE", name)).status not in (200, 204, 404):
            raise StorageAway

    async def _send(
        self, method: str, name: UUID, content: bytes = b"", headers: dict[str, str] | None = None
    ) -> Reply:
        """Each of these may be done twice, so what failed by chance is tried again, signed anew."""
        for _ in range(TRIES):
            url = f"{self._bucket}/{name}.sealed"
            told = signed(method, url, self._credential, headers=headers or {}, content=content, at=self._clock.now())
            try:
                reply = await self._outbound.send(method, url, headers=told, content=content or None)
            except (NotSent, NoAnswer):
                continue
            if reply.status < 500:
                return reply
        raise StorageAway
