"""The longest tests begin first, and the list of them is of files that are there."""

from tests.kit.schedule import LONGEST, turn
from tests.kit.tree import ROOT


def test_what_is_called_long_is_there() -> None:
    assert [each for each in LONGEST if not (ROOT / each).exists()] == []
    assert len(set(LONGEST)) == len(LONGEST)


def test_the_long_come_before_the_others_and_the_stories_first() -> None:
    asked = ("tests/people/test_rules.py::test_a", f"{LONGEST[3]}::test_b", "tests/stories/test_1.py::test_c")
    assert sorted(asked, key=turn) == [asked[2], asked[1], asked[0]]
