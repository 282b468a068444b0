"""Opens what a stranger sent and writes it anew, in a process of its own with nothing in it worth having.

    python -m telehealth.records.attachments.cleaning TYPE,TYPE,... <file >cleaned

The first line of the answer is JSON: {"kind": media type} and then the file, or {"unfit": why}. Pixels, pages and sound
are written into a new file, so what else was in the old one is gone: positions and names in Exif and XMP, comments,
thumbnails, archives behind the end. Of a PDF every object is looked at: actions other than leading to a page or a web
address, enclosed files and XMP metadata are emptied wherever they stand. The process may use so much memory and
processor time and no more: a bomb ends it, and nothing else.
"""

import io
import json
import os
import resource
import sys
import warnings
from collections.abc import Callable, Mapping

import av
import pikepdf
from av.error import FFmpegError
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from telehealth.records.attachments.rules import AUDIO, MOST_PIXELS, PHOTOS, FileType, Unfit, UnfitFile, file_type

MEMORY = 3 * 1024**3 // 2  # bytes of address space
SECONDS = 20  # of processor time
FORMATS: Mapping[FileType, str] = {FileType.JPEG: "JPEG", FileType.PNG: "PNG", FileType.WEBP: "WEBP"}
CONTAINERS: Mapping[FileType, tuple[str, str, frozenset[str]]] = {  # how it is read and written, and what may be in it
    FileType.MP3: ("mp3", "mp3", frozenset({"mp3", "mp3float"})),
    FileType.M4A: ("mov", "ipod", frozenset({"aac", "alac"})),
    FileType.OGG: ("ogg", "ogg", frozenset({"opus", "vorbis", "flac"})),
    FileType.WEBM: ("matroska", "webm", frozenset({"opus", "vorbis"})),
    FileType.WAV: ("wav", "wav", frozenset({"pcm_s16le", "pcm_s24le", "pcm_u8", "pcm_s32le", "pcm_f32le"})),
}
# What makes a PDF do something, or carry something, beside being read (ISO 32000-2, sections 7.7.2, 12.6 and 14.13).
ACTIVE_ROOT = ("/OpenAction", "/AA", "/AcroForm", "/JavaScript", "/Metadata", "/PieceInfo", "/Collection", "/AF")
ACTIVE_NAMES = ("/JavaScript", "/EmbeddedFiles", "/AlternatePresentations", "/Renditions")
ACTIVE_PAGE = ("/AA", "/Metadata", "/PieceInfo", "/AF", "/Thumb")
ACTIVE_ANNOTATIONS = frozenset({"/FileAttachment", "/Movie", "/Sound", "/Screen", "/RichMedia", "/3D", "/Widget"})

ACTIVE_ACTIONS = frozenset(  # all but GoTo and URI (ISO 32000-2, table 201)
    f"/{name}"
    for name in [
        "GoToR",
        "GoToE",
        "GoToDp",
        "Launch",
        "Thread",
        "Sound",
        "Movie",
        "Hide",
        "Named",
        "SubmitForm",
        "ResetForm",
        "ImportData",
        "JavaScript",
        "SetOCGState",
        "Rendition",
        "Trans",
        "GoTo3DView",
        "RichMediaExecute",
    ]
)


def clean(content: bytes, taken: frozenset[FileType]) -> tuple[FileType, bytes]:
    """The file as it may be kept. Raises UnfitFile."""
    kind = file_type(content[:64])
    if kind not in taken:
        raise UnfitFile(Unfit.NOT_TAKEN)
    make: Callable[[bytes, FileType], bytes] = _photo if kind in PHOTOS else _sound if kind in AUDIO else _document
    try:
        return kind, make(content, kind)
    except MemoryError:
        raise UnfitFile(Unfit.TOO_BIG_INSIDE) from None


def _photo(content: bytes, kind: FileType) -> bytes:
    """The pixels as they are looked at, upright and in sRGB; of an animation, its first picture."""
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=[FORMATS[kind]]) as opened:
                opened.load()
                pixels = _in_srgb(ImageOps.exif_transpose(opened))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise UnfitFile(Unfit.TOO_BIG_INSIDE) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError, IndexError):
        raise UnfitFile(Unfit.BROKEN) from None
    return _drawn(pixels, kind)


def _in_srgb(pixels: Image.Image) -> Image.Image:
    """Colours as they were meant: a photo of skin is looked at for its colours."""
    profile = pixels.info.get("icc_profile")
    mode = "RGBA" if pixels.has_transparency_data else "L" if pixels.mode in {"1", "L"} else "RGB"
    if profile and pixels.mode in {"RGB", "RGBA", "CMYK"}:
        try:
            given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(pixels, given, ImageCms.createProfile("sRGB"), outputMode=mode)
        except (ImageCms.PyCMSError, OSError, ValueError):
            return pixels.convert(mode)
        return pixels.convert(mode) if converted is None else converted
    return pixels.convert(mode)


def _drawn(pixels: Image.Image, kind: FileType) -> bytes:
    bare = Image.new(pixels.mode, pixels.size)  # what is not a pixel stays behind
    bare.paste(pixels)
    written = io.BytesIO()
    if kind is FileType.JPEG:
        (bare.convert("RGB") if bare.mode == "RGBA" else bare).save(written, "JPEG", quality=92, subsampling=0)
    else:
        bare.save(written, FORMATS[kind], **({"lossless": True, "method": 2} if kind is FileType.WEBP else {}))
    return written.getvalue()


def _document(content: bytes, _: FileType) -> bytes:
    """The pages, written anew: nothing before the first byte or after the last, nothing that acts, nothing enclosed."""
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            if not len(document.pages):
                raise UnfitFile(Unfit.EMPTY)
            _without(document.Root, ACTIVE_ROOT)
            _without(document.Root.get("/Names"), ACTIVE_NAMES)
            for page in document.pages:
                _without(page.obj, ACTIVE_PAGE)
                _quieten(page.obj)
            _silence(document)
            if "/Info" in document.trailer:
                del document.trailer["/Info"]
            document.remove_unreferenced_resources()
            written = io.BytesIO()
            document.save(written, encryption=False, deterministic_id=True)
    except pikepdf.PasswordError:
        raise UnfitFile(Unfit.LOCKED) from None
    except (pikepdf.PdfError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UnfitFile(Unfit.BROKEN) from None
    return written.getvalue()


def _silence(document: pikepdf.Pdf) -> None:
    """Every object, whatever leads to it: a link's further actions, outlines, notes that only a popup still names."""
    waiting: list[pikepdf.Object] = list(document.objects)
    while waiting:
        each = waiting.pop()
        if isinstance(each, pikepdf.Dictionary | pikepdf.Stream):
            _silence_one(each)
            inside = [each[key] for key in each.keys()]  # noqa: SIM118 -- a stream is iterated otherwise
        elif isinstance(each, pikepdf.Array):
            inside = list(each)
        else:
            continue
        waiting += [one for one in inside if isinstance(one, pikepdf.Object) and not one.is_indirect]


def _silence_one(each: pikepdf.Object) -> None:
    if isinstance(each, pikepdf.Stream):
        _without(each, ("/Metadata", "/PieceInfo", "/AF"))
        if str(each.get("/Type")) in {"/EmbeddedFile", "/Metadata"}:
            each.write(b"")
        return
    _disclose(each)
    kind, note = str(each.get("/S")), "/Rect" in each
    active = note and str(each.get("/Subtype")) in ACTIVE_ANNOTATIONS
    if active or kind in ACTIVE_ACTIONS or (kind == "/URI" and not _leads_to_web(each)):
        _without(each, tuple(each.keys()))
    elif kind in {"/URI", "/GoTo"}:
        _without(each, ("/Next",))
    elif note:
        _without(each, ("/AA", "/PA", "/AF"))


def _disclose(specification: pikepdf.Object) -> None:
    """What a file specification encloses goes (ISO 32000-2, section 7.11.4), whatever the stream says it is."""
    files = specification.get("/EF")
    if not isinstance(files, pikepdf.Dictionary):
        return
    held = [files[key] for key in files.keys() if isinstance(files[key], pikepdf.Stream)]  # noqa: SIM118
    for stream in held:
        stream.write(b"")
    _without(specification, ("/EF", "/RF") if held else ())


def _leads_to_web(action: pikepdf.Object) -> bool:
    return str(action.get("/URI", "")).lower().startswith(("http://", "https://", "mailto:", "tel:"))


def _quieten(page: pikepdf.Object) -> None:
    """Links stay where they lead to a page or a web address; what plays, runs or encloses goes."""
    notes = page.get("/Annots")
    if notes is None:
        return
    kept = [each for each in notes if isinstance(each, pikepdf.Dictionary) and _is_quiet(each)]
    kept = [each for each in kept if "/Parent" not in each or _is_quiet(each.Parent)]  # a popup goes with its note
    for each in kept:
        _without(each, ("/AA", "/AF"))
    page["/Annots"] = pikepdf.Array(kept)


def _is_quiet(note: pikepdf.Object) -> bool:
    action = note.get("/A")
    harmless = action is None or str(action.get("/S")) in {"/GoTo", "/URI"}
    return str(note.get("/Subtype")) not in ACTIVE_ANNOTATIONS and harmless


def _without(thing: pikepdf.Object | None, keys: tuple[str, ...]) -> None:
    for key in keys:
        if isinstance(thing, pikepdf.Dictionary | pikepdf.Stream) and key in thing:
            del thing[key]


def _sound(content: bytes, kind: FileType) -> bytes:
    """The same encoded sound in a new container, without titles, pictures and places."""
    reads, writes, codecs = CONTAINERS[kind]
    written = io.BytesIO()
    try:
        with av.open(io.BytesIO(content), "r", format=reads) as held, av.open(written, "w", format=writes) as file:
            streams = held.streams.audio
            if len(streams) != 1 or streams[0].codec.name not in codecs or _pictures(held):
                raise UnfitFile(Unfit.NOT_TAKEN)
            target = file.add_stream_from_template(streams[0])
            target.metadata.clear()
            count = 0
            for packet in held.demux(streams[0]):
                if packet.dts is not None:
                    packet.stream = target
                    file.mux(packet)
                    count += 1
    except (FFmpegError, OSError, ValueError, UnicodeError):
        raise UnfitFile(Unfit.BROKEN) from None
    if not count:
        raise UnfitFile(Unfit.EMPTY)
    return written.getvalue()


def _pictures(held: av.container.InputContainer) -> bool:
    """Whether it is a film. The cover of a song is a picture too, and is left behind."""
    return any(not stream.disposition & av.stream.Disposition.attached_pic for stream in held.streams.video)


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))  # SIGXCPU first: at the second one comes SIGKILL
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Reads, cleans, answers."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is not the answer
    _confine()
    try:
        kind, cleaned = clean(sys.stdin.buffer.read(), frozenset(map(FileType, sys.argv[1].split(","))))
    except UnfitFile as refused:
        answers.write(json.dumps({"unfit": refused.reason}).encode() + b"\n")
    else:
        answers.write(json.dumps({"kind": kind}).encode() + b"\n")
        answers.write(cleaned)
    answers.close()


if __name__ == "__main__":
    main()
