"""A visit from its history: each entry says what it changed, so that the entries alone rebuild the row. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from telehealth.visits.lifecycle.rules import CORRECTABLE, TRANSITIONS, Command, VisitStatus

SAID_BY_THE_ENTRY = frozenset({"id", "status", "revision", "created_at", "changed_at"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One entry of a visit's history. `changes` are columns of the visit, as JSON: see `written`."""

    seq: int
    command: Command
    before: VisitStatus | None
    after: VisitStatus
    at: datetime
    changes: Mapping[str, Any]


def replay(steps: Iterable[Step]) -> VisitStatus | None:
    """The status a history leads to. Raises ValueError when it has a gap or a step that does not follow."""
    status: VisitStatus | None = None
    for expected, step in enumerate(steps, start=1):
        if step.seq != expected or step.before != status:
            raise ValueError("the history has a gap")
        if (step.command, step.before, step.after) not in STEPS:
            raise ValueError("the history has a step that the machine does not have")
        status = step.after
    return status


def rebuilt(steps: Iterable[Step]) -> dict[str, Any]:
    """The columns of the visit that a history leads to, as JSON where they come from `changes`. Raises ValueError."""
    steps = tuple(steps)
    columns: dict[str, Any] = {}
    for step in steps:
        columns |= step.changes
    if not steps:
        raise ValueError("there is no history")
    first, last = steps[0], steps[-1]
    return columns | {
        "status": replay(steps),
        "revision": last.seq,
        "created_at": first.at,
        "changed_at": last.at,
    }


MEETING = {Command.CONNECT: True, Command.RESUME: True, Command.DROP: False, Command.END: False, Command.FAIL: False}


def in_media(steps: Iterable[Step]) -> tuple[datetime, datetime | None] | None:
    """From when until when both sides were in the call, pauses included; no end as long as they are, None before.

    A call that broke and was not taken up again ends where it broke, not where somebody noticed.
    """
    start = end = None
    together = False
    for step in steps:
        now = MEETING.get(step.command, together)
        if now and not together:
            start, end = start or step.at, None
        elif together and not now:
            end = step.at
        together = now
    return None if start is None else (start, end)


def written(columns: Mapping[str, Any]) -> dict[str, Any]:
    r"""Columns as an entry keeps them, without what the entry says anyway.

    Instants are ISO 8601, identifiers text, bytes `\x` and hexadecimal as PostgreSQL writes them.
    """
    return {name: _json(value) for name, value in columns.items() if name not in SAID_BY_THE_ENTRY}


def _json(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat()
        case UUID() | StrEnum():
            return str(value)
        case bytes():
            return f"\\x{value.hex()}"
        case list() | tuple():
            return [_json(each) for each in value]
        case _:
            return value


def _steps() -> frozenset[tuple[Command, VisitStatus | None, VisitStatus]]:
    """Every (command, before, after) there can be. What a correction leads back to is what leads to an ending."""
    into = {
        ending: {source for row in TRANSITIONS if row.to is ending for source in row.sources if source is not None}
        for ending in CORRECTABLE
    }
    found: set[tuple[Command, VisitStatus | None, VisitStatus]] = set()
    for row in TRANSITIONS:
        for source in row.sources:
            targets = {row.to} if row.to is not None else into.get(source, set()) if source is not None else set()
            found |= {(row.command, source, target) for target in targets}
    return frozenset(found)


STEPS = _steps()


def steps_as_sql() -> str:
    """The condition on an entry, for the database: `command:before:after` is one that the machine has."""
    listed = ", ".join(f"'{command}:{before or ''}:{after}'" for command, before, after in sorted(STEPS, key=str))
    return f"command || ':' || COALESCE(before, '') || ':' || after IN ({listed})"
