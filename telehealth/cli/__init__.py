"""The command line: `telehealth up`, `demo`, `migrate`, `settings`, `doctor`, `version`.

`app` is loaded when it is asked for: the processes that live in this package beside it (the mailbox, the seeding) would
otherwise load Alembic and Celery too, half a second of each start.
"""

from importlib import import_module
from typing import Any

__all__ = ["app"]


def __getattr__(name: str) -> Any:
    """The Typer application `app` (PEP 562)."""
    if name != "app":
        raise AttributeError(name)
    return import_module("telehealth.cli.commands").app
