"""When patients are asked how a visit was, how often, and the questions that come with the house."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.http.locales import LANGUAGES
from telehealth.surveys.parts import built_in
from telehealth.surveys.rules import (
    FEWEST,
    MOST_MINUTES,
    ONCE_IN,
    REMEMBERED,
    due_at,
    enough,
    is_scored,
    may_ask,
    month_of,
    score,
)
from telehealth.visits.gates.definitions import read_questionnaire
from telehealth.visits.gates.questionnaires import walk

instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(instants, st.integers(0, MOST_MINUTES), st.timedeltas(timedelta(), timedelta(days=20)))
def test_nobody_is_asked_before_it_is_time_nor_when_it_is_long_ago(
    ended: datetime, minutes: int, later: timedelta
) -> None:
    now = ended + later
    found = due_at(ended, minutes, now)
    assert (found is None) == (later > REMEMBERED)
    if found is not None:
        assert found >= now
        assert found >= ended + timedelta(minutes=minutes)
        assert found in (now, ended + timedelta(minutes=minutes))


@given(st.lists(instants, max_size=20))
def test_a_patient_is_asked_once_in_thirty_days_in_whatever_order_visits_are_complete(times: list[datetime]) -> None:
    asked: list[datetime] = []
    for at in times:
        if may_ask(at, asked):
            asked.append(at)
    asked.sort()
    assert all(after - before >= ONCE_IN for before, after in pairwise(asked))
    assert bool(asked) == bool(times)


def test_the_month_is_the_clinics() -> None:
    last = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
    assert month_of(last, ZoneInfo("America/Chicago")) == date(2026, 3, 1)
    assert month_of(last, ZoneInfo("Europe/Paris")) == date(2026, 4, 1)


def test_what_counts_and_when_it_is_shown() -> None:
    assert [score(each) for each in (True, False, 7, Decimal("2.5"))] == [1, 0, 7, Decimal("2.5")]
    assert [enough(each) for each in (0, FEWEST - 1, FEWEST)] == [None, None, FEWEST]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_questions_of_the_house_are_asked_in_every_language(language: str) -> None:
    asked = read_questionnaire(built_in())
    assert [each.link_id for each in asked.questions if is_scored(each)] == ["overall", "clear"]
    assert (asked.questions[0].least, asked.questions[0].most, asked.questions[0].required) == (0, 10, True)
    for spoken in (asked.title, *(each.label for each in walk(asked.items))):
        assert language == "en" or spoken.in_language(language) != spoken.words
