"""What was found beside what was expected. Instants, dates and clock times are equal when they mean the same."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tests.scheduling.cases.answers import Answer, AtLeast

INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")
CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?")


def differences(expect: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """A line for each expected key that was not found so."""
    for key, wanted in expect.items():
        if key not in found:
            yield f"expect.{key} is not known to this kind of case"
        elif not matches(wanted, found[key]):
            yield f"{key}: expected {_shown(wanted)}, found {_shown(found[key])}"


def matches(wanted: Any, found: Any) -> bool:
    """Whether what was found is what was wanted; answers and bounded figures decide for themselves."""
    if isinstance(found, Answer | AtLeast):
        return found.means(wanted)
    if isinstance(found, list | tuple) and isinstance(wanted, list):
        return len(found) == len(wanted) and all(map(matches, wanted, found))
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        mine, theirs = ({meaning(str(key)): value for key, value in each.items()} for each in (found, wanted))
        return mine.keys() == theirs.keys() and all(matches(theirs[key], mine[key]) for key in theirs)
    return bool(meaning(wanted) == meaning(found)) and isinstance(wanted, bool) == isinstance(found, bool)


def meaning(value: Any) -> Any:
    """The same for values that mean the same."""
    if isinstance(value, Mapping):
        return {str(meaning(str(key))): meaning(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [meaning(each) for each in value]
    if isinstance(value, datetime):
        return meaning(value.isoformat())
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    if CLOCK.fullmatch(value):
        hour, minute, *second = value.split(":")
        return f"{int(hour):02}:{minute}" + (f":{second[0]}" if second and second[0] != "00" else "")
    if not INSTANT.fullmatch(value):
        return value
    read = datetime.fromisoformat(value)
    return read.isoformat() if read.tzinfo is None else read.astimezone(UTC).isoformat()


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list | tuple) else str(value)
