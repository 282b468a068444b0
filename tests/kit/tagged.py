"""Tagged PDFs as a screen reader walks them."""

from collections.abc import Iterator
from typing import Any

import pikepdf


def tags(node: Any) -> Iterator[str]:
    """Structure types in reading order (ISO 32000-1, section 14.7)."""
    return (tag for tag, _ in spoken(node))


def spoken(node: Any) -> Iterator[tuple[str, str]]:
    """The same, each with the language it declares for itself; empty where it has that of what it stands in."""
    if isinstance(node, pikepdf.Array):
        for each in node:
            yield from spoken(each)
    elif isinstance(node, pikepdf.Dictionary):
        if "/S" in node:
            yield str(node.S), str(node.get("/Lang", ""))
        if "/K" in node:
            yield from spoken(node.K)
