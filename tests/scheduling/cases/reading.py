"""Cases from a file: YAML whose instants, dates and clock times stay the words they are, and who read which key."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class CaseFault(Exception):
    """The case itself cannot be understood: a key that is missing or unknown, a value that makes no sense."""


class Reader(yaml.SafeLoader):  # type: ignore[misc]  # yaml tells no types
    """YAML 1.1 without its traps: 12:00 is no number, NO is no boolean, an instant stays text."""


Reader.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in resolvers if not tag.endswith((":timestamp", ":bool", ":int"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Reader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"(true|false)$", re.IGNORECASE), list("tTfF"))
Reader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"[-+]?(0|[1-9][0-9]*)$"), list("-+0123456789"))


class Given(Mapping[str, Any]):
    """The keys of a case, which remembers those that were read. Mappings and lists below it do the same."""

    def __init__(self, values: Mapping[Any, Any], path: str) -> None:
        self.path = path
        self._values = {str(key): _wrapped(value, f"{path}.{key}") for key, value in values.items()}
        self._read: set[str] = set()

    def __getitem__(self, key: str) -> Any:
        self._read.add(key)
        if key not in self._values:
            raise _Missing(f"{self.path}.{key} is missing")
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Given({plain(self)})"

    def ignoring(self, *keys: str) -> "Given":
        """Keys that only repeat what another key says, or what is always so."""
        self._read.update(keys)
        return self

    def unread(self) -> Iterator[str]:
        """The paths of keys that nothing has read."""
        for key, value in self._values.items():
            if key not in self._read:
                yield f"{self.path}.{key}"
            else:
                yield from _unread(value)


class _Missing(CaseFault, KeyError):
    """A KeyError too, as a Mapping's `get` expects."""

    def __str__(self) -> str:
        return str(self.args[0])


def _wrapped(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return Given(value, path)
    if isinstance(value, list):
        return [_wrapped(each, f"{path}[{index}]") for index, each in enumerate(value)]
    return value


def _unread(value: Any) -> Iterator[str]:
    if isinstance(value, Given):
        yield from value.unread()
    elif isinstance(value, list):
        for each in value:
            yield from _unread(each)


def plain(value: Any) -> Any:
    """The value without its memory of who read it."""
    if isinstance(value, Given):
        return {key: plain(each) for key, each in value._values.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


@dataclass(frozen=True)
class Case:
    """`op` is its kind; `given` what is so, `expect` what is to be found."""

    id: str
    op: str
    area: str
    title: str
    given: Given
    expect: Mapping[str, Any]
    file: Path


def read_cases(path: Path) -> Sequence[Case]:
    """Every case of the file. Raises CaseFault when it is not of the format."""
    document = yaml.load(path.read_text(), Reader)  # noqa: S506 -- a SafeLoader
    listed = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise CaseFault(f"{path}: no list of cases")
    return [_case(each, number, path) for number, each in enumerate(listed, start=1)]


def _case(found: Any, number: int, path: Path) -> Case:
    if not isinstance(found, dict) or "id" not in found or "op" not in found:
        raise CaseFault(f"case {number} has no id or no op")
    given, expect = found.get("given") or {}, found.get("expect")
    if not isinstance(given, dict) or not isinstance(expect, dict) or not expect:
        raise CaseFault(f"{found['id']}: given and expect are mappings, and something is expected")
    expected = {str(key): value for key, value in expect.items()}
    words = {name: str(found.get(name, "")) for name in ("id", "op", "area", "title")}
    return Case(**words, given=Given(given, "given"), expect=expected, file=path)
