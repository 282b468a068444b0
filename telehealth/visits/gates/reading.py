"""JSON as a person typed it: where each part of it stands, so that a fault can be shown at its line. Pure."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')


@dataclass(frozen=True, slots=True)
class Found:
    """A fault as it is shown: its line from 1, the linkId of the item it is in if it is in one, and what is wrong."""

    line: int
    link_id: str
    detail: str


class Unreadable(ValueError):
    """No JSON object; `line` counts from 1."""

    def __init__(self, line: int) -> None:
        self.line = line


def read_object(text: str) -> Mapping[str, Any]:
    """Raises Unreadable."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise Unreadable(error.lineno) from None
    except (ValueError, RecursionError):
        raise Unreadable(1) from None
    if not isinstance(found, dict):
        raise Unreadable(1)
    return found


def faults_in(text: str, resource: Mapping[str, Any], faults: Sequence[Mapping[str, str]]) -> list[Found]:
    """Faults by JSON Pointer (RFC 6901) with their lines, in the order of the text. What is missing stands where its
    parent begins.
    """
    lines = dict(_lines(text))
    found = [
        Found(_line(lines, each["pointer"]), _link_id(resource, each["pointer"]), f"{_name(each)} {each['detail']}")
        for each in faults
    ]
    return sorted(found, key=lambda each: each.line)


def _name(fault: Mapping[str, str]) -> str:
    return fault["pointer"].rpartition("/")[2]


def _line(lines: Mapping[str, int], pointer: str) -> int:
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 1)


def _link_id(resource: Mapping[str, Any], pointer: str) -> str:
    here: Any = resource
    link_id = ""
    for part in pointer.split("/")[1:]:
        if isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        elif isinstance(here, dict):
            here = here.get(part.replace("~1", "/").replace("~0", "~"))
        if isinstance(here, dict) and isinstance(here.get("linkId"), str):
            link_id = here["linkId"]
    return link_id


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """The pointer of every value of sound JSON, with the line it begins in."""
    path: list[str | int] = []
    expects_name: list[bool] = []
    for mark, line in _marks(text):
        if mark in "]}":
            expects_name.pop()
            path.pop()
        elif mark == ",":
            last = path[-1]
            path[-1] = last + 1 if isinstance(last, int) else ""
            expects_name[-1] = not isinstance(last, int)
        elif mark == ":":
            expects_name[-1] = False
        elif expects_name and expects_name[-1]:
            path[-1] = json.loads(mark)
        else:
            yield _pointer(path), line
            if mark in "[{":
                path.append(0 if mark == "[" else "")
                expects_name.append(mark == "{")


def _marks(text: str) -> Iterator[tuple[str, int]]:
    line, at = 1, 0
    for found in TOKEN.finditer(text):
        line += text.count("\n", at, found.start())
        at = found.start()
        yield found[0], line


def _pointer(path: Sequence[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)
