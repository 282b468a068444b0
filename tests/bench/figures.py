"""Figures: how they are taken, shown as a table and kept as JSON."""

import json
import platform
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from os import cpu_count
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

console = Console(width=130)


@dataclass(frozen=True, slots=True)
class Times:
    """Durations in milliseconds, as many as were taken."""

    taken: Sequence[float]

    def percentile(self, part: float) -> float:
        """The nearest rank: the smallest value that at least this part of all does not exceed."""
        return sorted(self.taken)[max(0, ceil(part * len(self.taken)) - 1)]

    def as_json(self) -> dict[str, float]:
        named = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
        return {"count": len(self.taken), **{name: round(self.percentile(part), 3) for name, part in named.items()}}


@dataclass(slots=True)
class Report:
    """What one run found. `wanted` holds a figure against its bound; a bound missed is told, nothing else happens."""

    title: str
    figures: dict[str, Any] = field(default_factory=dict)
    rows: list[tuple[str, ...]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def note(self, name: str, figure: Any) -> None:
        self.figures[name] = figure

    def times(self, name: str, times: Times, bounds: Mapping[str, float] | None = None) -> None:
        found = times.as_json()
        self.note(name, found)
        shown = ", ".join(f"{key} {found[key]:.2f}" for key in ("p50", "p95", "p99", "max"))
        holds = [self._holds(f"{name} {key}", found[key], at_most=bound) for key, bound in (bounds or {}).items()]
        self.rows.append((name, f"{shown} ms", "; ".join(holds)))

    def at_least(self, name: str, figure: float, bound: float, unit: str = "") -> None:
        self.note(name, round(figure, 3))
        self.rows.append((name, f"{figure:,.1f} {unit}", self._holds(name, figure, at_least=bound)))

    def at_most(self, name: str, figure: float, bound: float, unit: str = "") -> None:
        self.note(name, figure)
        self.rows.append((name, f"{figure:,} {unit}", self._holds(name, figure, at_most=bound)))

    def remark(self, text: str) -> None:
        """What a reader must not overlook: a peer that could not be had, for one."""
        self.remarks.append(text)
        console.print(f"[bold red]{text}")

    def row(self, *cells: str) -> None:
        self.rows.append(cells)

    def _holds(self, name: str, figure: float, *, at_most: float | None = None, at_least: float | None = None) -> str:
        low, high = at_least or 0, at_most if at_most is not None else figure
        wanted = f"wanted at most {at_most:,g}" if at_most is not None else f"wanted at least {at_least:,g}"
        if low <= figure <= high:
            return f"{wanted}: holds"
        self.missed.append(f"{name}: {figure:,.2f}, {wanted}")
        return f"{wanted}: [bold red]MISSED"

    def show(self, path: Path | None) -> None:
        table = Table("measured", "found", "wanted", title=self.title, title_justify="left")
        for cells in self.rows:
            table.add_row(*cells)
        console.print(table)
        for each in self.remarks + self.missed:
            console.print(f"[bold red]{each}")
        if path is not None:
            whole = {"title": self.title, "machine": machine(), "remarks": self.remarks, "missed": self.missed}
            path.write_text(json.dumps(whole | {"figures": self.figures}, indent=2) + "\n")


def machine() -> dict[str, Any]:
    return {"system": platform.platform(), "python": platform.python_version(), "processors": cpu_count()}


async def repeat(action: Callable[[int], Awaitable[object]], times: int, *, warm: int = 3) -> Times:
    """Milliseconds of `action(number)`, after some that do not count."""
    for number in range(warm):
        await action(number)
    taken = []
    for number in range(times):
        begun = time.perf_counter()
        await action(number)
        taken.append((time.perf_counter() - begun) * 1000)
    return Times(taken)
