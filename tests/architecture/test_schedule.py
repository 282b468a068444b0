"""What is left to the long run and what begins first are files that are there, and the longest begin first."""

import pytest

from tests.kit.schedule import FIRST, LONG, run_of, turn
from tests.kit.tree import ROOT


@pytest.mark.parametrize("named", [LONG, FIRST])
def test_what_is_named_is_there(named: tuple[str, ...]) -> None:
    assert [each for each in named if not (ROOT / each).exists()] == []
    assert len(set(named)) == len(named)


def test_the_longest_come_before_the_others_and_the_stories_first() -> None:
    asked = ("tests/people/test_rules.py::test_a", f"{FIRST[3]}::test_b", "tests/stories/test_1.py::test_c")
    assert sorted(asked, key=turn) == [asked[2], asked[1], asked[0]]


@pytest.mark.parametrize(
    ("where", "marks", "runs"),
    [
        ("tests/people/test_rules.py", [], ""),
        ("tests/people/test_rules.py", ["browser"], "long"),
        ("tests/stories/test_1.py", [], "long"),
        ("tests/stories/test_1.py", ["soak"], "soak"),
        ("tests/people/test_rules.py", ["browser", "soak"], "soak"),
    ],
)
def test_every_test_is_in_one_of_three_runs(where: str, marks: list[str], runs: str) -> None:
    assert run_of(f"{where}::test_a", marks) == runs
