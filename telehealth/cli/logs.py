"""Coloured, prefixed output of many processes on one terminal."""

from rich.console import Console
from rich.text import Text

COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_red", "bright_cyan", "bright_green")
WIDTH = 14

_CONTROL = {code: None for code in (*range(32), 127, *range(0x80, 0xA0)) if code != ord("\t")}


class Logs:
    """One line in, one line out: a prefix with the process's name, and no control character gets through."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._colours: dict[str, str] = {}

    def line(self, name: str, text: str) -> None:
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:>{WIDTH}} | ", style=colour)
        self._show(prefix + Text(text.translate(_CONTROL)))

    def say(self, text: str) -> None:
        """A word of the supervisor's own."""
        self._show(Text(f"{'up':>{WIDTH}} | ", style="bold") + Text(text))

    def announce(self, text: str) -> None:
        self._show(Text(text, style="bold green"))

    def _show(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)
