"""Surveys after visits: when a patient is asked, how often, and what of the answers may be shown to whom. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.errors import Kind, Refusal
from telehealth.monitoring.rules import NUMBERS, Form
from telehealth.visits.gates.questionnaires import Answer, Item
from telehealth.visits.gates.questionnaires import Kind as ItemKind

USUAL_MINUTES, MOST_MINUTES = 120, 24 * 60
ONCE_IN = timedelta(days=30)  # one survey for a patient
GOES_OUT_IN = timedelta(days=1)  # of its time, whoever is not to be woken
ANSWERABLE = timedelta(days=14)
REMEMBERED = timedelta(days=7)  # after that nobody is asked any more: notes may take long
FEWEST = 5  # answers, before anything of them is shown; an average moves with each fifth
SHOWN = timedelta(days=366)


class UnfitSurvey(Refusal):
    """`field` says what is wrong: `questionnaire`, there is none of that code in force."""

    kind, slug, title = Kind.INVALID, "unfit-survey", "There are no such questions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the clinic has chosen: which questions, None for none, so many `minutes` after a visit; by an account."""

    version: int = 0
    questionnaire: str | None = None
    minutes: int = USUAL_MINUTES
    set_at: datetime | None = None
    set_by: UUID | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """Of one question in one group: so many answers as count by now, and their average; of yes and no, the share of
    yes.
    """

    answers: int
    average: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Visits of one kind in one month of the clinic's. `answered` is None while it is too few to say."""

    month: date
    visit_type: str
    asked: int
    answered: int | None
    scores: Mapping[str, Score]


@dataclass(frozen=True, slots=True)
class Results:
    """Of one version of the questions, the latest month first."""

    form: Form
    groups: Sequence[Group]

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(each for each in self.form.questionnaire.questions if is_scored(each))


def due_at(ended_at: datetime, minutes: int, now: datetime) -> datetime | None:
    """When to ask of a visit that is complete now; None once it is too long ago."""
    return None if now - ended_at > REMEMBERED else max(now, ended_at + timedelta(minutes=minutes))


def may_ask(at: datetime, others: Sequence[datetime]) -> bool:
    """Whether a patient who is asked at these times may be asked then too."""
    return all(abs(at - other) >= ONCE_IN for other in others)


def month_of(instant: datetime, zone: ZoneInfo) -> date:
    return instant.astimezone(zone).date().replace(day=1)


def is_scored(item: Item) -> bool:
    return item.kind in NUMBERS or item.kind is ItemKind.BOOLEAN


def score(answer: Answer) -> Decimal:
    """What an answer counts: a number itself, yes 1 and no 0."""
    return Decimal(int(answer) if isinstance(answer, bool) else answer)


def enough(answers: int) -> int | None:
    return answers if answers >= FEWEST else None
