"""What strangers send is written anew: the picture, the pages and the sound stay, everything else goes."""

import io
import signal

import av
import pikepdf
import pytest
from PIL import Image

from telehealth.records.attachments.cleaning import clean
from telehealth.records.attachments.examiner import ProcessExaminer, told
from telehealth.records.attachments.ports import NotExamined
from telehealth.records.attachments.rules import OF_CLINICIANS, OF_PATIENTS, FileType, Unfit, UnfitFile
from tests.kit import files

ENDLESS = 40_000


def unfit(content: bytes, taken: frozenset[FileType] = OF_CLINICIANS) -> Unfit:
    with pytest.raises(UnfitFile) as refused:
        clean(content, taken)
    return refused.value.reason


def image(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


@pytest.mark.parametrize(("form", "kind"), [("JPEG", FileType.JPEG), ("PNG", FileType.PNG), ("WEBP", FileType.WEBP)])
def test_a_photo_stays_what_it_shows(form: str, kind: FileType) -> None:
    sent = files.photo(form)
    found, kept = clean(sent, OF_PATIENTS)
    assert found is kind
    before, after = image(sent).convert("L"), image(kept).convert("L")
    assert after.size == before.size
    worst = max(abs(a - b) for a, b in zip(before.tobytes(), after.tobytes(), strict=True))
    assert worst <= (6 if kind is FileType.JPEG else 1)


def test_where_and_by_whom_a_photo_was_taken_is_not_kept_and_it_comes_out_upright() -> None:
    sent = files.told_photo(orientation=6)
    assert image(sent).size == (64, 48)
    assert image(sent).getexif().get_ifd(0x8825)
    _, kept = clean(sent, OF_PATIENTS)
    after = image(kept)
    assert after.size == (48, 64)
    assert not after.getexif()
    assert "comment" not in after.info
    assert files.PLACE.encode() not in kept
    assert files.MARK not in kept


def test_an_archive_behind_a_photo_is_not_kept() -> None:
    _, kept = clean(files.photo() + files.archive(), OF_PATIENTS)
    assert b"PK" not in kept[-100:]
    assert b"evil.html" not in kept


def test_an_archive_behind_a_document_is_not_kept() -> None:
    kind, kept = clean(files.document() + files.archive(), OF_PATIENTS)
    assert kind is FileType.PDF
    assert b"evil.html" not in kept
    assert kept.rstrip().endswith(b"%%EOF")


def test_a_document_does_nothing_and_encloses_nothing() -> None:
    sent = files.document(script=True, enclosed=True)
    with pikepdf.open(io.BytesIO(sent)) as before:
        assert "/OpenAction" in before.Root
        assert len(before.attachments) == 1
    _, kept = clean(sent, OF_PATIENTS)
    with pikepdf.open(io.BytesIO(kept)) as after:
        assert "/OpenAction" not in after.Root
        assert "/AA" not in after.pages[0].obj
        assert len(after.attachments) == 0
        assert len(after.pages) == 1
        assert "/Info" not in after.trailer
        told = b"".join(each.read_bytes() for each in after.objects if isinstance(each, pikepdf.Stream))
    assert files.MARK not in told
    assert b"app.alert" not in kept


def acting() -> bytes:
    """A PDF that acts and encloses from where few look."""
    made = pikepdf.new()
    made.add_blank_page(page_size=(200, 200))
    name, box = pikepdf.Name, [0, 0, 9, 9]

    def script() -> pikepdf.Object:
        return made.make_indirect(pikepdf.Dictionary(S=name.JavaScript, JS="app.alert(1)"))

    enclosed = made.make_stream(b"MZ" + files.MARK)
    spec = made.make_indirect(pikepdf.Dictionary(Type=name.Filespec, F="x", EF=pikepdf.Dictionary(F=enclosed)))
    launch = pikepdf.Dictionary(S=name.Launch, F="calc.exe", Next=script())
    link = pikepdf.Dictionary(Type=name.Annot, Subtype=name.Link, Rect=box, PA=script())
    link.A = pikepdf.Dictionary(S=name.URI, URI="https://example.org/", Next=launch)
    other = pikepdf.Dictionary(Type=name.Annot, Subtype=name.Link, Rect=box)
    other.A = pikepdf.Dictionary(S=name.URI, URI="javascript:app.alert(1)")
    pinned = made.make_indirect(pikepdf.Dictionary(Type=name.Annot, Subtype=name.FileAttachment, Rect=box, FS=spec))
    popup = pikepdf.Dictionary(Type=name.Annot, Subtype=name.Popup, Rect=box, Parent=pinned)
    made.pages[0].obj.Annots = pikepdf.Array([link, other, pinned, made.make_indirect(popup)])
    made.Root.Outlines = made.make_indirect(pikepdf.Dictionary(First=pikepdf.Dictionary(Title="One", A=script())))
    picture = made.make_stream(b"\0", Type=name.XObject, Subtype=name.Image, Width=1, Height=1, BitsPerComponent=8)
    picture.ColorSpace = name.DeviceGray
    picture.Metadata = made.make_stream(files.PLACE.encode(), Type=name.Metadata, Subtype=name.XML)
    made.pages[0].obj.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Metadata=picture))
    made.pages[0].contents_add(b"q /Metadata Do Q")
    made.Root.Elsewhere = pikepdf.Array([spec, made.make_stream(files.MARK, Type=name.EmbeddedFile)])
    written = io.BytesIO()
    made.save(written)
    return written.getvalue()


def test_a_document_does_nothing_from_anywhere_and_its_links_and_pictures_stay() -> None:
    _, kept = clean(acting(), OF_PATIENTS)
    with pikepdf.open(io.BytesIO(kept)) as after:
        bare = io.BytesIO()
        after.save(bare, compress_streams=False, object_stream_mode=pikepdf.ObjectStreamMode.disable)
        (link,) = [each for each in after.pages[0].obj.Annots if "/A" in each and "/URI" in each.A]
        assert (str(link.A.URI), "/Next" in link.A, "/PA" in link) == ("https://example.org/", False, False)
        assert after.pages[0].obj.Resources.XObject.Metadata.read_bytes() == b"\0"
        assert not [each for each in after.pages[0].obj.Annots if str(each.get("/Subtype")) == "/Popup"]
    for gone in (b"JavaScript", b"app.alert", b"calc.exe", b"Launch", b"/EF", files.MARK, files.PLACE.encode()):
        assert gone not in bare.getvalue()


def test_a_locked_document_is_refused() -> None:
    assert unfit(files.document(password="secret")) is Unfit.LOCKED


@pytest.mark.parametrize(
    ("form", "codec", "kind"),
    [
        ("ogg", "libopus", FileType.OGG),
        ("webm", "libopus", FileType.WEBM),
        ("mp3", "libmp3lame", FileType.MP3),
        ("ipod", "aac", FileType.M4A),
        ("wav", "pcm_s16le", FileType.WAV),
    ],
)
def test_a_recording_sounds_the_same_and_tells_nothing_else(form: str, codec: str, kind: FileType) -> None:
    sent = files.sound(form, codec)
    assert files.PLACE.encode() in sent
    found, kept = clean(sent, OF_CLINICIANS)
    assert found is kind
    assert files.PLACE.encode() not in kept
    told = abs(samples(sent) - samples(kept))
    assert told <= 1200  # what an encoder puts before the beginning may be told in one form only


def samples(content: bytes) -> int:
    with av.open(io.BytesIO(content), "r") as file:
        return sum(frame.samples for frame in file.decode(audio=0) if isinstance(frame, av.AudioFrame))


def test_patients_send_no_sound() -> None:
    assert unfit(files.sound(), OF_PATIENTS) is Unfit.NOT_TAKEN


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", Unfit.EMPTY),
        (b"MZ" + b"\0" * 100, Unfit.UNKNOWN),
        (b"<!doctype html>" + files.MARK, Unfit.UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", Unfit.UNKNOWN),
        (b"GIF89a" + b"\0" * 100, Unfit.UNKNOWN),
        (files.archive(), Unfit.UNKNOWN),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, Unfit.HEIC),
        (b"\xff\xd8\xff\xe0" + files.MARK, Unfit.BROKEN),
        (b"%PDF-1.7\n" + files.MARK, Unfit.BROKEN),
        (b"ID3" + files.MARK * 10, Unfit.BROKEN),
        (files.photo()[:-400], Unfit.BROKEN),
        (files.bomb(), Unfit.TOO_BIG_INSIDE),
        (files.bomb(width=2**31 - 1, height=2**31 - 1), Unfit.TOO_BIG_INSIDE),
    ],
)
def test_what_is_refused_is_refused_with_a_reason(content: bytes, reason: Unfit) -> None:
    assert unfit(content) is reason


async def test_the_process_that_opens_files_answers_as_the_function_does() -> None:
    examiner = ProcessExaminer()
    cleaned = await examiner.clean(files.told_photo(), taken=OF_PATIENTS)
    assert (cleaned.kind, cleaned.content) == clean(files.told_photo(), OF_PATIENTS)
    with pytest.raises(UnfitFile) as refused:
        await examiner.clean(files.bomb(), taken=OF_PATIENTS)
    assert refused.value.reason is Unfit.TOO_BIG_INSIDE


async def test_a_document_that_unfolds_without_end_ends_its_own_process_only() -> None:
    with pytest.raises(UnfitFile):
        await ProcessExaminer().clean(files.unfolding(), taken=OF_PATIENTS)


@pytest.mark.parametrize("ended", [-signal.SIGKILL, -signal.SIGTERM, -signal.SIGSEGV, 1, 0])
def test_an_examination_that_broke_off_says_nothing_of_the_file(ended: int) -> None:
    with pytest.raises(NotExamined):
        told(ended, b"")


def test_a_file_that_takes_all_the_processor_time_is_too_big_inside() -> None:
    with pytest.raises(UnfitFile) as refused:
        told(-signal.SIGXCPU, b"")
    assert refused.value.reason is Unfit.TOO_BIG_INSIDE
