"""A signed note as an accessible PDF: tagged, with title, language and reading order (ISO 14289-1, PDF/UA-1)."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Any, assert_never
from zoneinfo import ZoneInfo

import typst

from telehealth.core.errors import Kind, Refusal
from telehealth.records.charting.queries import SignedDocument, Summary
from telehealth.records.notes.markdown import (
    Block,
    Break,
    Emphasis,
    Heading,
    Inline,
    Items,
    Link,
    Paragraph,
    Text,
    parse,
)
from telehealth.records.notes.rules import TITLES

SHEET = Path(__file__).parents[2] / "web" / "documents" / "note.typ"
DEEPEST = 6


class NotToBeDrawn(Refusal):
    """Of some characters no font here has a picture; a PDF without them would not say what was signed."""

    kind, slug, title = Kind.CONFLICT, "not-to-be-drawn", "This text cannot be shown as PDF here: read it as text"


async def pdf(signed: SignedDocument) -> bytes:
    """The same bytes each time, with the same fonts. Raises NotToBeDrawn."""
    return await asyncio.to_thread(_drawn, signed)


def _drawn(signed: SignedDocument) -> bytes:
    try:
        drawn = typst.compile(
            str(SHEET),
            format="pdf",
            pdf_standards=["ua-1"],
            sys_inputs={"document": json.dumps(_told(signed))},
            timestamp=signed.note.all[-1].signed_at.astimezone(UTC),
        )
    except typst.TypstError:
        raise NotToBeDrawn from None
    if not isinstance(drawn, bytes):
        raise TypeError("one PDF is one file")
    return drawn


def _told(signed: SignedDocument) -> dict[str, Any]:
    text, subject = signed.note.text, signed.subject
    zone = ZoneInfo(signed.clinic.time_zone)
    born = f", born {subject.birth_date.isoformat()}" if subject.birth_date else ""
    named = f"{subject.name}{born}" if subject.name else subject.identifier.partition("|")[2]
    began = signed.started_at
    return {
        "title": f"{TITLES[text.kind]}, {subject.name}" if subject.name else TITLES[text.kind],
        "author": text.author_name,
        "lang": "en",
        "head": [
            ("Patient", named),
            *([("Visit", f"{began.astimezone(zone):%Y-%m-%d %H:%M %Z}")] if began else []),
        ],
        "parts": [_version(each, zone) for each in signed.note.all],
        "footer": f"{signed.clinic.name}  SHA-256 {text.sha256[:16]}…",
    }


def _version(version: Summary, zone: ZoneInfo) -> dict[str, Any]:
    """What was signed at once, and by whom."""
    head, _, body = version.text.partition("\n\n")
    signed = f"Signed {version.signed_at.astimezone(zone):%Y-%m-%d %H:%M %Z} by {version.author_name}"
    return {"title": head.partition("\n")[0], "signed": signed, "blocks": _blocks(parse(body), below=1)}


def _blocks(blocks: Sequence[Block], *, below: int) -> list[dict[str, Any]]:
    """Headings one below the other, under one of level `below`: PDF/UA-1 wants no level left out."""
    levels = sorted({each.level for each in blocks if isinstance(each, Heading)})
    depth = {level: below + at + 1 for at, level in enumerate(levels)}
    found: list[dict[str, Any]] = []
    latest = below
    for each in blocks:
        told = _block(each)
        if isinstance(each, Heading):
            latest = told["level"] = min(depth[each.level], latest + 1, DEEPEST)
        found.append(told)
    return found


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Heading(level, parts):
            return {"kind": "heading", "level": level, "parts": _parts(parts)}
        case Paragraph(parts):
            return {"kind": "paragraph", "parts": _parts(parts)}
        case Items(items, first):
            return {"kind": "items", "first": first, "items": [_blocks(each, below=1) for each in items]}
        case _:
            assert_never(block)


def _parts(parts: Sequence[Inline]) -> list[dict[str, Any]]:
    return [_part(each) for each in parts]


def _part(part: Inline) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"kind": "text", "text": text}
        case Break():
            return {"kind": "break"}
        case Emphasis(parts, strong):
            return {"kind": "emphasis", "strong": strong, "parts": _parts(parts)}
        case Link(href, parts):
            return {"kind": "link", "href": href, "parts": _parts(parts)}
        case _:
            assert_never(part)
