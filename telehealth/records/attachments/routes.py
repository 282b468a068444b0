"""The ways to the files of a visit: one door for the clinician who gives it, one for its patient; both speak tus."""

from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Purpose, Scope
from telehealth.core.errors import NotFound
from telehealth.http.call import Call, Reply
from telehealth.http.operation import Documented, operation, page
from telehealth.http.problems import UnsupportedMediaType
from telehealth.records.attachments import pages, queries, service, uploads
from telehealth.records.attachments.ports import Limits
from telehealth.records.attachments.rules import (
    BadUploadHeader,
    FileTooLarge,
    FileType,
    NoFileStorage,
    NotToBeAttached,
    NotToBeRemoved,
    OffsetDiffers,
    OtherProtocol,
    StorageAway,
    TooManyFiles,
    UnfitFile,
    UploadOver,
)
from telehealth.records.attachments.schemas import AttachmentsView, AttachmentView, UploadView

# The clinician's door


async def list_attachments(call: Call, visit: UUID) -> AttachmentsView:
    """The files of the visit: what you and the patient attached."""
    return await _listed(call, visit)


async def create_attachment(call: Call, visit: UUID) -> Reply[UploadView]:
    """Begin an upload (tus 1.0.0, creation): Upload-Length, and the name in Upload-Metadata."""
    return await uploads.create(call, visit, f"/v1/visits/{visit}/attachments")


async def tell_attachment(call: Call, visit: UUID, attachment: UUID) -> Response:
    """How far your upload has come (tus 1.0.0)."""
    return await uploads.tell(call, visit, attachment)


async def upload_attachment(call: Call, visit: UUID, attachment: UUID) -> Response:
    """Go on with your upload (tus 1.0.0): bytes from Upload-Offset on."""
    return await uploads.go_on(call, visit, attachment)


async def read_attachment(call: Call, visit: UUID, attachment: UUID) -> Response:
    """The file itself, to be saved."""
    return await uploads.saved(call, await call.run(queries.stored, visit, attachment))


async def remove_attachment(call: Call, visit: UUID, attachment: UUID) -> None:
    """Take away what you attached, until the visit is completed."""
    await call.run(service.remove, visit, attachment)


# The patient's door


async def list_own_files(call: Call, visit: UUID) -> AttachmentsView:
    """What you sent for your visit."""
    return await _listed(call, visit)


async def create_own_file(call: Call, visit: UUID) -> Reply[UploadView]:
    """Begin to send a photo or a PDF (tus 1.0.0, creation): Upload-Length, and the name in Upload-Metadata."""
    return await uploads.create(call, visit, f"/v1/visits/{visit}/files")


async def tell_own_file(call: Call, visit: UUID, attachment: UUID) -> Response:
    """How far your upload has come (tus 1.0.0)."""
    return await uploads.tell(call, visit, attachment)


async def upload_own_file(call: Call, visit: UUID, attachment: UUID) -> Response:
    """Go on with your upload (tus 1.0.0): bytes from Upload-Offset on."""
    return await uploads.go_on(call, visit, attachment)


async def read_own_file(call: Call, visit: UUID, attachment: UUID) -> Response:
    """What you sent, to be saved."""
    return await uploads.saved(call, await call.run(queries.stored, visit, attachment))


async def remove_own_file(call: Call, visit: UUID, attachment: UUID) -> None:
    """Take away what you sent, until the visit is completed."""
    await call.run(service.remove, visit, attachment)


async def _listed(call: Call, visit: UUID) -> AttachmentsView:
    items = [AttachmentView.model_validate(each) for each in await call.run(queries.files_of, visit)]
    return AttachmentsView(items=items, largest=call.port(Limits).largest)


ATTACHMENTS, FILES = "/v1/visits/{visit:uuid}/attachments", "/v1/visits/{visit:uuid}/files"
_ONE, _UPLOAD = "{attachment:uuid}", "{attachment:uuid}/upload"
_NOTES, _CARE, _JOIN, _OWN = Scope.NOTES_WRITE, Purpose.TREATMENT, Scope.VISITS_JOIN, Purpose.PATIENT_REQUEST
_CREATING = (
    *(NotFound, OtherProtocol, BadUploadHeader, UnfitFile, FileTooLarge),
    *(NoFileStorage, NotToBeAttached, TooManyFiles),
)
_TELLING = (NotFound, OtherProtocol, UploadOver)
_GOING_ON = (
    *(NotFound, OtherProtocol, BadUploadHeader, UnsupportedMediaType),
    *(OffsetDiffers, UploadOver, FileTooLarge, UnfitFile, NotToBeAttached),
)
_READING, _REMOVING = (NotFound, StorageAway), (NotFound, NotToBeRemoved)
_TUS = uploads.SPOKEN
_CONTENT = tuple(Documented(200, kind.value) for kind in FileType)
OPERATIONS = (
    operation("GET", ATTACHMENTS, list_attachments, needs=_NOTES, purpose=_CARE, errors=(NotFound,)),
    operation(
        "POST", ATTACHMENTS, create_attachment, needs=_NOTES, purpose=_CARE, status=201, always=_TUS, errors=_CREATING
    ),
    operation(
        "HEAD", f"{ATTACHMENTS}/{_UPLOAD}", tell_attachment, needs=_NOTES, purpose=_CARE, always=_TUS, errors=_TELLING
    ),
    operation(
        "PATCH",
        f"{ATTACHMENTS}/{_UPLOAD}",
        upload_attachment,
        needs=_NOTES,
        purpose=_CARE,
        status=204,
        always=_TUS,
        errors=_GOING_ON,
    ),
    operation(
        "GET",
        f"{ATTACHMENTS}/{_ONE}",
        read_attachment,
        needs=_NOTES,
        purpose=_CARE,
        errors=_READING,
        answers=_CONTENT,
    ),
    operation(
        "DELETE", f"{ATTACHMENTS}/{_ONE}", remove_attachment, needs=_NOTES, purpose=_CARE, status=204, errors=_REMOVING
    ),
    operation("GET", FILES, list_own_files, needs=_JOIN, purpose=_OWN, errors=(NotFound,)),
    operation("POST", FILES, create_own_file, needs=_JOIN, purpose=_OWN, status=201, always=_TUS, errors=_CREATING),
    operation("HEAD", f"{FILES}/{_UPLOAD}", tell_own_file, needs=_JOIN, purpose=_OWN, always=_TUS, errors=_TELLING),
    operation(
        "PATCH",
        f"{FILES}/{_UPLOAD}",
        upload_own_file,
        needs=_JOIN,
        purpose=_OWN,
        status=204,
        always=_TUS,
        errors=_GOING_ON,
    ),
    operation("GET", f"{FILES}/{_ONE}", read_own_file, needs=_JOIN, purpose=_OWN, errors=_READING, answers=_CONTENT),
    operation("DELETE", f"{FILES}/{_ONE}", remove_own_file, needs=_JOIN, purpose=_OWN, status=204, errors=_REMOVING),
)
ROOM, OWN = "/visits/{visit:uuid}/attachments", "/visit/files"
_SENDING = (UnfitFile, FileTooLarge, NoFileStorage, NotToBeAttached, TooManyFiles)
PAGES = (
    page("POST", ROOM, pages.attach_file, needs=_NOTES, purpose=_CARE, errors=(NotFound, *_SENDING)),
    page("POST", f"{ROOM}/{_ONE}/remove", pages.remove_file, needs=_NOTES, purpose=_CARE, errors=_REMOVING),
    page("GET", OWN, pages.own_files, needs=_JOIN, purpose=_OWN),
    page("POST", OWN, pages.send_file, needs=_JOIN, purpose=_OWN, errors=_SENDING),
    page("POST", f"{OWN}/{_ONE}/remove", pages.take_back_file, needs=_JOIN, purpose=_OWN, errors=_REMOVING),
)
SOCKETS = ()
