"""What goes to the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from telehealth.db.unit import UnitOfWork


@contextmanager
def statements(unit_of_work: UnitOfWork) -> Iterator[list[str]]:
    """Every statement sent meanwhile, in order."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    engine = unit_of_work.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", note)
