"""Decisions about files attached to a visit: which kinds there are, who may attach what, names, headers of uploads."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from urllib.parse import quote

from telehealth.core.actors import Role
from telehealth.core.errors import Kind, Refusal
from telehealth.visits.lifecycle.rules import BEFORE_CALL, IN_CALL, VisitStatus

KIBIBYTE = 1024
MEBIBYTE = 1024 * KIBIBYTE
MOST_OF_A_VISIT = 20
MOST_PIXELS = 50_000_000
UPLOAD_KEPT = timedelta(hours=24)  # an upload that nobody went on with
EXAMINING_SECONDS, STORING_SECONDS = 60, 200  # by the clock on the wall; three tries of a bucket are shorter
LEASE = timedelta(minutes=6)  # longer than both together
PUT_OFF = timedelta(minutes=3)
MOST_TRIES = 5  # examinations that broke off, whoever's fault that was
LONGEST_NAME = 100


class FileType(StrEnum):
    """What a file is by its content; the values are media types (IANA)."""

    JPEG = "image/jpeg"
    PNG = "image/png"
    WEBP = "image/webp"
    PDF = "application/pdf"
    MP3 = "audio/mpeg"
    M4A = "audio/mp4"
    OGG = "audio/ogg"
    WEBM = "audio/webm"
    WAV = "audio/wav"


SUFFIXES: Mapping[FileType, str] = {
    FileType.JPEG: "jpg",
    FileType.PNG: "png",
    FileType.WEBP: "webp",
    FileType.PDF: "pdf",
    FileType.MP3: "mp3",
    FileType.M4A: "m4a",
    FileType.OGG: "ogg",
    FileType.WEBM: "webm",
    FileType.WAV: "wav",
}
PHOTOS = frozenset({FileType.JPEG, FileType.PNG, FileType.WEBP})
AUDIO = frozenset({FileType.MP3, FileType.M4A, FileType.OGG, FileType.WEBM, FileType.WAV})
OF_PATIENTS = PHOTOS | {FileType.PDF}
OF_CLINICIANS = frozenset(FileType)


class Unfit(StrEnum):
    """Why a file is not kept."""

    UNKNOWN = "unknown-type"
    HEIC = "heic"
    NOT_TAKEN = "type-not-taken"
    EMPTY = "empty"
    BROKEN = "broken"
    TOO_BIG_INSIDE = "too-big-inside"
    LOCKED = "locked"


WORDS: Mapping[Unfit, str] = {
    Unfit.UNKNOWN: "It is not a photo, a PDF or a sound recording of a kind that is taken",
    Unfit.HEIC: "Photos in the HEIC format are not taken: send it as JPEG",
    Unfit.NOT_TAKEN: "Files of this kind are not taken here",
    Unfit.EMPTY: "There is nothing in it",
    Unfit.BROKEN: "It is damaged or not what it seems to be, and cannot be opened",
    Unfit.TOO_BIG_INSIDE: "It is too large once it is opened",
    Unfit.LOCKED: "It is locked with a password",
}


class UnfitFile(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-file", "This file cannot be kept"

    def __init__(self, reason: Unfit) -> None:
        super().__init__(WORDS[reason], reason=reason.value)
        self.reason = reason


class FileTooLarge(Refusal):
    """Also for more bytes than were announced. `largest` is in bytes."""

    kind, slug, title = Kind.TOO_LARGE, "file-too-large", "The file is larger than it may be"


class OffsetDiffers(Refusal):
    """Ask with HEAD how far the upload has come, and go on from there."""

    kind, slug, title = Kind.CONFLICT, "upload-offset-differs", "The upload has come to another place"


class UploadOver(Refusal):
    kind, slug, title = Kind.GONE, "upload-over", "This upload is over: begin another"


class TooManyFiles(Refusal):
    kind, slug, title = Kind.CONFLICT, "too-many-files", "No more files can be added to this visit"


class NoFileStorage(Refusal):
    """Nothing is accepted that could never be kept."""

    kind, slug, title = Kind.CONFLICT, "no-file-storage", "Files are not taken here: no storage for them is set up"


class NotToBeAttached(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-to-be-attached", "Files can be added before and during the visit"


class NotToBeRemoved(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-to-be-removed", "The visit is completed: its files stay"


class StorageAway(Refusal):
    kind, slug, title = Kind.AWAY, "storage-away", "Files cannot be read or kept for the moment"


class OtherProtocol(Refusal):
    """tus 1.0, section "Tus-Resumable": the versions that are spoken stand in Tus-Version."""

    kind, slug, title = Kind.STALE, "other-upload-protocol", "Uploads speak tus 1.0.0: say so with Tus-Resumable"


class BadUploadHeader(Refusal):
    kind, slug, title = Kind.MALFORMED, "bad-upload-header", "A header of the upload is missing or cannot be read"


class UploadState(StrEnum):
    """`received`: every byte is here, and it is being examined."""

    UPLOADING = "uploading"
    RECEIVED = "received"
    KEPT = "kept"
    REFUSED = "refused"
    REMOVED = "removed"


STEPS: Mapping[UploadState, frozenset[UploadState]] = {
    UploadState.UPLOADING: frozenset({UploadState.UPLOADING, UploadState.RECEIVED, UploadState.REMOVED}),
    UploadState.RECEIVED: frozenset({UploadState.KEPT, UploadState.REFUSED, UploadState.REMOVED}),
    UploadState.KEPT: frozenset({UploadState.REMOVED}),
    UploadState.REFUSED: frozenset(),
    UploadState.REMOVED: frozenset(),
}
NEVER_WAS = frozenset({VisitStatus.CANCELLED, VisitStatus.ENTERED_IN_ERROR})


def may_attach(role: Role, status: VisitStatus) -> bool:
    """Patients before and during the visit; the clinician also afterwards, unless it never was."""
    if role is Role.PATIENT:
        return status in BEFORE_CALL | IN_CALL
    return role is Role.CLINICIAN and status not in NEVER_WAS


def may_remove(status: VisitStatus) -> bool:
    return status is not VisitStatus.COMPLETED


def taken_from(*, by_patient: bool) -> frozenset[FileType]:
    return OF_PATIENTS if by_patient else OF_CLINICIANS


_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif"})
_MPEG_FRAME = re.compile(rb"\xff[\xe2-\xe7\xf2-\xf7\xfa-\xff]")  # sync word, MPEG 1, 2 or 2.5, layer III


def file_type(head: bytes) -> FileType:
    """What content that begins so claims to be; opening it tells whether it is. Raises UnfitFile.

    At least 16 bytes decide. Signatures: ITU-T T.81 B.1.1.3, W3C PNG 5.2, RFC 9649 (WebP), ISO 32000-2 7.5.2, RFC 9559
    (Matroska), RFC 3533 (Ogg), ISO/IEC 14496-12 4.3, ISO/IEC 11172-3 2.4.1.3.
    """
    if not head:
        raise UnfitFile(Unfit.EMPTY)
    for start, kind in (
        (b"\xff\xd8\xff", FileType.JPEG),
        (b"\x89PNG\r\n\x1a\n", FileType.PNG),
        (b"%PDF-", FileType.PDF),
        (b"OggS", FileType.OGG),
        (b"\x1a\x45\xdf\xa3", FileType.WEBM),
        (b"ID3", FileType.MP3),
    ):
        if head.startswith(start):
            return kind
    if head[:4] == b"RIFF":
        return _of_riff(head[8:12])
    if head[4:8] == b"ftyp":
        return _of_iso(head[8:12])
    if _MPEG_FRAME.match(head):
        return FileType.MP3
    raise UnfitFile(Unfit.UNKNOWN)


def _of_riff(form: bytes) -> FileType:
    match form:
        case b"WEBP":
            return FileType.WEBP
        case b"WAVE":
            return FileType.WAV
        case _:
            raise UnfitFile(Unfit.UNKNOWN)


def _of_iso(brand: bytes) -> FileType:
    if brand in _HEIF_BRANDS:
        raise UnfitFile(Unfit.HEIC)
    return FileType.M4A


_SEPARATORS = re.compile(r"[/\\:]")
_NOT_KEPT = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])")


def clean_name(given: str) -> str:
    """What to call a file: without folders, control and direction characters, and its suffix, which its content tells.

    At most 100 characters; `file` when nothing is left.
    """
    last = _SEPARATORS.split(unicodedata.normalize("NFC", given))[-1]
    kept = "".join(each for each in last if unicodedata.category(each) not in _NOT_KEPT and each not in '"*<>?|')
    stem = kept.strip(" .").rpartition(".")[0] or kept
    stem = " ".join(stem.strip(" .").split())[:LONGEST_NAME].strip(" .")
    return "file" if not stem or _DEVICES.fullmatch(stem) else stem


def disposition(name: str, kind: FileType) -> str:
    """Content-Disposition: always saved, never opened in our origin (RFC 6266; RFC 8187 for what is not ASCII)."""
    full = f"{name}.{SUFFIXES[kind]}"
    plain = "".join(each if each.isascii() and (each.isalnum() or each in " ._-") else "_" for each in full)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(full, safe='')}"


@dataclass(frozen=True, slots=True)
class Announced:
    """What an upload says of itself before its first byte."""

    length: int
    name: str

    def named(self, name: str) -> "Announced":
        return replace(self, name=name)


def announced(length: str | None, metadata: str | None, *, largest: int) -> Announced:
    """From Upload-Length and Upload-Metadata (tus 1.0). Raises BadUploadHeader, FileTooLarge."""
    size = count_of(length)
    if size == 0:
        raise UnfitFile(Unfit.EMPTY)
    if size > largest:
        raise FileTooLarge(largest=largest)
    return Announced(size, clean_name(_metadata(metadata or "").get("filename", "")))


def count_of(header: str | None) -> int:
    """A number of bytes. Raises BadUploadHeader."""
    if header is None or not re.fullmatch(r"[0-9]{1,15}", header):
        raise BadUploadHeader
    return int(header)


def _metadata(text: str) -> Mapping[str, str]:
    """Pairs `key base64`, separated by commas. Raises BadUploadHeader."""
    found: dict[str, str] = {}
    for pair in filter(None, (each.strip() for each in text.split(","))):
        key, _, value = pair.partition(" ")
        try:
            decoded = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadUploadHeader from None
        if key in found:
            raise BadUploadHeader
        found[key] = decoded
    return found
