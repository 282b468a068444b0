"""Questions that patients answer from home: what is asked, which answers ask for somebody, and until when. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import PatientId, TaskId, VisitId
from telehealth.followups.parts import FollowUp, Priority, TaskKind, TaskStatus, Whose, Wish
from telehealth.followups.rules import CLOSED
from telehealth.visits.gates.definitions import read_questionnaire
from telehealth.visits.gates.filling import Answers, Stored, written
from telehealth.visits.gates.questionnaires import Answer, Item, Questionnaire, Spoken, read_value
from telehealth.visits.gates.questionnaires import Kind as ItemKind

CODE = "[a-z0-9][a-z0-9-]{0,39}"
MOST_THRESHOLDS, LONGEST_WORDS, LONGEST_LABEL = 20, 100, 60
ORIGIN = "answer"  # of a task that an answer made
CAUSE = "answered"  # what the history of a task says that an answer completed
NUMBERS = frozenset({ItemKind.INTEGER, ItemKind.DECIMAL})


class Comparison(StrEnum):
    """How an answer is held against a threshold; `rises_by` and `falls_by` against the answer before it."""

    ABOVE = "above"
    AT_LEAST = "at_least"
    BELOW = "below"
    AT_MOST = "at_most"
    EQUALS = "equals"
    RISES_BY = "rises_by"
    FALLS_BY = "falls_by"


class UnfitThresholds(Refusal):
    """`faults` say what is wrong: of `code`, `item_2`, `comparison_2`, `value_2`, `kind_2` or `words_2`, which count
    from 1, that it is `required` or `invalid`.
    """

    kind, slug, title = Kind.INVALID, "unfit-thresholds", "These thresholds do not make sense"

    def __init__(self, faults: Iterable["Fault"]) -> None:
        self.faults = tuple(faults)
        super().__init__(faults=[{"field": each.field, "code": each.code} for each in self.faults])


class AnsweringOver(Refusal):
    """`standing` says why: late, or settled."""

    kind, slug, title = Kind.CONFLICT, "answering-over", "These questions cannot be answered any more"


class AlreadyAnswered(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-answered", "These questions have been answered already"


@dataclass(frozen=True, slots=True)
class Fault:
    field: str
    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """Which answer to `item` (a linkId) asks for a task, and what that is. `value` is as answers are kept."""

    item: str
    comparison: Comparison
    value: bool | int | str
    kind: TaskKind = TaskKind.CALL
    owner: Whose = Whose.CLINICIANS
    priority: Priority = Priority.URGENT
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What an administrator decides: a FHIR R4 Questionnaire, and which answers ask for somebody."""

    resource: Mapping[str, Any]
    thresholds: Sequence[Threshold] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One version. `code` names the questions in all their versions; `published_by` is an account."""

    id: UUID
    code: str
    version: int
    content: Content
    published_at: datetime
    published_by: UUID | None = None
    retired_at: datetime | None = None

    @property
    def title(self) -> str:
        return str(self.content.resource["title"])

    @property
    def questionnaire(self) -> Questionnaire:
        return read_questionnaire(self.content.resource)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A patient has been asked to answer a version of the questions: for a task, or of no task's until `ends_at`;
    without questions, to do what the task says.
    """

    id: UUID
    task_id: TaskId | None
    visit_id: VisitId
    patient_id: PatientId
    form_id: UUID | None
    asked_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What the patient answered, once."""

    id: UUID
    request: Request
    form: Form
    answers: Answers
    answered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseFilter:
    """What a search may narrow by; None is anything. `..._from` are inclusive, `..._before` are not."""

    ids: Collection[UUID] | None = None
    patient_id: UUID | None = None
    answered_from: datetime | None = None
    answered_before: datetime | None = None


def is_code(text: str) -> bool:
    return re.fullmatch(CODE, text) is not None


# When questions can be answered


class Standing(StrEnum):
    """`late`: the time for it is over. `settled`: nobody waits for an answer any more."""

    OPEN = "open"
    ANSWERED = "answered"
    LATE = "late"
    SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Window:
    """When questions can be answered: before `ends_at`, and not once they are `settled`: nobody waits any more."""

    ends_at: datetime
    settled: bool

    @classmethod
    def of(cls, task: FollowUp) -> Self:
        return cls(task.ends_at, task.status in CLOSED)


def standing(window: Window, now: datetime, *, answered: bool) -> Standing:
    """Where questions stand."""
    if answered:
        return Standing.ANSWERED
    if window.settled:
        return Standing.SETTLED
    return Standing.OPEN if now < window.ends_at else Standing.LATE


def is_missed(task: FollowUp, now: datetime, *, answered: bool) -> bool:
    """Whether an answer was waited for in vain. What was cancelled was not."""
    return not answered and now >= task.ends_at and task.status is not TaskStatus.CANCELLED


# Thresholds


def _difference(answer: Answer, before: Answer | None) -> Decimal | None:
    if isinstance(answer, int | Decimal) and isinstance(before, int | Decimal):
        return Decimal(answer) - Decimal(before)
    return None


def _compared(test: Callable[[Decimal, Decimal], bool]) -> Callable[[Answer, Answer, Answer | None], bool]:
    def holds(answer: Answer, value: Answer, _before: Answer | None) -> bool:
        numbers = isinstance(answer, int | Decimal) and isinstance(value, int | Decimal)
        return numbers and test(Decimal(answer), Decimal(value))

    return holds


def _changed(sign: int) -> Callable[[Answer, Answer, Answer | None], bool]:
    def holds(answer: Answer, value: Answer, before: Answer | None) -> bool:
        found = _difference(answer, before)
        return found is not None and isinstance(value, int | Decimal) and sign * found >= value

    return holds


HOLDS: Mapping[Comparison, Callable[[Answer, Answer, Answer | None], bool]] = {
    Comparison.ABOVE: _compared(lambda answer, value: answer > value),
    Comparison.AT_LEAST: _compared(lambda answer, value: answer >= value),
    Comparison.BELOW: _compared(lambda answer, value: answer < value),
    Comparison.AT_MOST: _compared(lambda answer, value: answer <= value),
    Comparison.EQUALS: lambda answer, value, _before: answer == value,
    Comparison.RISES_BY: _changed(1),
    Comparison.FALLS_BY: _changed(-1),
}
OF_CHANGES = frozenset({Comparison.RISES_BY, Comparison.FALLS_BY})
OF_KINDS: Mapping[ItemKind, frozenset[Comparison]] = {
    **dict.fromkeys(NUMBERS, frozenset(Comparison)),
    **dict.fromkeys((ItemKind.BOOLEAN, ItemKind.CHOICE), frozenset({Comparison.EQUALS})),
}


def crossed(content: Content, answers: Answers, before: Answers) -> list[tuple[Threshold, Item]]:
    """The thresholds that the answers cross, in order; of one question only the most urgent, the first of equals.

    `before` are the patient's last answers to these questions, in whatever version.
    """
    asked = {each.link_id: each for each in read_questionnaire(content.resource).questions}
    order, found = list(Priority), dict[str, Threshold]()
    for each in content.thresholds:
        if each.item not in answers or each.item not in asked:
            continue
        value = value_of(asked[each.item], each.value)
        if not HOLDS[each.comparison](answers[each.item], value, before.get(each.item)):
            continue
        other = found.get(each.item)
        if other is None or order.index(other.priority) < order.index(each.priority):
            found[each.item] = each
    return [(each, asked[each.item]) for each in content.thresholds if found.get(each.item) is each]


def value_of(item: Item, value: object) -> Answer:
    """What a threshold of that question compares with, which no least or most bounds. Raises ValueError."""
    return read_value(replace(item, least=None, most=None), value)


def task_of(threshold: Threshold, item: Item, answer: Answer, source: UUID) -> Wish:
    """The task that an answer asks for. What it was is for clinicians; `source` names it for everyone."""
    told = f"{item.label.words[:LONGEST_LABEL]} {said(item, answer)[:20]}"
    title = threshold.words if threshold.owner is Whose.DESK else f"{threshold.words}: {told}"
    return Wish(
        title=title,
        kind=threshold.kind,
        owner=threshold.owner.owner,
        priority=threshold.priority,
        origin=f"{ORIGIN}:{source}/{item.link_id}",
        cause="threshold",
    )


def said(item: Item, answer: Answer) -> str:
    """An answer in words: the label of what was chosen."""
    option = item.chosen(answer)
    return written(answer) if option is None else option.label.words


def faults(content: Content) -> list[Fault]:
    """What is wrong with the thresholds, from top to bottom. Raises InvalidQuestionnaire."""
    asked = {each.link_id: each for each in read_questionnaire(content.resource).questions}
    found = [Fault("item_1", "invalid")] if len(content.thresholds) > MOST_THRESHOLDS else []
    for number, each in enumerate(content.thresholds, start=1):
        found += [Fault(f"{part}_{number}", code) for part, code in _wrong(each, asked.get(each.item))]
    return found


def _wrong(threshold: Threshold, item: Item | None) -> list[tuple[str, str]]:
    checks = (
        ("item", "invalid", item is None),
        ("comparison", "invalid", item is not None and threshold.comparison not in OF_KINDS.get(item.kind, ())),
        ("value", "invalid", item is not None and not _is_value(threshold, item)),
        ("kind", "invalid", threshold.kind in (TaskKind.COSIGN, TaskKind.QUESTIONNAIRE)),
        ("words", "required", not threshold.words.strip()),
    )
    return [(part, code) for part, code, wrong in checks if wrong]


def _is_value(threshold: Threshold, item: Item) -> bool:
    try:
        value = value_of(item, threshold.value)
    except ValueError:
        return False
    return threshold.comparison not in OF_CHANGES or (isinstance(value, int | Decimal) and value > 0)


# What is asked of a patient


@dataclass(frozen=True, slots=True)
class AskedTask:
    """A task of a patient's. `title` is of the questions it names, `request_id` where to answer them once it is due."""

    task: FollowUp
    title: Spoken | None = None
    request_id: UUID | None = None
    answered: bool = False


# Series


@dataclass(frozen=True, slots=True)
class Entry:
    """One asking of a series: when it was due, what was answered and when, or that it was missed.

    `waits`: an answer is still waited for; what was `cancelled` is not. What is no task's is never missed.
    """

    task_id: TaskId | None
    due_at: datetime
    ends_at: datetime
    response: Response | None
    missed: bool = False
    waits: bool = True
    cancelled: bool = False


def entry_of(task: FollowUp, response: Response | None, now: datetime) -> Entry:
    return Entry(
        task_id=task.id,
        due_at=task.due_at,
        ends_at=task.ends_at,
        response=response,
        missed=is_missed(task, now, answered=response is not None),
        waits=task.closed_at is None,
        cancelled=task.status is TaskStatus.CANCELLED,
    )


@dataclass(frozen=True, slots=True)
class Series:
    """What a visit asks of its patient again and again, the earliest first."""

    form: Form
    entries: Sequence[Entry]

    @property
    def columns(self) -> tuple[Item, ...]:
        """The questions that have been answered at all, and those of the version in force."""
        asked = {each.link_id: each for entry in self.entries if entry.response for each in _questions(entry.response)}
        asked |= {each.link_id: each for each in self.form.questionnaire.questions}
        return tuple(asked.values())


def _questions(response: Response) -> tuple[Item, ...]:
    return response.form.questionnaire.questions


def stored_threshold(kept: Mapping[str, Any]) -> Threshold:
    """As `asdict` has kept it."""
    return Threshold(
        item=kept["item"],
        comparison=Comparison(kept["comparison"]),
        value=kept["value"],
        kind=TaskKind(kept["kind"]),
        owner=Whose(kept["owner"]),
        priority=Priority(kept["priority"]),
        words=kept["words"],
    )


def answers_before(kept: Stored) -> Answers:
    """Answers to another version, as far as numbers go: what they are compared for."""
    found: dict[str, Answer] = {}
    for link, each in kept.items():
        if isinstance(each, str) and re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", each):
            found[link] = Decimal(each)
        elif isinstance(each, int) and not isinstance(each, bool):
            found[link] = each
    return found
