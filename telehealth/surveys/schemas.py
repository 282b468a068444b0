"""Surveys after visits, on the wire."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field

from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.monitoring.schemas import Code
from telehealth.surveys.rules import MOST_MINUTES, USUAL_MINUTES, Choice, Group, Results

Minutes = Annotated[int, Field(ge=0, le=MOST_MINUTES)]


class SurveyContent(Message):
    """`questionnaire` names questions in force, or `after-visit`, which come with the house; null: nobody is asked.
    `minutes` after the visit ended.
    """

    questionnaire: Code | None
    minutes: Minutes = USUAL_MINUTES


class SurveyView(SurveyContent):
    """What holds; version 0 is what nobody has chosen."""

    version: int
    set_at: Instant | None

    @classmethod
    def of(cls, chosen: Choice) -> Self:
        return cls(
            questionnaire=chosen.questionnaire, minutes=chosen.minutes, version=chosen.version, set_at=chosen.set_at
        )


class ScoreView(Message):
    """Of one question (linkId): the average of so many `answers`, of yes and no the share of yes."""

    item: str
    answers: int
    average: Annotated[Decimal, Field(examples=["8.4"])]


class SurveyGroupView(Message):
    """Visits of a kind that ended in a month. `answered` is null below five; a question with fewer has no score."""

    month: date
    visit_type: str
    asked: int
    answered: int | None
    scores: list[ScoreView]

    @classmethod
    def of(cls, group: Group) -> Self:
        scores = [
            ScoreView(item=item, answers=each.answers, average=round(each.average, 2))
            for item, each in sorted(group.scores.items())
        ]
        counted = {"asked": group.asked, "answered": group.answered}
        return cls(month=group.month, visit_type=group.visit_type, scores=scores, **counted)


class SurveyResultsView(Message):
    """Of one version of the questions, the latest month first."""

    questionnaire: Code
    version: int
    groups: list[SurveyGroupView]

    @classmethod
    def of(cls, results: Results) -> Self:
        groups = [SurveyGroupView.of(each) for each in results.groups]
        return cls(questionnaire=results.form.code, version=results.form.version, groups=groups)


class AllResultsView(Message):
    items: list[SurveyResultsView]


class SurveyQuery(Message):
    """`told`: what was just done."""

    told: Literal["", "saved"] = ""
    lang: str | None = None


class SurveyForm(Message):
    """As it was typed; a box that is not ticked is not sent."""

    version: Annotated[int, Field(ge=0, lt=2**31)]
    on: Annotated[str, Field(max_length=10)] = ""
    questionnaire: Annotated[str, Field(max_length=1000)] = ""
    minutes: Annotated[str, Field(max_length=1000)] = ""

    def read(self) -> tuple[int, list[FieldError]]:
        """The minutes, and what is wrong with them."""
        typed = self.minutes.strip()
        found = int(typed) if typed.isascii() and typed.isdecimal() and len(typed) < len("10000") else MOST_MINUTES + 1
        return found, [] if found <= MOST_MINUTES else [FieldError("minutes", "minutes")]
