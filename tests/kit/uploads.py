"""Sending files as a browser does, by tus, and a directory for them that can be away."""

import base64
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx

from telehealth.records.attachments.directory import DirectoryStore, NoStore
from telehealth.records.attachments.ports import ObjectStore

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = {**TUS, "Content-Type": "application/offset+octet-stream"}


class Storage:
    """A directory that can be away."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.away = directory, False

    def now(self) -> ObjectStore:
        return NoStore() if self.away else DirectoryStore(self.directory)

    async def put(self, name: UUID, content: bytes) -> None:
        await self.now().put(name, content)

    async def get(self, name: UUID) -> bytes | None:
        return await self.now().get(name)

    async def delete(self, name: UUID) -> None:
        await self.now().delete(name)

    def objects(self) -> list[Path]:
        return sorted(self.directory.glob("*"))


@dataclass(frozen=True)
class Door:
    """One person's way to the files of the visit."""

    client: httpx.AsyncClient
    path: str
    credential: dict[str, str]

    async def begin(self, length: int, name: str = "mole.jpg", **headers: str) -> httpx.Response:
        told = {"Upload-Length": str(length), "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}"}
        return await self.client.post(self.path, headers={**self.credential, **TUS, **told, **headers})

    async def send(self, at: str, offset: int, content: object) -> httpx.Response:
        headers = {**self.credential, **BYTES, "Upload-Offset": str(offset)}
        return await self.client.patch(at, headers=headers, content=content)  # type: ignore[arg-type]

    async def offset(self, at: str) -> tuple[int, str | None]:
        told = await self.client.head(at, headers={**self.credential, **TUS})
        return told.status_code, told.headers.get("upload-offset")

    async def attach(self, content: bytes, name: str = "mole.jpg") -> httpx.Response:
        begun = await self.begin(len(content), name)
        assert begun.status_code == 201, begun.text
        return await self.send(begun.headers["location"], 0, content)

    async def listed(self) -> list[dict[str, object]]:
        answer = await self.client.get(self.path, headers=self.credential)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, object]] = answer.json()["items"]
        return found

    async def read(self, attachment: object) -> httpx.Response:
        return await self.client.get(f"{self.path}/{attachment}", headers=self.credential)
