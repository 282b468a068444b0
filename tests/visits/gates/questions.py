"""Questionnaires and answers made up by Hypothesis, as FHIR JSON and as a patient would fill them in."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from telehealth.visits.gates.questionnaires import Kind

Json = dict[str, Any]
ASKING = [each for each in Kind if each not in {Kind.GROUP, Kind.DISPLAY}]
WORDS = st.text("abc ñé؟", min_size=1, max_size=12).map(lambda text: f"w{text}")
CODES = ("never", "often", "x-1")
VALUES: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.BOOLEAN: st.booleans(),
    Kind.INTEGER: st.integers(-3, 300),
    Kind.DECIMAL: st.sampled_from(["0", "36.60", "-1.5"]),
    Kind.DATE: st.dates().map(str),
    Kind.STRING: WORDS,
    Kind.TEXT: WORDS,
    Kind.CHOICE: st.sampled_from(CODES),
}
NAMES = {
    Kind.BOOLEAN: "Boolean",
    Kind.INTEGER: "Integer",
    Kind.DECIMAL: "Decimal",
    Kind.DATE: "Date",
    Kind.STRING: "String",
    Kind.TEXT: "String",
    Kind.CHOICE: "Coding",
}


def valued(prefix: str, kind: Kind, value: Any) -> Json:
    """`value[x]` as FHIR writes it."""
    if kind is Kind.CHOICE:
        value = {"code": value}
    return {prefix + NAMES[kind]: float(value) if kind is Kind.DECIMAL else value}


@st.composite
def questionnaires(draw: st.DrawFn) -> Json:
    """Up to about a dozen items, grouped, some of them depending on earlier ones."""
    asked: list[tuple[str, Kind]] = []
    items = draw_items(draw, asked, depth=1)
    items.append(question(draw, asked, Kind.BOOLEAN))
    return {"resourceType": "Questionnaire", "status": "active", "title": "Before your visit", "item": items}


def draw_items(draw: st.DrawFn, asked: list[tuple[str, Kind]], depth: int) -> list[Json]:
    items = []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(list(Kind) if depth < 3 else ASKING))
        items.append(group(draw, asked, depth) if kind is Kind.GROUP else question(draw, asked, kind))
    return items


def group(draw: st.DrawFn, asked: list[tuple[str, Kind]], depth: int) -> Json:
    when = conditions(draw, asked)
    asked.append((link := f"g{len(asked)}", Kind.GROUP))
    return {"linkId": link, "type": "group", **when, "item": draw_items(draw, asked, depth + 1)}


def question(draw: st.DrawFn, asked: list[tuple[str, Kind]], kind: Kind) -> Json:
    item: Json = {"linkId": f"q{len(asked)}", "type": kind.value, "text": draw(WORDS), **conditions(draw, asked)}
    asked.append((item["linkId"], kind))
    if kind is Kind.DISPLAY:
        return item
    if kind is Kind.CHOICE:
        item["answerOption"] = [{"valueCoding": {"code": code, "display": code}} for code in CODES]
    if draw(st.booleans()):
        item["required"] = True
    if draw(st.integers(0, 3)) == 0:
        item["initial"] = [valued("value", kind, draw(VALUES[kind]))]
    return item


def conditions(draw: st.DrawFn, asked: list[tuple[str, Kind]]) -> Json:
    earlier = [each for each in asked if each[1] in ASKING]
    if not earlier or draw(st.booleans()):
        return {}
    when = []
    for link, kind in draw(st.lists(st.sampled_from(earlier), min_size=1, max_size=2)):
        if draw(st.booleans()):
            when.append({"question": link, "operator": "exists", "answerBoolean": draw(st.booleans())})
        else:
            when.append({"question": link, "operator": "=", **valued("answer", kind, draw(VALUES[kind]))})
    return {"enableWhen": when, "enableBehavior": draw(st.sampled_from(["all", "any"]))}


@st.composite
def filled(draw: st.DrawFn) -> tuple[Json, dict[str, Any]]:
    """A questionnaire and answers to some of its questions, as JSON."""
    asked = draw(questionnaires())
    answers = {}
    waiting = list(asked["item"])
    while waiting:
        item = waiting.pop(0)
        waiting[:0] = item.get("item", [])
        if Kind(item["type"]) in VALUES and draw(st.booleans()):
            answers[item["linkId"]] = draw(VALUES[Kind(item["type"])])
    return asked, answers
