"""How versions relate, by hand and at random."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.notes.amendments import (
    DocStatus,
    DocumentStatus,
    NotToBeAmended,
    NotToBeRetracted,
    Relation,
    Signed,
    affected,
    current,
    doc_status,
    heading,
    retractable,
    standings,
    target,
    text_of,
    words_of,
)

R, S = Relation, DocumentStatus
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def history(*steps: tuple[Relation | None, int | None]) -> list[Signed]:
    return [
        Signed(version=number, signed_at=NOON + timedelta(hours=number), relation=relation, relates_to=relates_to)
        for number, (relation, relates_to) in enumerate(steps, 1)
    ]


FIRST = (None, None)


def statuses(signed: list[Signed]) -> list[DocumentStatus]:
    return [each.status for each in standings(signed).values()]


def test_an_addendum_changes_nothing_of_the_text() -> None:
    signed = history(FIRST, (R.APPENDS, 1))
    assert statuses(signed) == [S.CURRENT, S.CURRENT]
    assert (text_of(signed), current(signed)) == (1, (1, 2))


def test_a_replacement_takes_the_place_of_text_and_addenda() -> None:
    signed = history(FIRST, (R.APPENDS, 1), (R.REPLACES, 1), (R.APPENDS, 3))
    assert statuses(signed) == [S.SUPERSEDED, S.SUPERSEDED, S.CURRENT, S.CURRENT]
    assert (text_of(signed), current(signed)) == (3, (3, 4))
    assert standings(signed)[2].by == 3
    assert standings(signed)[2].changed_at == signed[2].signed_at


def test_an_addendum_is_retracted_alone() -> None:
    signed = history(FIRST, (R.APPENDS, 1), (R.RETRACTS, 2))
    assert statuses(signed) == [S.CURRENT, S.ENTERED_IN_ERROR]
    assert current(signed) == (1,)


def test_a_text_is_retracted_with_all_that_led_to_it() -> None:
    signed = history(FIRST, (R.APPENDS, 1), (R.REPLACES, 1), (R.APPENDS, 3), (R.RETRACTS, 3))
    assert affected(signed[:4], signed[4]) == (1, 2, 3, 4)
    assert set(statuses(signed)) == {S.ENTERED_IN_ERROR}
    assert (text_of(signed), current(signed)) == (None, ())


def test_what_was_in_error_stays_so() -> None:
    signed = history(FIRST, (R.APPENDS, 1), (R.RETRACTS, 2), (R.REPLACES, 1))
    assert standings(signed)[2].status is S.ENTERED_IN_ERROR
    assert standings(signed)[2].by == 3


def test_after_a_retraction_a_new_text_stands_alone() -> None:
    signed = history(FIRST, (R.RETRACTS, 1), FIRST)
    assert (text_of(signed), current(signed)) == (3, (3,))
    assert standings(signed)[1].status is S.ENTERED_IN_ERROR


def test_what_can_be_begun() -> None:
    written, gone = history(FIRST), history(FIRST, (R.RETRACTS, 1))
    assert (target(written, R.APPENDS), target(written, R.REPLACES), target(gone, None)) == (1, 1, None)
    for signed, wanted in ((written, None), (gone, R.APPENDS), (gone, R.REPLACES), (written, R.RETRACTS)):
        with pytest.raises(NotToBeAmended):
            target(signed, wanted)


def test_what_can_be_retracted() -> None:
    signed = history(FIRST, (R.APPENDS, 1), (R.REPLACES, 1))
    assert retractable(signed, 3) == 3
    for version in (0, 1, 2, 4):
        with pytest.raises(NotToBeRetracted):
            retractable(signed, version)


def test_doc_status_is_of_the_text() -> None:
    assert doc_status(S.SUPERSEDED, None) is DocStatus.FINAL
    assert doc_status(S.CURRENT, R.APPENDS) is DocStatus.FINAL
    assert doc_status(S.SUPERSEDED, R.REPLACES) is DocStatus.AMENDED
    assert doc_status(S.ENTERED_IN_ERROR, R.REPLACES) is DocStatus.ENTERED_IN_ERROR


def test_a_head_says_what_a_version_is() -> None:
    heads = [heading("Progress note", relation, 2) for relation in (None, *R)]
    assert heads == [
        "Progress note",
        "Progress note: addendum to version 2",
        "Progress note: corrected, replaces version 2",
        "Progress note: version 2 was entered in error",
    ]


def test_the_authors_words_come_after_the_head() -> None:
    assert words_of("Progress note\nVisit: x\nSigned: y\n\n## Plan\n\nRest.\n") == "## Plan\n\nRest."


@given(st.lists(st.tuples(st.sampled_from(["append", "replace", "retract", "anew"]), st.integers(0, 99)), max_size=12))
def test_whatever_is_signed_one_text_at_most_is_current_and_errors_stay(moves: list[tuple[str, int]]) -> None:
    signed, errors = history(FIRST), set[int]()
    for move, pick in moves:
        text, there = text_of(signed), current(signed)
        if move == "retract" and there:
            step: tuple[Relation | None, int | None] = (R.RETRACTS, there[pick % len(there)])
        elif move == "anew" and text is None:
            step = FIRST
        elif move in ("append", "replace") and text is not None:
            step = (R.APPENDS if move == "append" else R.REPLACES, text)
        else:
            continue
        signed = history(*((each.relation, each.relates_to) for each in signed), step)
        standing = standings(signed)
        in_error = {version for version, each in standing.items() if each.status is S.ENTERED_IN_ERROR}
        assert errors <= in_error
        errors = in_error
        texts = [each.version for each in signed if each.relation in (None, R.REPLACES)]
        assert sum(standing[version].status is S.CURRENT for version in texts) <= 1
        if text_of(signed) is None:
            assert current(signed) == ()
