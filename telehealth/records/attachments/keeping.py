"""What happens to a file once every byte of it is here: lease it, open it elsewhere, put it away, write it down.

No transaction is open meanwhile. Whoever dies on the way leaves a lease that runs out, and the sweep begins again.
"""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from telehealth.core.sealed import SealedFileBroken
from telehealth.records.attachments import service
from telehealth.records.attachments.ports import Cleaned, Examiner, NotExamined, ObjectStore
from telehealth.records.attachments.queries import Stored
from telehealth.records.attachments.rules import MOST_TRIES, STORING_SECONDS, StorageAway, Unfit, UnfitFile
from telehealth.records.attachments.sealing import opened_object, sealed_object

log = logging.getLogger("telehealth.attachments")
Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Keeper:
    """`run` runs a command in a transaction of its own."""

    run: Run
    store: ObjectStore
    examiner: Examiner

    async def settle(self, attachment_id: UUID) -> bool:
        """Whether the file is kept now. Raises UnfitFile when it never will be."""
        async with self.examiner.turn():  # the lease begins after the queue
            received: service.Received | None = await self.run(service.claim, attachment_id)
            if received is None:
                return False
            cleaned = await self._examined(received)
        if cleaned is None:
            return False
        sealed = sealed_object(cleaned.content, received.object_id, received.key)
        try:
            async with asyncio.timeout(STORING_SECONDS):
                await self.store.put(received.object_id, sealed)
        except (StorageAway, TimeoutError):
            log.warning("attachment %s waits for the storage", attachment_id)
            await self.run(service.put_off, received, examined=True)
            return False
        if await self.run(service.keep, received, cleaned.kind, cleaned.content):
            return True
        with suppress(StorageAway):  # the sweep knows of it too
            await self.store.delete(received.object_id)
        return False

    async def _examined(self, received: service.Received) -> Cleaned | None:
        """None when it is put off. Raises UnfitFile, also for what has broken off every examination so far."""
        try:
            return await self._cleaned(received)
        except UnfitFile as unfit:
            await self.run(service.refuse, received, unfit.reason)
            raise
        except NotExamined as fault:
            log.warning("attachment %s is not examined yet: %s", received.id, fault)
            await self.run(service.put_off, received, examined=False)
            return None

    async def _cleaned(self, received: service.Received) -> Cleaned:
        if received.tries > MOST_TRIES:
            raise UnfitFile(Unfit.BROKEN)
        return await self.examiner.clean(received.content, taken=received.taken)

    async def read(self, stored: Stored) -> bytes:
        """The content, the very bytes that were kept. Raises StorageAway."""
        sealed = await self.store.get(stored.object_id)
        try:
            content = opened_object(sealed or b"", stored.object_id, stored.key)
        except SealedFileBroken as fault:
            log.error("attachment %s cannot be read: %s", stored.attachment.id, fault)  # noqa: TRY400 -- no trace needed
            raise StorageAway from None
        if hashlib.sha256(content).hexdigest() != stored.attachment.sha256:
            log.error("attachment %s is not what was kept", stored.attachment.id)
            raise StorageAway
        return content

    async def clear(self) -> int:
        """What a sweep does. Answers how many files it settled. What fails for one of them holds up no other."""
        found: service.Unsettled = await self.run(service.unsettled)
        for each in found.received:
            try:
                await self.settle(each)
            except UnfitFile as unfit:
                log.info("attachment %s is not kept: %s", each, unfit.reason)
            except Exception as fault:  # noqa: BLE001 -- such as a key that is not in the ring; only its kind is told
                log.error("attachment %s cannot be settled: %s", each, type(fault).__name__)  # noqa: TRY400
                await self.run(service.postpone, each)
        for attachment_id, object_id in found.objects:
            try:
                await self.store.delete(object_id)
            except StorageAway:
                break
            await self.run(service.forget_object, attachment_id, object_id)
        return len(found.received) + len(found.objects)
