"""The machine as a diagram and as a table, drawn from the rows that decide. Pure."""

from collections.abc import Iterator

from telehealth.visits.lifecycle.rules import TRANSITIONS, Command, Transition, VisitStatus


def diagram() -> str:
    """Mermaid, a state diagram. Left out for legibility: marking as entered in error, which is possible anywhere."""
    arrows = (arrow for row in TRANSITIONS if row.command is not Command.MARK_ERROR for arrow in _arrows(row))
    return "\n".join(("stateDiagram-v2", *dict.fromkeys(arrows)))


def _arrows(row: Transition) -> Iterator[str]:
    """A correction leads back along the arrows by which the ending was reached."""
    for source in _sorted(row.sources):
        if row.to is not None:
            yield f"  {source or '[*]'} --> {row.to}: {row.command}"


def table() -> str:
    """Markdown: one line for each row of the machine."""
    head = "| command | from | to | who | when | event |\n|---|---|---|---|---|---|"
    return "\n".join((head, *map(_line, TRANSITIONS)))


def _line(row: Transition) -> str:
    sources = ", ".join(source or "-" for source in _sorted(row.sources))
    when = ", ".join(guard.name for guard in row.guards) or "-"
    to = row.to or "the state before"
    return f"| {row.command} | {sources} | {to} | {', '.join(sorted(row.who))} | {when} | {row.event.__name__} |"


def _sorted(sources: frozenset[VisitStatus | None]) -> list[VisitStatus | None]:
    order = list(VisitStatus)
    return sorted(sources, key=lambda each: -1 if each is None else order.index(each))
