"""Questionnaires: what is read is what is asked, what cannot be honoured is refused, answers mean what they say."""

import json
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.visits.gates.definitions import MOST_ITEMS, TRANSLATION, InvalidQuestionnaire, read_questionnaire
from telehealth.visits.gates.filling import (
    InvalidAnswers,
    Problem,
    Wrong,
    applying,
    kept,
    missing,
    prefill,
    read_answers,
    read_typed,
    refuse,
    stored,
)
from telehealth.visits.gates.questionnaires import Questionnaire, walk
from tests.visits.gates.questions import Json, filled, questionnaires

SMOKER: Json = {
    "resourceType": "Questionnaire",
    "status": "active",
    "title": "Before your visit",
    "item": [
        {"linkId": "smokes", "type": "boolean", "text": "Do you smoke?", "required": True},
        {
            "linkId": "more",
            "type": "group",
            "enableWhen": [{"question": "smokes", "operator": "=", "answerBoolean": True}],
            "item": [
                {"linkId": "day", "type": "integer", "text": "How many a day?", "required": True},
                {
                    "linkId": "stop",
                    "type": "choice",
                    "text": "Do you want to stop?",
                    "answerOption": [{"valueString": "Yes"}, {"valueString": "No"}],
                    "enableWhen": [{"question": "day", "operator": "exists", "answerBoolean": True}],
                },
            ],
        },
        {"linkId": "weight", "type": "decimal", "text": "Weight", "initial": [{"valueDecimal": 70.5}]},
    ],
}


def smoker(**changed: Any) -> Json:
    """The same with the first item changed."""
    copy = deepcopy(SMOKER)
    copy["item"][0] |= changed
    return copy


# Reading


@given(questionnaires())
def test_every_item_is_read_in_order(resource: Json) -> None:
    def links(items: list[Json]) -> list[str]:
        return [link for item in items for link in (item["linkId"], *links(item.get("item", [])))]

    read = read_questionnaire(resource)
    assert [each.link_id for each in walk(read.items)] == links(resource["item"])


@given(questionnaires(), st.data())
def test_whatever_is_damaged_is_refused_or_read_but_never_breaks(resource: Json, data: st.DataObject) -> None:
    """One value anywhere in it becomes anything."""
    places = list(_places(resource))
    parent, key = data.draw(st.sampled_from(places))
    anything = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=8), inner, max_size=2),
        max_leaves=4,
    )
    parent[key] = data.draw(anything)
    with suppress(InvalidQuestionnaire):
        assert read_questionnaire(json.loads(json.dumps(resource))).questions


def _places(value: Any) -> Any:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def test_words_are_had_in_other_languages() -> None:
    said = [{"url": "lang", "valueCode": "es"}, {"url": "content", "valueString": "¿Fuma?"}]
    read = read_questionnaire(smoker(_text={"extension": [{"url": TRANSLATION, "extension": said}]}))
    label = read.items[0].label
    assert label.in_language("es") == "¿Fuma?"
    assert label.in_language("fr") == "Do you smoke?"


def _twice(resource: Json) -> None:
    resource["item"].append(resource["item"][0])


def _circle(resource: Json) -> None:
    resource["item"][0]["enableWhen"] = [{"question": "day", "operator": "exists", "answerBoolean": True}]


def _crowd(resource: Json) -> None:
    resource["item"] = [{"linkId": f"q{each}", "type": "boolean", "text": "?"} for each in range(MOST_ITEMS + 1)]


def _well(resource: Json) -> None:
    for _ in range(6):
        resource["item"] = [{"linkId": f"g{len(json.dumps(resource))}", "type": "group", "item": resource["item"]}]


REFUSED: list[tuple[Callable[[Json], object], str]] = [
    (_twice, "/item/3/linkId"),
    (_circle, "/item/0/enableWhen/0/question"),
    (_crowd, f"/item/{MOST_ITEMS}"),
    (_well, "/item/0/item/0/item/0/item/0/item/0/item"),
    (lambda resource: resource.update(resourceType="Patient"), "/resourceType"),
    (lambda resource: resource.update(item=[]), "/item"),
    (lambda resource: resource.update(contained=[]), "/contained"),
    (lambda resource: resource["item"][0].update(repeats=True), "/item/0/repeats"),
    (lambda resource: resource["item"][0].update(type="attachment"), "/item/0/type"),
    (lambda resource: resource["item"][0].update(item=[]), "/item/0/item"),
    (lambda resource: resource["item"][0].update(answerOption=[{"valueString": "Yes"}]), "/item/0/answerOption"),
    (lambda resource: resource["item"][0].update(initial=[{"valueString": "Yes"}]), "/item/0/initial"),
    (lambda resource: resource["item"][1].update(required=True), "/item/1/required"),
    (lambda resource: resource["item"][1]["enableWhen"][0].update(operator=">"), "/item/1/enableWhen/0/operator"),
    (lambda resource: resource["item"][1]["enableWhen"][0].update(answerBoolean="no"), "/item/1/enableWhen/0"),
    (lambda resource: resource["item"][1]["item"][1]["answerOption"].append({"valueString": "No"}), "/item/1/item/1"),
]


@pytest.mark.parametrize(("damage", "pointer"), REFUSED, ids=[pointer for _, pointer in REFUSED])
def test_what_would_not_be_honoured_is_refused(damage: Callable[[Json], object], pointer: str) -> None:
    resource = smoker()
    damage(resource)
    with pytest.raises(InvalidQuestionnaire) as refused:
        read_questionnaire(resource)
    faults: Any = refused.value.extras["faults"]
    assert [each["pointer"] for each in faults if each["pointer"].startswith(pointer)], faults


# Filling in


def ask(resource: Json = SMOKER) -> Questionnaire:
    return read_questionnaire(resource)


@given(filled())
def test_answers_come_back_from_the_store_as_they_were(case: tuple[Json, dict[str, Any]]) -> None:
    asked, given_ = ask(case[0]), case[1]
    answers, problems = read_answers(asked, given_)
    assert not problems
    assert stored(answers) == given_
    assert read_answers(asked, json.loads(json.dumps(stored(answers)))) == (answers, [])


@given(filled())
def test_what_is_kept_applies_and_nothing_more_changes_it(case: tuple[Json, dict[str, Any]]) -> None:
    asked = ask(case[0])
    answers, _ = read_answers(asked, case[1])
    once = kept(asked, answers)
    assert applying(asked, once) == applying(asked, answers)
    assert kept(asked, once) == once
    assert set(once) <= applying(asked, answers)


@given(filled())
def test_nothing_is_missing_but_required_questions_that_apply(case: tuple[Json, dict[str, Any]]) -> None:
    asked = ask(case[0])
    answers, _ = read_answers(asked, case[1])
    for problem in missing(asked, answers):
        (item,) = [each for each in asked.questions if each.link_id == problem.link_id]
        assert item.required
        assert item.link_id in applying(asked, answers)
        assert item.link_id not in answers


@given(filled())
def test_an_item_applies_only_inside_groups_that_do(case: tuple[Json, dict[str, Any]]) -> None:
    asked = ask(case[0])
    applies = applying(asked, read_answers(asked, case[1])[0])
    for outer in walk(asked.items):
        if outer.link_id not in applies:
            assert not {each.link_id for each in walk(outer.items)} & applies


@given(filled(), questionnaires())
def test_answers_of_another_version_are_carried_over_only_where_they_are_answers(
    case: tuple[Json, dict[str, Any]], other: Json
) -> None:
    asked = ask(other)
    begun = prefill(asked, case[1])
    assert read_answers(asked, stored(begun)) == (begun, [])
    suggested = {each.link_id: each.initial for each in asked.questions}
    for link, answer in begun.items():
        assert answer == suggested[link] or stored({link: answer})[link] == case[1][link]


def test_the_last_answers_count_before_what_the_question_suggests() -> None:
    assert prefill(ask(), {}) == {"weight": Decimal("70.5")}
    assert prefill(ask(), {"weight": "80.0", "smokes": True, "gone": "x"}) == {
        "weight": Decimal("80.0"),
        "smokes": True,
    }


def test_what_depends_on_an_answer_that_does_not_apply_does_not_apply() -> None:
    asked = ask()
    answers, _ = read_answers(asked, {"smokes": False, "day": 20, "stop": "Yes"})
    assert applying(asked, answers) == {"smokes", "weight"}
    assert kept(asked, answers) == {"smokes": False}
    assert not missing(asked, answers)


def test_a_question_that_begins_to_apply_is_missing() -> None:
    asked = ask()
    assert missing(asked, {}) == [Problem("smokes", Wrong.REQUIRED)]
    assert missing(asked, {"smokes": True}) == [Problem("day", Wrong.REQUIRED)]


def test_wrong_answers_are_named_and_not_repeated() -> None:
    _, problems = read_answers(ask(), {"smokes": "secret", "day": True, "weight": "1e3", "stop": "Maybe", "x": 1})
    assert {each.link_id: each.wrong for each in problems} == {
        "x": Wrong.UNKNOWN,
        **dict.fromkeys(("smokes", "day", "weight", "stop"), Wrong.INVALID),
    }
    with pytest.raises(InvalidAnswers) as refused:
        refuse(problems)
    assert "secret" not in str(refused.value.extras)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ({"day": " 20 "}, {"day": 20}),
        ({"day": "\u0662\u0660"}, {"day": 20}),
        ({"day": "-3"}, {"day": -3}),
        ({"weight": "70,5"}, {"weight": Decimal("70.5")}),
        ({"weight": "\u0667\u0660\u066b\u0665"}, {"weight": Decimal("70.5")}),
        ({"smokes": "true", "stop": "", "day": "  "}, {"smokes": True}),
    ],
)
def test_what_is_typed_is_read_as_it_is_meant(typed: dict[str, str], read: dict[str, Any]) -> None:
    assert read_typed(ask(), typed) == (read, [])


@pytest.mark.parametrize(
    "typed", [{"day": "2\u00b2"}, {"day": "1e3"}, {"day": "--1"}, {"weight": "7,5,0"}, {"smokes": "no"}]
)
def test_what_cannot_be_read_is_wrong(typed: dict[str, str]) -> None:
    answers, problems = read_typed(ask(), typed)
    assert answers == {}
    assert [each.wrong for each in problems] == [Wrong.INVALID]
