"""The machine of a task as a diagram and as a table, drawn from the rows that decide. Pure."""

from collections.abc import Iterator

from telehealth.followups.parts import TaskStatus
from telehealth.followups.rules import CONDITIONS, TRANSITIONS, TRIGGERS, Transition


def diagram() -> str:
    """Mermaid, a state diagram; without what leaves the state as it is."""
    arrows = (arrow for row in TRANSITIONS for arrow in _arrows(row))
    return "\n".join(("stateDiagram-v2", *dict.fromkeys(arrows)))


def _arrows(row: Transition) -> Iterator[str]:
    for source in _sorted(row.sources):
        if row.to is not None:
            yield f"  {source or '[*]'} --> {row.to}: {row.command}"


def table() -> str:
    """Markdown: the rows of the machine, what makes a task needless, and what makes one by itself."""
    moves = "| command | from | to | who | when | event |\n|---|---|---|---|---|---|"
    ends = "| a task is | when |\n|---|---|"
    begins = "| a visit that ended as | asks for | of |\n|---|---|---|"
    closing = (f"| {each.command} | {each.name} |" for each in CONDITIONS)
    asking = (f"| {each.ending} | {each.kind}, {each.priority} | {each.owner.pool} |" for each in TRIGGERS)
    return "\n".join((moves, *map(_line, TRANSITIONS), "", ends, *closing, "", begins, *asking))


def _line(row: Transition) -> str:
    sources = ", ".join(source or "-" for source in _sorted(row.sources))
    when = ", ".join(guard.name for guard in row.guards) or "-"
    to = row.to or ("the state before" if row.sources.isdisjoint({TaskStatus.PLANNED}) else "as it was")
    return f"| {row.command} | {sources} | {to} | {', '.join(sorted(row.who))} | {when} | {row.event.__name__} |"


def _sorted(sources: frozenset[TaskStatus | None]) -> list[TaskStatus | None]:
    order = list(TaskStatus)
    return sorted(sources, key=lambda each: -1 if each is None else order.index(each))
