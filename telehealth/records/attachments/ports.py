"""Where files are kept, and who opens what strangers send, in our words."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from telehealth.records.attachments.rules import FileType


@dataclass(frozen=True, slots=True)
class Limits:
    """`largest` is what one file may have, in bytes; `kept`: whether the house was told where to keep files."""

    largest: int
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A file as it is kept: nothing in it but what is shown or heard."""

    kind: FileType
    content: bytes


class ObjectStore(Protocol):
    """Objects by name; what is in them is sealed before it comes here. Every function raises StorageAway."""

    async def put(self, name: UUID, content: bytes) -> None:
        """Durable when it returns, whole or not at all; puts over what is there."""
        ...

    async def get(self, name: UUID) -> bytes | None:
        """None when there is no such object."""
        ...

    async def delete(self, name: UUID) -> None:
        """Deleting what is not there changes nothing."""
        ...


class NotExamined(Exception):
    """The examination broke off, which says nothing of the file. The text tells how, and nothing of what is in it."""


class Examiner(Protocol):
    def turn(self) -> AbstractAsyncContextManager[None]:
        """Entered once this machine can open one more file; `clean` is called inside."""
        ...

    async def clean(self, content: bytes, *, taken: frozenset[FileType]) -> Cleaned:
        """The file without what nobody sees or hears. Raises UnfitFile, NotExamined."""
        ...
