"""What happens to a file once every byte of it is here: lease it, open it elsewhere, put it away, write it down.

No transaction is open meanwhile. Whoever dies on the way leaves a lease that runs out, and the sweep begins again.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from telehealth.core.sealed import SealedFileBroken
from telehealth.records.attachments import service
from telehealth.records.attachments.ports import Examiner, ObjectStore
from telehealth.records.attachments.queries import Stored
from telehealth.records.attachments.rules import StorageAway, UnfitFile
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
        received: service.Received | None = await self.run(service.claim, attachment_id)
        if received is None:
            return False
        try:
            cleaned = await self.examiner.clean(received.content, taken=received.taken)
        except UnfitFile as unfit:
            await self.run(service.refuse, received, unfit.reason)
            raise
        try:
            if received.before is not None:
                await self.store.delete(received.before)
            await self.store.put(received.object_id, sealed_object(cleaned.content, received.object_id, received.key))
        except StorageAway:
            log.warning("attachment %s waits for the storage", attachment_id)
            await self.run(service.put_off, received)
            return False
        if await self.run(service.keep, received, cleaned.kind, cleaned.content):
            return True
        await self.store.delete(received.object_id)
        return False

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
        """What a sweep does. Answers how many files it settled."""
        found: service.Unsettled = await self.run(service.unsettled)
        for each in found.received:
            try:
                await self.settle(each)
            except UnfitFile as unfit:
                log.info("attachment %s is not kept: %s", each, unfit.reason)
        for attachment_id, object_id in found.objects:
            try:
                await self.store.delete(object_id)
            except StorageAway:
                break
            await self.run(service.forget_object, attachment_id, object_id)
        return len(found.received) + len(found.objects)
