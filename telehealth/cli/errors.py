"""What the person at the terminal hears when a command cannot go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from telehealth.settings.given import SettingsError


class CannotStart(Exception):
    """The text says what is wrong and the way out; it is shown as it is, without a traceback."""


@contextmanager
def told_in_words() -> Iterator[None]:
    """Ends the command with exit code 1 and the words of what it cannot do."""
    try:
        yield
    except (CannotStart, SettingsError) as error:
        Console(stderr=True).print(str(error), style="red", soft_wrap=True, markup=False, highlight=False)
        raise typer.Exit(1) from None
