"""A test whose program is missing is never passed over in silence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BARE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
CONFTEST = """
from tests.kit import needs
needs.PROGRAMS["browser"] = needs.PROGRAMS["relay"] = needs.PROGRAMS["medplum"] = "no-such-program"
from tests.kit.needs import pytest_runtest_setup, pytest_terminal_summary
"""
TESTS = """
import pytest
@pytest.mark.browser
@pytest.mark.parametrize("page", [1, 2])
def test_page(page): pass
@pytest.mark.relay
@pytest.mark.browser
def test_relayed(): pass
@pytest.mark.medplum
def test_routed(): pass
def test_plain(): pass
"""


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_is_missing_is_told_at_the_end(tmp_path: Path, workers: str) -> None:
    code, told = _run(tmp_path, workers, ci="")
    assert code == 0
    assert "NOT RUN: 2 tests need chromium: run deploy/install-test-deps" in told
    assert "NOT RUN: 1 test needs chromium and coturn: run deploy/install-test-deps" in told
    assert "NOT RUN: 1 test needs Medplum's router on Node.js: run deploy/npm-packages tests/kit/medplum" in told
    assert "1 passed, 4 skipped" in told


def test_under_ci_it_is_a_failure(tmp_path: Path) -> None:
    code, told = _run(tmp_path, "0", ci="true")
    assert code == 1
    assert "NOT RUN: needs chromium and coturn: run deploy/install-test-deps" in told
    assert "3 errors" in told
    assert "1 passed, 1 skipped" in told, "what npm has not installed is told of, and no failure"


PLUGINS = ("xdist", "timeout", "anyio")  # what pyproject.toml sets options of; the others take seconds to load


def _run(directory: Path, workers: str, *, ci: str) -> tuple[int, str]:
    (directory / "conftest.py").write_text(CONFTEST)
    (directory / "test_it.py").write_text(TESTS)
    plugins = [part for each in PLUGINS for part in ("-p", each)]
    argv = ["-m", "pytest", *plugins, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(directory), "-n", workers]
    done = subprocess.run(
        [sys.executable, *argv, "-p", "no:cacheprovider", str(directory)],
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **BARE},
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
