"""What a note begins with and what is put into it with a few keys, as data. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from telehealth.core.errors import Kind, Refusal

LONGEST_TEMPLATE, LONGEST_PHRASE, LONGEST_NAME, MOST_PHRASES = 10_000, 5_000, 30, 100
LONGEST_TYPED = 200_000  # all phrases together
NAME = re.compile(rf"/([^\W_](?:[\w-]{{0,{LONGEST_NAME - 1}}}))")


class TemplateChanged(Refusal):
    kind, slug, title = Kind.CONFLICT, "template-changed", "Somebody else has published another version of the template"


@dataclass(frozen=True, slots=True)
class Phrase:
    """`/name` is typed, `text` is what stands there then, in the note's Markdown."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """One version of what notes begin with, of a kind of visit or of all (None). `published_at` is aware."""

    id: UUID
    visit_type_id: UUID | None
    version: int
    content: str
    phrases: tuple[Phrase, ...]
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Supply:
    """What the author of one note is given: its first text, and phrases by name."""

    content: str = ""
    phrases: tuple[Phrase, ...] = ()


def supply(house: Template | None, kind: Template | None) -> Supply:
    """The kind of visit's own text, else the house's; the phrases of both, its own before the house's of that name."""
    named: Mapping[str, Phrase] = {each.name: each for part in (house, kind) if part for each in part.phrases}
    content = next((part.content for part in (kind, house) if part and part.content.strip()), "")
    return Supply(content, tuple(named[name] for name in sorted(named)))


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at that line (from 1) of the phrases; `code` is a word the page knows."""

    line: int
    code: str


class UnreadablePhrases(Refusal):
    kind, slug, title = Kind.INVALID, "unreadable-phrases", "The phrases cannot be read"

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults=[{"line": each.line, "code": each.code} for each in self.faults])


def read_phrases(typed: str) -> tuple[Phrase, ...]:
    """From lines `/name`, each followed by the lines of its text. Raises UnreadablePhrases.

    Codes: `nameless` (text before the first name), `name`, `twice`, `empty`, `long`, `many`.
    """
    lines = typed.split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("/")]
    faults = [
        Fault(at + 1, "nameless") for at, line in enumerate(lines[: starts[0] if starts else None]) if line.strip()
    ]
    found: dict[str, Phrase] = {}
    for start, end in pairwise([*starts, len(lines)]):
        text, name = "\n".join(lines[start + 1 : end]).strip("\n"), NAME.fullmatch(lines[start].strip())
        key = name[1].lower() if name else ""
        if code := _wrong(key, text, found):
            faults.append(Fault(start + 1, code))
        found[key] = Phrase(key, text)
    if faults:
        raise UnreadablePhrases(faults[:20])
    return tuple(found.values())


def written_phrases(phrases: Iterable[Phrase]) -> str:
    """As `read_phrases` reads them."""
    return "\n\n".join(f"/{each.name}\n{each.text}" for each in phrases)


def _wrong(name: str, text: str, found: Mapping[str, Phrase]) -> str:
    checks = {
        "name": not name,
        "twice": name in found,
        "empty": not text.strip(),
        "long": len(text) > LONGEST_PHRASE,
        "many": len(found) >= MOST_PHRASES,
    }
    return next((code for code, wrong in checks.items() if wrong), "")
