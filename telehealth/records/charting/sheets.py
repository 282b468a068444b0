"""A signed note as an accessible PDF: tagged, with title, language and reading order (ISO 14289-1, PDF/UA-1)."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, assert_never
from zoneinfo import ZoneInfo

import typst
from starlette.responses import Response

from telehealth.core.errors import Kind, Refusal
from telehealth.http.locales import Locale
from telehealth.records.charting.queries import SignedDocument, Subject, Summary
from telehealth.records.notes.amendments import Relation, words_of
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
from telehealth.records.notes.rules import NoteKind

SHEET = Path(__file__).parents[2] / "web" / "documents" / "note.typ"
DEEPEST = 6


class NotToBeDrawn(Refusal):
    """Of some characters no font here has a picture; a PDF without them would not say what was signed."""

    kind, slug, title = Kind.CONFLICT, "not-to-be-drawn", "This text cannot be shown as PDF here: read it as text"


async def pdf(signed: SignedDocument, locale: Locale) -> bytes:
    """The same bytes each time, in one language and with the same fonts. Raises NotToBeDrawn."""
    return await draw(_told(signed, locale), at=signed.note.all[-1].signed_at)


async def draw(told: Mapping[str, Any], *, at: datetime) -> bytes:
    """What `note.typ` makes of that, dated then. Raises NotToBeDrawn."""
    return await asyncio.to_thread(_drawn, told, at)


def saved(content: bytes, name: str, *, vary: str) -> Response:
    """A PDF to be saved under that name."""
    headers = {"Vary": vary, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type="application/pdf", headers=headers)


def _drawn(told: Mapping[str, Any], at: datetime) -> bytes:
    try:
        drawn = typst.compile(
            str(SHEET),
            format="pdf",
            pdf_standards=["ua-1"],
            sys_inputs={"document": json.dumps(told)},
            timestamp=at.astimezone(UTC).replace(microsecond=0),  # more than a PDF date holds
        )
    except typst.TypstError:
        raise NotToBeDrawn from None
    if not isinstance(drawn, bytes):
        raise TypeError("one PDF is one file")
    return drawn


def _told(signed: SignedDocument, locale: Locale) -> Mapping[str, Any]:
    _ = locale.gettext
    text, subject = signed.note.text, signed.subject
    zone = ZoneInfo(signed.clinic.time_zone)
    began, title = signed.started_at, _kind(text, locale)
    return {
        "title": f"{title}, {subject.name}" if subject.name else title,
        "author": text.author_name,
        "lang": locale.code,
        "notice": "",
        "head": [
            (_("Patient"), named(subject, locale)),
            *([(_("Visit"), locale.format_datetime(began, zone))] if began else []),
        ],
        "parts": [_version(each, locale, zone) for each in signed.note.all],
        "footer": f"{signed.clinic.name}  SHA-256 {text.sha256[:16]}…",
    }


def named(subject: Subject, locale: Locale) -> str:
    """The patient as far as the reader may know them: by name and date of birth, or by a number."""
    if not subject.name:
        return subject.identifier.partition("|")[2]
    if subject.birth_date is None:
        return subject.name
    day = locale.format_day(subject.birth_date)
    return locale.gettext("%(name)s, born %(day)s") % {"name": subject.name, "day": day}


def _title(version: Summary, locale: Locale) -> str:
    _ = locale.gettext
    match version.relation:
        case Relation.APPENDS:
            return _("Addendum to version %(number)s") % {"number": version.relates_to}
        case Relation.REPLACES:
            return _("Correction of version %(number)s") % {"number": version.relates_to}
        case None | Relation.RETRACTS:
            return _kind(version, locale)


def _kind(version: Summary, locale: Locale) -> str:
    _ = locale.gettext
    return _("Consultation note") if version.kind is NoteKind.CONSULTATION else _("Progress note")


def _version(version: Summary, locale: Locale, zone: ZoneInfo) -> dict[str, Any]:
    """What was signed at once, and by whom."""
    said = {"time": locale.format_datetime(version.signed_at, zone), "name": version.author_name}
    return {
        "title": _title(version, locale),
        "lang": "",
        "blocks": blocks(parse(words_of(version.text)), below=1),
        "signed": " · ".join(
            [locale.gettext("Signed at %(time)s by %(name)s") % said, *_cosigned(version, locale, zone)]
        ),
    }


def _cosigned(version: Summary, locale: Locale, zone: ZoneInfo) -> list[str]:
    """Who answers for what a trainee signed."""
    if (cosigned := version.cosigned) is None:
        return []
    said = {"time": locale.format_datetime(cosigned.at, zone), "name": cosigned.name}
    return [locale.gettext("Co-signed at %(time)s by %(name)s") % said]


def blocks(parsed: Sequence[Block], *, below: int) -> list[dict[str, Any]]:
    """Headings one below the other, under one of level `below`: PDF/UA-1 wants no level left out."""
    levels = sorted({each.level for each in parsed if isinstance(each, Heading)})
    depth = {level: below + at + 1 for at, level in enumerate(levels)}
    found: list[dict[str, Any]] = []
    latest = below
    for each in parsed:
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
            return {"kind": "items", "first": first, "items": [blocks(each, below=1) for each in items]}
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
