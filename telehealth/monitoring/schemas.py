"""Questions that patients answer from home, on the wire."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field

from telehealth.followups.parts import Priority, TaskKind, Whose
from telehealth.followups.schemas import WishedKind
from telehealth.http.schemas import Instant, Message
from telehealth.monitoring.rules import (
    CODE,
    LONGEST_WORDS,
    MOST_THRESHOLDS,
    Comparison,
    Content,
    Form,
    Series,
    Threshold,
    is_code,
)
from telehealth.visits.gates.filling import stored
from telehealth.visits.gates.schemas import Given, LinkId

Code = Annotated[str, Field(pattern=f"^{CODE}$", examples=["blood-pressure"])]
Words = Annotated[str, Field(max_length=LONGEST_WORDS)]


class ThresholdView(Message):
    """Which answer to `item` (a linkId) asks for a task. `value` is a boolean, an integer, a decimal as a string, or
    the code of an option; with `rises_by` and `falls_by` it is how far the answer is from the last one at least.
    """

    item: LinkId
    comparison: Comparison
    value: Given
    kind: WishedKind = TaskKind.CALL
    owner: Whose = Whose.CLINICIANS
    priority: Priority = Priority.URGENT
    words: Words

    def threshold(self) -> Threshold:
        return Threshold(**{**dict(self), "words": self.words.strip()})


class FormContent(Message):
    """`questionnaire` is a FHIR R4 Questionnaire; what of it would not be honoured is refused."""

    questionnaire: dict[str, Any]
    thresholds: Annotated[list[ThresholdView], Field(max_length=MOST_THRESHOLDS)] = Field(default_factory=list)

    def content(self) -> Content:
        return Content(resource=self.questionnaire, thresholds=tuple(each.threshold() for each in self.thresholds))


class FormView(FormContent):
    """One version, with who published it: an account."""

    code: Code
    version: int
    published_at: Instant
    published_by: UUID | None
    retired_at: Instant | None

    @classmethod
    def of(cls, form: Form) -> Self:
        return cls(
            code=form.code,
            version=form.version,
            published_at=form.published_at,
            published_by=form.published_by,
            retired_at=form.retired_at,
            questionnaire=dict(form.content.resource),
            thresholds=[ThresholdView.model_validate(each) for each in form.content.thresholds],
        )


class FormsView(Message):
    items: list[FormView]


class FormQuery(Message):
    """`told`: what was just done."""

    told: Literal["", "published", "retired"] = ""
    lang: str | None = None


class NewForm(Message):
    """The name it has in addresses and in `questionnaire NAME +1d x14`: small letters, digits and hyphens."""

    code: Annotated[str, Field(max_length=1000)] = ""

    @property
    def fits(self) -> bool:
        return is_code(self.code)


class OwnQuery(Message):
    """`told`: what was just done."""

    told: Literal["", "done"] = ""
    lang: str | None = None


class EntryView(Message):
    """One asking: `answers` by linkId as they are kept; null where there is none, `missed` once the time is over.

    `task_id` is null of what is asked for its own sake, such as how a visit was.
    """

    task_id: UUID | None
    due_at: Instant
    ends_at: Instant
    answered_at: Instant | None
    missed: bool
    answers: dict[str, bool | int | str] | None


class SeriesView(Message):
    """`code` names the questions; `title` and the questions are those of the latest version."""

    code: Code
    title: str
    items: list[EntryView]

    @classmethod
    def of(cls, series: Series) -> Self:
        items = [
            EntryView(
                task_id=each.task_id,
                due_at=each.due_at,
                ends_at=each.ends_at,
                answered_at=None if each.response is None else each.response.answered_at,
                missed=each.missed,
                answers=None if each.response is None else stored(each.response.answers),
            )
            for each in series.entries
        ]
        return cls(code=series.form.code, title=series.form.title, items=items)


class AllSeriesView(Message):
    items: list[SeriesView]
