"""The forms of the patient's page, and questions and answers as pages show them, in the reader's language."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, field_validator, model_validator

from telehealth.http.schemas import Message
from telehealth.people.schemas import Jurisdiction
from telehealth.visits.gates.filling import Intake, Problem, Wrong, told, written
from telehealth.visits.gates.questionnaires import Answer, Item, Kind
from telehealth.visits.gates.rules import ConsentText
from telehealth.visits.gates.schemas import Reason, Spoken

PREFIX, LONGEST_TYPED = "a.", 5000


class ConsentForm(Message):
    """The text that was shown, and the box that was ticked."""

    text: UUID
    language: Spoken
    agree: Annotated[str, Field(pattern="^yes$")] = ""


class IntakeForm(Message):
    """The revision the answers are based on, and one field `a.<linkId>` for each answer."""

    model_config = ConfigDict(extra="allow")

    revision: Annotated[int, Field(ge=0, lt=2**31)]

    @model_validator(mode="after")
    def _are_answers(self) -> Self:
        for name, value in (self.model_extra or {}).items():
            if not name.startswith(PREFIX) or not isinstance(value, str) or len(value) > LONGEST_TYPED:
                raise ValueError("not an answer")
        return self

    @property
    def typed(self) -> dict[str, str]:
        """By linkId."""
        return {name.removeprefix(PREFIX): value for name, value in (self.model_extra or {}).items()}


class TextsQuery(Message):
    """`told` is what was just done; `text` is the version that a new one begins with."""

    told: Literal["", "published", "retired"] = ""
    text: UUID | None = None
    lang: str | None = None


Wording = Annotated[str, Field(max_length=20_000)]


class TextForm(Message):
    """A text for a kind of visit and a place, all of them where these are empty, in the languages of the pages.

    `seen`: the ids of the texts in force when the form was drawn, with a space between.
    """

    seen: Annotated[str, Field(max_length=40_000)] = ""
    visit_type: UUID | Literal[""] = ""
    location: Jurisdiction | Literal[""] = ""
    text_en: Wording = ""
    text_es: Wording = ""
    text_fr: Wording = ""
    text_ar: Wording = ""

    @classmethod
    def of(cls, text: ConsentText) -> Self:
        known = {f"text_{language}": words for language, words in text.texts.items()}
        fitting = {name: words for name, words in known.items() if name in cls.model_fields}
        return cls(visit_type=text.visit_type_id or "", location=text.jurisdiction or "", **fitting)

    def texts(self) -> dict[str, str]:
        """By language, without those that are empty."""
        typed = {name.removeprefix("text_"): getattr(self, name) for name in type(self).model_fields if "_" in name}
        return {name: words.replace("\r\n", "\n").strip() for name, words in typed.items() if _is_words(name, words)}

    def known(self) -> frozenset[UUID]:
        return frozenset(map(UUID, self.seen.split()))

    def shown(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in type(self).model_fields if name != "seen"}

    @field_validator("seen")
    @classmethod
    def _are_ids(cls, seen: str) -> str:
        _ = [UUID(each) for each in seen.split()]
        return seen


def _is_words(language: str, words: object) -> bool:
    return len(language) == 2 and isinstance(words, str) and bool(words.strip())


class QuestionnaireForm(Message):
    """A FHIR R4 Questionnaire as it was typed, over the version that was shown."""

    questionnaire: Annotated[str, Field(max_length=200_000)] = ""
    version: Annotated[int, Field(ge=0, lt=2**31)]
    action: Literal["preview", "publish"] = "preview"


class WaiveForm(Message):
    reason: Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """An item as it is drawn. `when` (JSON) says what it depends on, `value` is what stands in the field, `wrong` what
    is not right with it, `least` and `most` what may be said, as the field has it, or nothing.
    """

    link: str
    kind: Kind
    label: str
    required: bool
    options: tuple[tuple[str, str], ...]
    when: str
    value: str
    max_length: int
    least: str
    most: str
    wrong: Wrong | None
    items: tuple["Question", ...]

    @property
    def name(self) -> str:
        return PREFIX + self.link

    @property
    def code(self) -> str:
        """The word for what is wrong that the templates know."""
        return "invalid" if self.wrong is None else self.wrong.value


@dataclass(frozen=True, slots=True)
class Faulty:
    """For the summary of errors: the field, and the word for what is wrong."""

    field: str
    code: str


def drawn(
    intake: Intake, language: str, typed: Mapping[str, str] | None = None, problems: Sequence[Problem] = ()
) -> tuple[Question, ...]:
    """The questions with what was typed, else what is stored."""
    values = typed if typed is not None else {link: written(each) for link, each in intake.answers.items()}
    wrong = {each.link_id: each.wrong for each in problems}
    return tuple(_question(item, language, values, wrong) for item in intake.published.questionnaire.items)


def faulty(questions: Sequence[Question]) -> list[Faulty]:
    """What is wrong, from top to bottom."""
    found: list[Faulty] = []
    for each in questions:
        found += [Faulty(each.name, each.code)] if each.wrong else []
        found += faulty(each.items)
    return found


def names(questions: Sequence[Question]) -> dict[str, str]:
    """Field to question."""
    found = {each.name: each.label for each in questions}
    for each in questions:
        found |= names(each.items)
    return found


def _question(item: Item, language: str, values: Mapping[str, str], wrong: Mapping[str, Wrong]) -> Question:
    return Question(
        link=item.link_id,
        kind=item.kind,
        label=item.label.in_language(language),
        required=item.required,
        options=tuple((each.code, each.label.in_language(language)) for each in item.options),
        when=_when(item),
        value=values.get(item.link_id, ""),
        max_length=item.max_length,
        least="" if item.least is None else written(item.least),
        most="" if item.most is None else written(item.most),
        wrong=wrong.get(item.link_id),
        items=tuple(_question(each, language, values, wrong) for each in item.items),
    )


def _when(item: Item) -> str:
    """For the script: question, then the answer as a field has it, or whether there is to be one."""
    if not item.conditions:
        return ""
    conditions = [
        [each.question, each.exists] if each.answer is None else [each.question, written(each.answer)]
        for each in item.conditions
    ]
    return json.dumps({"any": item.any_of, "of": conditions})


@dataclass(frozen=True, slots=True)
class Told:
    """A question and its answer, for who reads it: a boolean, a date, else words."""

    question: str
    answer: bool | date | str


def answers_of(intake: Intake, language: str) -> list[Told]:
    """What the patient answered, in order; what did not apply is absent."""
    asked = {each.link_id: each for each in intake.published.questionnaire.questions}
    return [
        Told(asked[link].label.in_language(language), _words(asked[link], answer, language))
        for link, answer in told(intake)
    ]


def _words(item: Item, answer: Answer, language: str) -> bool | date | str:
    match item.kind:
        case Kind.BOOLEAN:
            return bool(answer)
        case Kind.DATE:
            return date.fromisoformat(str(answer))
        case Kind.CHOICE if (option := item.chosen(answer)) is not None:
            return option.label.in_language(language)
        case _:
            return written(answer)
