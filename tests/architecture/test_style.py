"""Small files, small functions, one clock, no mocks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.kit.tree import ROOT

LONGEST_FILE, LONGEST_FUNCTION = 400, 50
OURS = ("telehealth", "tests", "alembic")
CLOCKS = re.compile(r"\b(datetime\.(now|utcnow|today)|date\.today|time\.(time|time_ns|localtime|gmtime))\b")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def sources(*roots: str) -> Iterator[tuple[str, str]]:
    """Path from the root of the project, and text. What npm has installed is not ours."""
    for root in roots:
        for path in sorted((ROOT / root).rglob("*.py")):
            if "node_modules" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text()


def test_files_are_short() -> None:
    long = [f"{path}: {lines} lines" for path, text in sources(*OURS) if (lines := text.count("\n")) > LONGEST_FILE]
    assert long == []


def test_modules_of_the_browser_are_short() -> None:
    modules = sorted((ROOT / "telehealth/web/static").glob("*.js"))
    long = [f"{path.name}: {lines} lines" for path in modules if (lines := path.read_text().count("\n")) > LONGEST_FILE]
    assert modules
    assert long == []


def test_functions_are_short() -> None:
    long = [
        f"{path}:{each.lineno} {each.name}: {lines} lines"
        for path, text in sources(*OURS)
        for each in ast.walk(ast.parse(text))
        if isinstance(each, Function) and (lines := (each.end_lineno or 0) - each.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_one_module_reads_the_clock() -> None:
    reading = [
        f"{path}:{number}"
        for path, text in sources("telehealth", "alembic")
        for number, line in enumerate(text.splitlines(), start=1)
        if CLOCKS.search(line)
    ]
    assert [each.partition(":")[0] for each in reading] == ["telehealth/core/time.py"], reading


def test_nothing_is_mocked() -> None:
    mocked = [
        f"{path}:{each.lineno}"
        for path, text in sources(*OURS)
        for each in ast.walk(ast.parse(text))
        if isinstance(each, ast.Import | ast.ImportFrom) and "mock" in ast.unparse(each)
    ]
    assert mocked == []


def test_alembic_is_no_package() -> None:
    assert not list(Path(ROOT / "alembic").rglob("__init__.py")), "it would shadow the library"
