"""Resumable uploads: tus 1.0.0, core protocol with the extensions creation and expiration (tus.io).

Every piece of at most a mebibyte is durable by itself: a connection that is cut loses less than one.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from datetime import datetime
from email.utils import format_datetime
from uuid import UUID

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from telehealth.db.unit import Unit
from telehealth.http.body import media_type
from telehealth.http.call import Call, Reply
from telehealth.http.problems import MalformedBody, UnsupportedMediaType
from telehealth.records.attachments import queries, service
from telehealth.records.attachments.keeping import Keeper
from telehealth.records.attachments.ports import Examiner, Limits, ObjectStore
from telehealth.records.attachments.queries import Stored
from telehealth.records.attachments.rules import (
    MEBIBYTE,
    UPLOAD_KEPT,
    Announced,
    FileTooLarge,
    NoFileStorage,
    OtherProtocol,
    announced,
    clean_name,
    count_of,
    disposition,
)
from telehealth.records.attachments.schemas import UploadView

VERSION = "1.0.0"
SPOKEN = {"Tus-Resumable": VERSION, "Tus-Version": VERSION, "Tus-Extension": "creation,expiration"}
PIECE = MEBIBYTE
BYTES = "application/offset+octet-stream"
FORM = "multipart/form-data"
FORM_HEAD = 64 * 1024  # of a form beside its file
CONFINED = "default-src 'none'; sandbox"  # Content-Security-Policy of what came from outside


async def create(call: Call, visit: UUID, at: str) -> Reply[UploadView]:
    """Creation. `at` is the path of the uploads of the visit."""
    _speaks(call)
    await _has_storage(call, visit)
    asked = announced(call.header("upload-length"), call.header("upload-metadata"), largest=call.port(Limits).largest)
    upload, now = await call.run(_begun, visit, asked)
    location, expires = f"{at}/{upload}/upload", format_datetime(now + UPLOAD_KEPT, usegmt=True)
    return Reply(UploadView(id=upload, upload=location), headers={"Location": location, "Upload-Expires": expires})


async def _begun(unit: Unit, visit: UUID, asked: Announced) -> tuple[UUID, datetime]:
    return await service.begin(unit, visit, asked), unit.now


async def tell(call: Call, visit: UUID, attachment: UUID) -> Response:
    """How far it has come."""
    _speaks(call)
    found = await call.run(queries.progress, visit, attachment)
    told = {"Upload-Offset": str(found.offset), "Upload-Length": str(found.length)}
    return Response(headers={**told, "Cache-Control": "no-store"})


async def go_on(call: Call, visit: UUID, attachment: UUID) -> Response:
    """Bytes from the offset on. When they are the last, the file is examined before the answer."""
    _speaks(call)
    if media_type(call.request) != BYTES:
        raise UnsupportedMediaType
    offset = count_of(call.header("upload-offset"))
    found = await call.run(queries.progress, visit, attachment)
    if offset + int(call.header("content-length") or 0) > found.length:
        raise FileTooLarge(largest=found.length)
    reached = await call.run(service.append, visit, attachment, offset=offset, content=b"")
    async for piece in _pieces(call.request):
        reached = await call.run(service.append, visit, attachment, offset=reached.offset, content=piece)
    if reached.complete:
        await keeper(call).settle(attachment)
    return Response(status_code=204, headers={"Upload-Offset": str(reached.offset)})


async def take_form(call: Call, visit: UUID) -> None:
    """A file from a form (RFC 7578), for pages without scripts; it never touches the disk. Raises as `go_on` does."""
    await call.run(queries.visit_with_files, visit)
    await _has_storage(call, visit)
    largest = call.port(Limits).largest
    name, content = await _uploaded(call.request, largest)
    upload = await call.run(service.begin, visit, announced(str(len(content)), None, largest=largest).named(name))
    for start in range(0, len(content), PIECE):
        await call.run(service.append, visit, upload, offset=start, content=content[start : start + PIECE])
    await keeper(call).settle(upload)


async def saved(call: Call, stored: Stored) -> Response:
    """The file, to be saved: never shown in our origin, whatever it holds."""
    content, attachment = await keeper(call).read(stored), stored.attachment
    assert attachment.media_type is not None  # noqa: S101 -- what is kept has one
    headers = {
        "Content-Disposition": disposition(attachment.name, attachment.media_type),
        "Content-Security-Policy": CONFINED,
        "Cache-Control": "no-store",
    }
    return Response(content, media_type=attachment.media_type.value, headers=headers)


def keeper(call: Call) -> Keeper:
    return Keeper(call.run, call.port(ObjectStore), call.port(Examiner))


async def _has_storage(call: Call, visit: UUID) -> None:
    if not call.port(Limits).kept:
        await call.run(queries.visit_with_files, visit)  # who may not know of the visit is told nothing else
        raise NoFileStorage


def _speaks(call: Call) -> None:
    if call.header("tus-resumable") != VERSION:
        raise OtherProtocol


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body in pieces; what came before the connection was cut is a piece too."""
    held = bytearray()
    try:
        async for chunk in request.stream():
            held += chunk
            while len(held) >= PIECE:
                yield bytes(held[:PIECE])
                del held[:PIECE]
    except ClientDisconnect:
        pass
    if held:
        yield bytes(held)


class _InMemory(MultiPartParser):
    """Files of forms are spooled to the disk when they are large: not these, which are not sealed yet."""

    spool_max_size = 1024 * MEBIBYTE


async def _uploaded(request: Request, largest: int) -> tuple[str, bytes]:
    """Name and content of the one file of a form. Raises FileTooLarge, MalformedBody, UnsupportedMediaType."""
    if media_type(request) != FORM:
        raise UnsupportedMediaType
    parser = _InMemory(request.headers, _bounded(request, largest), max_files=1, max_fields=4)
    try:
        form = await parser.parse()
    except MultiPartException:
        raise MalformedBody from None
    file = form.get("file")
    if not isinstance(file, UploadFile):
        raise MalformedBody
    content = await file.read()
    await file.close()
    return clean_name(file.filename or ""), content


async def _bounded(request: Request, largest: int) -> AsyncGenerator[bytes, None]:
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > largest + FORM_HEAD:
            raise FileTooLarge(largest=largest)
        yield chunk
