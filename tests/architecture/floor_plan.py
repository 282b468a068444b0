"""The floor plan in telehealth/README.md, drawn from the contracts: `python -m tests.architecture.floor_plan --write`.

Without `--write` it is printed.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
README = ROOT / "telehealth" / "README.md"
BEGIN, END = "<!-- drawn from the contracts -->", "<!-- end -->"
_GAP = "   "


def floor_plan() -> str:
    """Markdown: the floors and the files inside a package, top first, then every contract in its own words."""
    contracts = {each["id"]: each for each in _contracts()}
    floors, files = (_floors(contracts[name]) for name in ("floors", "files"))
    packages = sorted(each.removeprefix("telehealth.") for each in contracts["files"]["containers"])
    told = (f"- {each['name']}." for each in contracts.values())
    return "\n".join(
        (
            *("```text", *_drawn(floors), "```", ""),
            *(f"Inside {_listed(packages)}:", "", "```text", *_drawn(files), "```", ""),
            *("The contracts in `pyproject.toml`, which `lint-imports` checks:", "", *told),
        )
    )


def written(text: str, plan: str) -> str:
    """The text with that plan between its marks."""
    before, rest = text.split(f"{BEGIN}\n", 1)
    _, after = rest.split(f"{END}\n", 1)
    return f"{before}{BEGIN}\n\n{plan}\n\n{END}\n{after}"


def _contracts() -> list[dict[str, Any]]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found: list[dict[str, Any]] = settings["tool"]["importlinter"]["contracts"]
    return found


def _floors(contract: dict[str, Any]) -> list[list[str]]:
    """Parts floor by floor, without its signs: `|` strangers, `:` neighbours, brackets where there is one."""
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def _drawn(floors: list[list[str]]) -> Iterator[str]:
    lines = [line for floor in floors for line in _wrapped(floor)]
    width = max(map(len, lines))
    edge = f"+{'-' * (width + 2)}+"
    yield edge
    for floor in floors:
        for line in _wrapped(floor):
            yield f"| {line:{width}} |"
        yield edge


def _wrapped(floor: list[str], width: int = 64) -> list[str]:
    lines = [floor[0]]
    for _, name in pairwise(floor):
        if len(lines[-1]) + len(_GAP) + len(name) > width:
            lines.append(name)
        else:
            lines[-1] += _GAP + name
    return lines


def _listed(names: list[str]) -> str:
    *most, last = (f"`{name}`" for name in names)
    return f"{', '.join(most)} and {last}"


def main() -> None:
    if sys.argv[1:] == ["--write"]:
        README.write_text(written(README.read_text(), floor_plan()))
    else:
        sys.stdout.write(f"{floor_plan()}\n")


if __name__ == "__main__":
    main()
