"""The Markdown a note is written in: headings, paragraphs, lists, emphasis, links. Everything else is plain text. Pure.

A subset of CommonMark 0.31: no HTML, no images, no links but https, tel and mailto; a line ends where its author
ended it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import assert_never

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

LINKS = re.compile(r"(https://|tel:|mailto:)[^\s\"'<>\\]+", re.IGNORECASE)
DEEPEST = 20  # levels of lists and emphasis; what lies deeper is dropped from the drawing, never from the text


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Break:
    """The line goes on below."""


@dataclass(frozen=True, slots=True)
class Emphasis:
    parts: "tuple[Inline, ...]"
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """`href` is an absolute https, tel or mailto address."""

    href: str
    parts: "tuple[Inline, ...]"


Inline = Text | Break | Emphasis | Link


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` is 1 to 6."""

    level: int
    parts: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    parts: tuple[Inline, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list; `first` is the number of its first item, None when they have no numbers."""

    items: "tuple[tuple[Block, ...], ...]"
    first: int | None = None


Block = Heading | Paragraph | Items


def parse(markdown: str) -> tuple[Block, ...]:
    """The blocks of a note, in their order. Takes every text."""
    return _blocks(SyntaxTreeNode(_READER.parse(markdown)).children)


def plain(parts: Iterable[Inline]) -> str:
    """The words alone."""
    return "".join(_words(each) for each in parts)


def only_headings(markdown: str) -> bool:
    """Whether nothing is written but the headings of sections, or nothing at all."""
    return all(isinstance(each, Heading) for each in parse(markdown))


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading, as its author wrote it; what comes before the first heading has no title."""

    title: str
    text: str


def sections(markdown: str) -> tuple[Section, ...]:
    """The sections of a note in their order, of every level, without those in which nothing is written."""
    lines = markdown.split("\n")
    tokens = SyntaxTreeNode(_READER.parse(markdown)).children
    heads = [
        (node.map[0], node.map[1], plain(_line_of(node))) for node in tokens if node.type == "heading" and node.map
    ]
    starts = [(0, 0, ""), *heads]
    ends = [*(begin for begin, _, _ in heads), len(lines)]
    texts = ((title, lines[after:end]) for (_, after, title), end in zip(starts, ends, strict=True))
    return tuple(Section(title, "\n".join(text).strip("\n")) for title, text in texts if any(map(str.strip, text)))


def html(blocks: Iterable[Block], *, top: int = 1) -> str:
    """XHTML without attributes but `dir`, `start`, `href` and `rel`; a heading of level 1 is `<h{top}>`."""
    return "".join(_block(each, top) for each in blocks)


def _reader() -> MarkdownIt:
    reader = MarkdownIt("zero", {"maxNesting": DEEPEST})
    reader.enable(["heading", "list", "emphasis", "link", "newline", "escape"])
    reader.validateLink = lambda url: LINKS.fullmatch(url) is not None  # type: ignore[method-assign]
    return reader


_READER = _reader()


def _blocks(nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
    return tuple(block for node in nodes for block in _block_of(node))


def _block_of(node: SyntaxTreeNode) -> tuple[Block, ...]:
    match node.type:
        case "heading":
            return (Heading(int(node.tag[1:]), _line_of(node)),)
        case "paragraph":
            return (Paragraph(_line_of(node)),)
        case "bullet_list" | "ordered_list":
            first = None if node.type == "bullet_list" else int(node.attrs.get("start", 1))
            return (Items(tuple(_blocks(item.children) for item in node.children), first),)
        case _:
            raise AssertionError(f"unreachable: the reader knows no {node.type}")


def _line_of(node: SyntaxTreeNode) -> tuple[Inline, ...]:
    return _parts(node.children[0].children) if node.children else ()


def _parts(nodes: Sequence[SyntaxTreeNode]) -> tuple[Inline, ...]:
    return tuple(part for node in nodes if (part := _part(node)) != Text(""))


def _part(node: SyntaxTreeNode) -> Inline:
    match node.type:
        case "text" | "text_special":
            return Text(node.content)
        case "softbreak" | "hardbreak":
            return Break()
        case "em" | "strong":
            return Emphasis(_parts(node.children), strong=node.type == "strong")
        case "link":
            return Link(str(node.attrs["href"]), _parts(node.children))
        case _:
            raise AssertionError(f"unreachable: the reader knows no {node.type}")


def _words(part: Inline) -> str:
    match part:
        case Text(text):
            return text
        case Break():
            return "\n"
        case Emphasis(parts) | Link(_, parts):
            return plain(parts)
        case never:
            assert_never(never)


def _block(block: Block, top: int) -> str:
    match block:
        case Heading(level, parts):
            tag = f"h{min(level + top - 1, 6)}"
            return f'<{tag} dir="auto">{_inline(parts)}</{tag}>'
        case Paragraph(parts):
            return f'<p dir="auto">{_inline(parts)}</p>'
        case Items(items, first):
            tag = "ul" if first is None else "ol"
            start = "" if first in (None, 1) else f' start="{first}"'
            inside = "".join(f"<li>{html(each, top=top)}</li>" for each in items)
            return f"<{tag}{start}>{inside}</{tag}>"
        case never:
            assert_never(never)


def _inline(parts: Iterable[Inline]) -> str:
    return "".join(_span(each) for each in parts)


def _span(part: Inline) -> str:
    match part:
        case Text(text):
            return escape(text)
        case Break():
            return "<br/>"
        case Emphasis(parts, strong):
            tag = "strong" if strong else "em"
            return f"<{tag}>{_inline(parts)}</{tag}>"
        case Link(href, parts):
            return f'<a href="{escape(href)}" rel="noreferrer">{_inline(parts)}</a>'
        case never:
            assert_never(never)
