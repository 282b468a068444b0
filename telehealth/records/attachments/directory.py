"""Files in a directory of this machine, which web and worker share."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from telehealth.records.attachments.rules import StorageAway

Result = TypeVar("Result")


class DirectoryStore:
    """`ObjectStore`: one file for each object, readable by its owner only."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, name: UUID, content: bytes) -> None:
        await self._tried(lambda: self._put(name, content))

    async def get(self, name: UUID) -> bytes | None:
        return await self._tried(lambda: self._get(name))

    async def delete(self, name: UUID) -> None:
        await self._tried(lambda: self._path(name).unlink(missing_ok=True))

    def _path(self, name: UUID) -> Path:
        return self._directory / f"{name}.sealed"

    def _put(self, name: UUID, content: bytes) -> None:
        """Written beside, then renamed: a machine that stops leaves no half of an object."""
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._directory / f"{name}.new"
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path(name))
        entries = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(entries)
        finally:
            os.close(entries)

    def _get(self, name: UUID) -> bytes | None:
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            return None

    async def _tried(self, action: Callable[[], Result]) -> Result:
        try:
            return await asyncio.to_thread(action)
        except OSError:
            raise StorageAway from None


class NoStore:
    """`ObjectStore` of a house that was not told where to keep files."""

    async def put(self, name: UUID, content: bytes) -> None:
        del name, content
        raise StorageAway

    async def get(self, name: UUID) -> bytes | None:
        del name
        raise StorageAway

    async def delete(self, name: UUID) -> None:
        del name
        raise StorageAway
