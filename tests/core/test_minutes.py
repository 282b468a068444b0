"""Sets of minutes as whole numbers say what Python's own sets say."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.minutes import any_of, at_least, between, covered, every, filled, fits, has, minutes_of, table_of
from tests.kit.examples import examples

LENGTH = 200
lengths = st.integers(0, LENGTH)
points = st.integers(-50, LENGTH + 50)
pairs = st.lists(st.tuples(points, points), max_size=12)
sets = st.sets(st.integers(0, LENGTH - 1))


def bits_of(members: set[int]) -> int:
    return sum(1 << each for each in members)


@settings(max_examples=examples(100), deadline=None)
@given(pairs, lengths)
def test_covered_is_the_union_within_the_frame(found: list[tuple[int, int]], length: int) -> None:
    expected = {minute for start, end in found for minute in range(max(start, 0), min(end, length))}
    assert minutes_of(covered(found, length)) == sorted(expected)
    for start, end in found:
        assert minutes_of(between(start, end, length)) == list(range(max(start, 0), min(end, length)))


@given(st.integers(1, 90), st.integers(0, 90), lengths)
def test_every_is_a_range(step: int, first: int, length: int) -> None:
    assert minutes_of(every(step, first, length)) == list(range(first, length, step))
    assert minutes_of(filled(length)) == list(range(length))


@given(sets, st.integers(1, 40))
def test_fits_finds_where_that_many_in_a_row_begin(members: set[int], wanted: int) -> None:
    expected = [each for each in sorted(members) if all(each + more in members for more in range(wanted))]
    assert minutes_of(fits(bits_of(members), wanted)) == expected


@given(st.lists(sets, max_size=6), st.integers(1, 5))
def test_at_least_counts(many: list[set[int]], count: int) -> None:
    counts = Counter(each for members in many for each in members)
    expected = sorted(each for each, number in counts.items() if number >= count)
    assert minutes_of(at_least([bits_of(each) for each in many], count)) == expected
    assert minutes_of(any_of(bits_of(each) for each in many)) == sorted(counts)


@given(sets)
def test_a_table_has_the_members_and_nothing_beside_the_frame(members: set[int]) -> None:
    table = table_of(bits_of(members))
    assert {each for each in range(-20, LENGTH + 50) if has(table, each)} == members
