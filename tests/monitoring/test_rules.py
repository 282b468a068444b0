"""Which answers ask for somebody, when questions can be answered, and what is wrong with thresholds."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.ids import ClinicianId, PatientId, TaskId, VisitId
from telehealth.followups.parts import (
    LONGEST_TITLE,
    Facing,
    FollowUp,
    Owner,
    Pool,
    Priority,
    TaskKind,
    TaskStatus,
    Whose,
)
from telehealth.monitoring.rules import (
    LONGEST_WORDS,
    Comparison,
    Content,
    Standing,
    Window,
    crossed,
    faults,
    is_missed,
    standing,
    task_of,
)
from telehealth.visits.gates.definitions import InvalidQuestionnaire, read_questionnaire
from telehealth.visits.gates.filling import Wrong, read_answers, read_typed
from tests.monitoring.pressure import CONTENT, DIZZY, HIGH, MAX, MIN, RAISED, RESOURCE

C, P = Comparison, Priority
NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
VALUES = st.integers(50, 280)
MEANT: dict[Comparison, Callable[[int, int, int | None], bool]] = {
    C.ABOVE: lambda answer, value, _: answer > value,
    C.AT_LEAST: lambda answer, value, _: answer >= value,
    C.BELOW: lambda answer, value, _: answer < value,
    C.AT_MOST: lambda answer, value, _: answer <= value,
    C.EQUALS: lambda answer, value, _: answer == value,
    C.RISES_BY: lambda answer, value, before: before is not None and answer - before >= value,
    C.FALLS_BY: lambda answer, value, before: before is not None and before - answer >= value,
}


@given(st.sampled_from(list(C)), VALUES, VALUES, st.none() | VALUES)
def test_an_answer_crosses_what_the_words_say(
    comparison: Comparison, answer: int, value: int, before: int | None
) -> None:
    content = replace(CONTENT, thresholds=(replace(HIGH, comparison=comparison, value=value),))
    last = {} if before is None else {"systolic": before}
    assert bool(crossed(content, {"systolic": answer}, last)) is MEANT[comparison](answer, value, before)


@given(st.lists(st.tuples(st.sampled_from(list(P)), VALUES), max_size=6), VALUES)
def test_of_one_question_the_most_urgent_threshold_makes_the_task(
    rows: list[tuple[Priority, int]], answer: int
) -> None:
    thresholds = tuple(replace(HIGH, priority=priority, value=value) for priority, value in rows)
    found = crossed(replace(CONTENT, thresholds=thresholds), {"systolic": answer}, {})
    met = [each for each in thresholds if answer > int(each.value)]
    order = list(P)
    assert [each for each, _ in found] == ([max(met, key=lambda each: order.index(each.priority))] if met else [])


def test_each_question_asks_for_its_own() -> None:
    found = crossed(CONTENT, {"systolic": 192, "diastolic": 90, "dizzy": True}, {})
    assert [each for each, _ in found] == [HIGH, DIZZY]
    assert crossed(CONTENT, {"systolic": 160, "dizzy": False}, {})[0][0] == RAISED
    assert crossed(CONTENT, {"diastolic": 300}, {}) == []


def test_what_a_task_says_is_for_who_reads_it() -> None:
    (_, systolic), (_, dizzy) = crossed(CONTENT, {"systolic": 192, "dizzy": True}, {})
    call, rebook = task_of(HIGH, systolic, 192, UUID(int=1)), task_of(DIZZY, dizzy, True, UUID(int=1))
    assert call.title == "Call: very high blood pressure: Upper value (mmHg) 192"
    assert (call.owner, call.kind, call.priority) == (Owner(Pool.CLINICIANS), TaskKind.CALL, P.URGENT)
    assert (rebook.title, rebook.owner) == ("Offer a visit", Owner(Pool.DESK))
    assert call.origin == f"answer:{UUID(int=1)}/systolic" != rebook.origin
    longest = replace(HIGH, words="w" * LONGEST_WORDS)
    wordy = replace(systolic, label=replace(systolic.label, words="l" * 2000))
    assert len(task_of(longest, wordy, Decimal("9" * 12 + "." + "9" * 6), UUID(int=1)).title) <= LONGEST_TITLE


def test_what_makes_no_sense_is_said_by_field() -> None:
    def at(**changed: object) -> list[tuple[str, str]]:
        found = faults(replace(CONTENT, thresholds=(RAISED, replace(HIGH, **changed))))  # type: ignore[arg-type]
        return [(each.field, each.code) for each in found]

    assert at() == []
    assert at(item="pulse") == [("item_2", "invalid")]
    assert at(item="dizzy") == [("comparison_2", "invalid"), ("value_2", "invalid")]
    assert at(value="high") == at(value="180") == [("value_2", "invalid")]
    assert at(value=500) == []  # nobody can answer it, and no bound of answers binds it
    assert at(comparison=C.RISES_BY, value=0) == [("value_2", "invalid")]
    assert at(words=" ") == [("words_2", "required")]
    assert at(kind=TaskKind.COSIGN) == at(kind=TaskKind.QUESTIONNAIRE) == [("kind_2", "invalid")]
    with pytest.raises(InvalidQuestionnaire):
        faults(Content(resource={"resourceType": "Questionnaire"}))


# When they can be answered


def task(status: TaskStatus = TaskStatus.DUE) -> FollowUp:
    return FollowUp(
        id=TaskId(UUID(int=1)),
        visit_id=VisitId(UUID(int=2)),
        patient_id=PatientId(UUID(int=3)),
        clinician_id=ClinicianId(UUID(int=4)),
        kind=TaskKind.QUESTIONNAIRE,
        title="",
        owner=Owner(Pool.CLINICIANS),
        facing=Facing.PATIENT,
        priority=P.ROUTINE,
        status=status,
        planned_at=NOON,
        due_at=NOON,
        ends_at=NOON + timedelta(days=1),
        moved_at=NOON,
    )


@given(st.sampled_from(list(TaskStatus)), st.timedeltas(timedelta(0), timedelta(days=3)), st.booleans())
def test_there_is_one_answer_to_where_questions_stand(status: TaskStatus, after: timedelta, answered: bool) -> None:
    asked, now = task(status), NOON + after
    found = standing(Window.of(asked), now, answered=answered)
    assert (found is Standing.ANSWERED) is answered
    if found is Standing.OPEN:
        assert now < asked.ends_at
        assert not is_missed(asked, now, answered=answered)
    if found is Standing.LATE:
        assert is_missed(asked, now, answered=answered)
    if is_missed(asked, now, answered=answered):
        assert (answered, status is TaskStatus.CANCELLED, now < asked.ends_at) == (False, False, False)


# The least and the most


@given(st.integers(-400, 400), st.integers(-400, 400), st.integers(-400, 400))
def test_a_number_is_from_the_least_to_the_most(least: int, most: int, value: int) -> None:
    bounds = [{"url": MIN, "valueInteger": least}, {"url": MAX, "valueInteger": most}]
    item = {"linkId": "n", "type": "integer", "text": "Number", "extension": bounds}
    resource = {"resourceType": "Questionnaire", "title": "T", "item": [item]}
    if least > most:
        with pytest.raises(InvalidQuestionnaire):
            read_questionnaire(resource)
        return
    answers, problems = read_answers(read_questionnaire(resource), {"n": value})
    assert answers == ({"n": value} if least <= value <= most else {})
    assert [each.wrong for each in problems] == ([] if answers else [Wrong.RANGE])


@pytest.mark.parametrize(
    ("kind", "bound", "fits", "beyond"),
    [
        ("decimal", {"url": MAX, "valueDecimal": 42.5}, "42,5", "42.51"),
        ("decimal", {"url": MIN, "valueDecimal": 30}, "٣٠", "29.999"),
        ("date", {"url": MIN, "valueDate": "2026-03-02"}, "2026-03-02", "2026-03-01"),
    ],
)
def test_so_is_a_decimal_and_a_date(kind: str, bound: dict[str, object], fits: str, beyond: str) -> None:
    item = {"linkId": "n", "type": kind, "text": "Number", "extension": [bound]}
    asked = read_questionnaire({"resourceType": "Questionnaire", "title": "T", "item": [item]})
    assert read_typed(asked, {"n": fits})[1] == []
    assert [each.wrong for each in read_typed(asked, {"n": beyond})[1]] == [Wrong.RANGE]


@pytest.mark.parametrize(
    "extension",
    [
        [{"url": MIN, "valueDecimal": 1.5}],
        [{"url": MIN, "valueInteger": 1}, {"url": MIN, "valueInteger": 2}],
        [{"url": "http://example.org/other", "valueInteger": 1}],
        [{"url": MIN}],
        [1],
        {"url": MIN, "valueInteger": 1},
    ],
)
def test_what_is_no_bound_is_refused(extension: object) -> None:
    broken = {**RESOURCE, "item": [{**RESOURCE["item"][0], "extension": extension}]}
    with pytest.raises(InvalidQuestionnaire) as refused:
        read_questionnaire(broken)
    assert "/item/0/extension" in str(refused.value.extras["faults"])


def test_the_desk_owns_what_is_for_the_desk() -> None:
    assert [each.owner for each in Whose] == [None, Owner(Pool.CLINICIANS), Owner(Pool.DESK)]
