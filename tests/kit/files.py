"""Files for tests: small real ones of each kind, and hostile ones made from them."""

import io
import struct
import zipfile
import zlib
from fractions import Fraction

import av
import numpy as np
import pikepdf
from PIL import Image, TiffImagePlugin

MARK = b"<script>alert(document.domain)</script>"
PLACE = "GPS-48.8584N-2.2945E"


def photo(form: str = "JPEG", *, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    """A gradient, so that what becomes of its pixels can be told."""
    made = Image.linear_gradient("L").resize(size).convert(mode)
    return _saved(made, form)


def told_photo(*, orientation: int = 6) -> bytes:
    """A JPEG that says where it was taken, by whom, with a comment that is a script; it is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = PLACE
    exif.get_ifd(0x8825).update({1: "N", 2: tuple(TiffImagePlugin.IFDRational(n, 1) for n in (48, 51, 30))})
    return _saved(Image.linear_gradient("L").resize((64, 48)), "JPEG", exif=exif, comment=MARK)


def bomb(*, width: int = 30_000, height: int = 30_000) -> bytes:
    """A PNG of a few kilobytes that says it is that large (W3C PNG, section 11.2.1)."""
    rows = zlib.compress(bytes(1 << 20))
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", rows) + _chunk(b"IEND", b"")


def document(*, script: bool = False, enclosed: bool = False, password: str = "") -> bytes:
    """A PDF of one page."""
    made = pikepdf.new()
    made.add_blank_page(page_size=(200, 200))
    if script:
        action = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
        made.Root.OpenAction = made.make_indirect(action)
        made.pages[0].obj.AA = pikepdf.Dictionary(O=action)
        made.docinfo["/Author"] = PLACE
    if enclosed:
        made.attachments["evil.exe"] = b"MZ" + MARK
    written = io.BytesIO()
    if password:
        made.save(written, encryption=pikepdf.Encryption(user=password, owner=password))
    else:
        made.save(written)
    return written.getvalue()


def unfolding(*, gibibytes: int = 2) -> bytes:
    """A PDF of a few megabytes whose object stream (ISO 32000-2, section 7.5.7) is that long once it is inflated."""
    packer = zlib.compressobj(9)
    packed = packer.compress(b"1 0 " + b" " * 4) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(b" " * (1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)  # stands for itself, wherever it is
    packed += block * (1024 * gibibytes) + packer.flush()
    head = b"%PDF-1.5\n"
    stream = (
        b"2 0 obj\n<</Type/ObjStm/N 1/First 8/Filter/FlateDecode/Length " + str(len(packed)).encode() + b">>\nstream\n"
    )
    body = head + stream + packed + b"\nendstream\nendobj\n"
    entries = [(0, 0, 65535), (2, 2, 0), (1, len(head), 0), (1, len(body), 0)]
    table = b"".join(struct.pack(">BIH", *each) for each in entries)
    table_head = (
        b"3 0 obj\n<</Type/XRef/Size 4/W[1 4 2]/Root 1 0 R/Length " + str(len(table)).encode() + b">>\nstream\n"
    )
    return body + table_head + table + b"\nendstream\nendobj\nstartxref\n" + str(len(body)).encode() + b"\n%%EOF\n"


def archive() -> bytes:
    """A ZIP that holds a script."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as made:
        made.writestr("evil.html", MARK)
    return written.getvalue()


def sound(form: str = "ogg", codec: str = "libopus", *, seconds: float = 0.3, title: str = PLACE) -> bytes:
    """A tone, with a title."""
    written = io.BytesIO()
    rate = 48_000
    with av.open(written, "w", format=form) as file:
        stream = file.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        stream.layout = "mono"
        file.metadata["title"] = title
        wave = np.sin(np.arange(int(rate * seconds)) * 2 * np.pi * 440 / rate)
        frame = av.AudioFrame.from_ndarray((wave * 9000).astype(np.int16)[np.newaxis, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
        for each in (frame, None):
            for packet in stream.encode(each):
                file.mux(packet)
    return written.getvalue()


def _saved(made: Image.Image, form: str, **options: object) -> bytes:
    written = io.BytesIO()
    made.save(written, form, **options)
    return written.getvalue()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
