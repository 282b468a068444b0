"""Filling in a questionnaire: which questions apply, what an answer is, what is missing. Pure."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from telehealth.core.errors import Kind as RefusalKind
from telehealth.core.errors import Refusal
from telehealth.visits.gates.definitions import read_questionnaire
from telehealth.visits.gates.questionnaires import (
    Answer,
    Condition,
    Item,
    Kind,
    OutOfRange,
    Questionnaire,
    read_value,
)

Answers = Mapping[str, Answer]
Stored = Mapping[str, bool | int | str]


class Wrong(StrEnum):
    REQUIRED = "required"
    INVALID = "invalid"
    RANGE = "range"
    UNKNOWN = "unknown"


class InvalidAnswers(Refusal):
    """`answers` lists linkIds, each with what is wrong: required, invalid, range (it is less than the least or more
    than the most), or unknown (there is no such question).
    """

    kind, slug, title = RefusalKind.INVALID, "invalid-answers", "Some answers are missing or cannot be read"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one answer; it never repeats the answer."""

    link_id: str
    wrong: Wrong


def stored(answers: Answers) -> dict[str, bool | int | str]:
    """As JSON has them: a decimal is a string, so that 36.60 stays what was written."""
    return {link: format(each, "f") if isinstance(each, Decimal) else each for link, each in answers.items()}


def written(answer: Answer) -> str:
    """As it stands in a field."""
    value = stored({"": answer})[""]
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_answers(questionnaire: Questionnaire, given: Mapping[str, object]) -> tuple[dict[str, Answer], list[Problem]]:
    """Answers by linkId as JSON has them, and what is wrong with the rest."""
    questions = {each.link_id: each for each in questionnaire.questions}
    answers: dict[str, Answer] = {}
    problems = [Problem(link, Wrong.UNKNOWN) for link in given if link not in questions]
    for link, value in given.items():
        if link in questions:
            try:
                answers[link] = read_value(questions[link], value)
            except OutOfRange:
                problems.append(Problem(link, Wrong.RANGE))
            except ValueError:
                problems.append(Problem(link, Wrong.INVALID))
    return answers, problems


def read_typed(questionnaire: Questionnaire, typed: Mapping[str, object]) -> tuple[dict[str, Answer], list[Problem]]:
    """Answers as a form has them: everything may be text, and what is empty is no answer."""
    kinds = {each.link_id: each.kind for each in questionnaire.questions}
    given = {
        link: _from_text(kinds.get(link), value) if isinstance(value, str) else value
        for link, value in typed.items()
        if not isinstance(value, str) or value.strip()
    }
    return read_answers(questionnaire, given)


def _from_text(kind: Kind | None, text: str) -> object:
    match kind:
        case Kind.BOOLEAN:
            return {"true": True, "false": False}.get(text, text)
        case Kind.INTEGER:
            return _whole(_plain_digits(text))
        case Kind.DECIMAL:
            return _plain_digits(text).replace(",", ".")
        case _:
            return text


def _whole(text: str) -> object:
    sign, digits = text[:1] == "-", text.removeprefix("-")
    return (-1 if sign else 1) * int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 11 else text


def _plain_digits(text: str) -> str:
    """Whatever digits the keyboard writes (Arabic-Indic, say) as 0 to 9, its separators as commas and points."""
    shown = text.strip().replace("\u066b", ".").replace("\u2212", "-")
    return "".join(str(unicodedata.digit(each)) if each.isdecimal() else each for each in shown)


# Which questions apply


def applying(questionnaire: Questionnaire, answers: Answers) -> frozenset[str]:
    """The linkIds of the items that apply. What hangs on an answer that does not apply itself does not either."""
    found: set[str] = set()
    _apply(questionnaire.items, answers, found)
    return frozenset(found)


def _apply(items: tuple[Item, ...], answers: Answers, found: set[str]) -> None:
    for item in items:
        if _holds(item, answers, found):
            found.add(item.link_id)
            _apply(item.items, answers, found)


def _holds(item: Item, answers: Answers, found: set[str]) -> bool:
    if not item.conditions:
        return True
    met = [_met(each, answers.get(each.question) if each.question in found else None) for each in item.conditions]
    return any(met) if item.any_of else all(met)


def _met(condition: Condition, answer: Answer | None) -> bool:
    if condition.answer is None:
        return (answer is not None) is condition.exists
    return answer == condition.answer and isinstance(answer, bool) is isinstance(condition.answer, bool)


# Completing, and beginning


def kept(questionnaire: Questionnaire, answers: Answers) -> dict[str, Answer]:
    """The answers that apply, in the order of the questions: what a completed response holds."""
    applies = applying(questionnaire, answers)
    questions = (each.link_id for each in questionnaire.questions)
    return {link: answers[link] for link in questions if link in answers and link in applies}


def missing(questionnaire: Questionnaire, answers: Answers) -> list[Problem]:
    """The questions that apply, are required, and have no answer."""
    applies = applying(questionnaire, answers)
    return [
        Problem(each.link_id, Wrong.REQUIRED)
        for each in questionnaire.questions
        if each.required and each.link_id in applies and each.link_id not in answers
    ]


def prefill(questionnaire: Questionnaire, before: Stored) -> dict[str, Answer]:
    """What the page shows first: the answers of the last time that still are answers, else what the question suggests.

    `before` may be answers to an older version: what is not asked any more, or asked otherwise, is left out.
    """
    asked = {each.link_id for each in questionnaire.questions}
    known, _ = read_answers(questionnaire, {link: value for link, value in before.items() if link in asked})
    suggested = {each.link_id: each.initial for each in questionnaire.questions if each.initial is not None}
    return suggested | known


def refuse(problems: list[Problem]) -> None:
    """Raises InvalidAnswers when there is a problem."""
    if problems:
        raise InvalidAnswers(answers=[{"link_id": each.link_id, "problem": each.wrong} for each in problems])


# What was published, and what became of it


@dataclass(frozen=True, slots=True)
class Published:
    """A version of the questions of a kind of visit."""

    id: UUID
    version: int
    resource: dict[str, Any]
    published_at: datetime

    @property
    def questionnaire(self) -> Questionnaire:
        return read_questionnaire(self.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """The questions of a visit and the answers so far; revision 0 before the first save.

    `prefilled`: the answers are those of the patient's last visit of this kind, and nobody has looked at them yet.
    """

    published: Published
    answers: Answers = field(default_factory=dict)
    revision: int = 0
    saved_at: datetime | None = None
    completed_at: datetime | None = None
    prefilled: bool = False

    @property
    def applying(self) -> frozenset[str]:
        return applying(self.published.questionnaire, self.answers)

    def says(self, answers: Answers, *, complete: bool) -> bool:
        """Whether that is what was saved last, as far as it applies when it is to be complete."""
        asked, saved = self.published.questionnaire, self.answers
        if complete:
            answers, saved = kept(asked, answers), kept(asked, saved)
        return self.saved_at is not None and stored(answers) == stored(saved)


def told(intake: Intake) -> list[tuple[str, Answer]]:
    """Questions and answers that apply, in order."""
    asked = intake.published.questionnaire
    answers = kept(asked, intake.answers)
    return [(each.link_id, answers[each.link_id]) for each in asked.questions if each.link_id in answers]
