"""The cases of `cases.yaml` by area, and that the runner says so when one fails."""

import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kit.database import Databases
from tests.kit.tree import ROOT
from tests.kit.valkey import running_valkey
from tests.scheduling.cases.playing import Place, open_stage, play
from tests.scheduling.cases.reading import Case, Given, plain, read_cases
from tests.scheduling.cases.stage import Stage

FILE = Path(__file__).parent / "cases.yaml"
pytestmark = pytest.mark.timeout(400)  # an area is one test
CASES = read_cases(FILE)
OTHERS = [each for name in ("varied", "elsewhere") for each in read_cases(FILE.with_name(f"{name}.yaml"))]
TIMED = {"sea-001"}  # its bound in milliseconds is for a machine that does nothing else
LONG: Mapping[str, Mapping[str, object]] = {
    "dst-018": {"env_TZ": ["UTC", "Australia/Sydney"]},
    "sea-004": {"random_schedules": 25},
}
WRONG = """
cases:
- {id: right, op: estimate, given: {position: 2, remaining: [5], mean_service: 10}, expect: {estimate_min: 15}}
- {id: wrong, op: estimate, given: {position: 2, remaining: [5], mean_service: 10}, expect: {estimate_min: 16}}
- {id: kind, op: levitate, given: {}, expect: {height: 1}}
- {id: given, op: estimate, given: {position: 1, remaining: [5], mean_service: 10, mood: 1}, expect: {estimate_min: 5}}
- {id: expect, op: estimate, given: {position: 1, remaining: [5], mean_service: 10}, expect: {estimate_min: 5, joy: 1}}
- {id: missing, op: estimate, given: {position: 1, mean_service: 10}, expect: {estimate_min: 5}}
- {id: breaks, op: estimate, given: {position: x, remaining: [5], mean_service: 10}, expect: {estimate_min: 5}}
"""
SAID = (
    "FAIL wrong (estimate): ",
    "estimate_min: expected 16, found 15",
    "cases of kind 'levitate' are not known",
    "given.mood is not known to cases of kind 'estimate'",
    "expect.joy is not known to this kind of case",
    "given.remaining is missing",
    "ValueError: invalid literal for int()",
    "1 of 7 cases pass",
)


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with running_valkey() as url:
        yield url


@pytest.fixture(scope="module")
async def stage(databases: Databases, valkey: str) -> AsyncIterator[Stage]:
    with databases.clone() as database:
        async with open_stage(Place(database, valkey, databases)) as opened:
            yield opened


@pytest.mark.parametrize("area", dict.fromkeys(case.area for case in CASES))
async def test_cases_of(area: str, stage: Stage) -> None:
    outcomes = [await play(stage, shorter(case)) for case in CASES if case.area == area and case.id not in TIMED]
    assert {each.case.id: each.failures for each in outcomes if each.failures} == {}


def shorter(case: Case) -> Case:
    """Each time fewer of the same where a case asks for many; the long run plays it as it is written."""
    if case.id not in LONG:
        return case
    assert LONG[case.id].keys() <= case.given.keys()
    return replace(case, given=Given({**plain(case.given), **LONG[case.id]}, "given"))


@pytest.mark.soak
@pytest.mark.parametrize("name", LONG)
async def test_a_case_in_its_length(name: str, stage: Stage) -> None:
    (case,) = (each for each in CASES if each.id == name)
    assert (await play(stage, case)).failures == []


@pytest.mark.soak
async def test_cases_with_a_bound_in_time(stage: Stage) -> None:
    outcomes = [await play(stage, case) for case in CASES if case.id in TIMED]
    assert {each.case.id: each.failures for each in outcomes if each.failures} == {}


@pytest.mark.soak
async def test_cases_with_other_values(stage: Stage) -> None:
    outcomes = [await play(stage, case) for case in OTHERS]
    assert {each.case.id: each.failures for each in outcomes if each.failures} == {}


def test_the_runner_says_what_fails(databases: Databases, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(WRONG)
    with databases.clone() as database:
        file = str(tmp_path / "wrong.yaml")
        argv = [sys.executable, "-m", "tests.scheduling.run_cases", file, "--database", database]
        ended = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert [each for each in SAID if each not in ended.stdout] == []


def test_there_are_as_many_cases_as_the_file_says() -> None:
    assert len(CASES) == 127
    assert len({case.id for case in CASES}) == len(CASES)
