"""Files of a visit on the wire."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.records.attachments.rules import FileType, UploadState


class AttachmentView(Message):
    """`media_type`, `octets` and `sha256` are of what is kept, which is not what was sent, to the byte."""

    id: UUID
    name: str
    state: UploadState
    media_type: FileType | None
    octets: int | None
    sha256: str | None
    by_patient: bool
    created_at: Instant


class AttachmentsView(Message):
    items: list[AttachmentView]
    largest: Annotated[int, Field(description="bytes that one file may have")]


class UploadView(Message):
    """`upload` is the path that the bytes go to, as Location says too."""

    id: UUID
    upload: str
