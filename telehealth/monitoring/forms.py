"""The form of questions and thresholds: a field for each part of each threshold, such as `value_2`; from 1 on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.monitoring.rules import MOST_THRESHOLDS, Content, Form, faults
from telehealth.monitoring.schemas import ThresholdView
from telehealth.visits.gates.definitions import read_questionnaire
from telehealth.visits.gates.filling import read_typed, stored
from telehealth.visits.gates.questionnaires import Questionnaire

PARTS = tuple(ThresholdView.model_fields)
NUMBERS = range(1, MOST_THRESHOLDS + 1)
FIELDS = frozenset(f"{part}_{number}" for part in PARTS for number in NUMBERS)


class QuestionsForm(Message):
    """A FHIR R4 Questionnaire as it was typed, over the version that was shown. A threshold without a question is left
    out.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=500)]] = Field(init=False)

    questionnaire: Annotated[str, Field(max_length=200_000)] = ""
    version: Annotated[int, Field(ge=0, lt=2**31)]
    action: Literal["preview", "publish", "retire"] = "preview"

    def shown(self) -> dict[str, str]:
        """The fields of thresholds as they were typed; what is not on the page is dropped."""
        typed = self.__pydantic_extra__ or {}
        return {name: words for name, words in typed.items() if name in FIELDS}

    def read(self, resource: Mapping[str, Any]) -> tuple[Content, list[FieldError]]:
        """Questions and thresholds, and what is wrong with these. `resource` was found to be sound."""
        typed, questionnaire = self.shown(), read_questionnaire(resource)
        found, errors = list[ThresholdView](), list[FieldError]()
        numbers = [number for number in NUMBERS if typed.get(f"item_{number}", "").strip()]
        for number in numbers:
            row = {part: typed.get(f"{part}_{number}", "").strip() for part in PARTS}
            try:
                read = ThresholdView.model_validate(row | {"value": _value(questionnaire, row)}, strict=False)
            except ValidationError as error:
                errors += _fields(error, number)
                continue
            found.append(read)
            one = Content(resource=resource, thresholds=[read.threshold()])
            errors += [FieldError(f"{each.field.rpartition('_')[0]}_{number}", each.code) for each in faults(one)]
        return Content(resource=resource, thresholds=tuple(each.threshold() for each in found)), errors


def form_of(form: Form) -> dict[str, str]:
    """The thresholds, as `QuestionsForm.read` reads them."""
    return {
        f"{part}_{number}": str(value).lower() if isinstance(value := getattr(each, part), bool) else str(value)
        for number, each in enumerate(form.content.thresholds, start=1)
        for part in PARTS
    }


def _value(questionnaire: Questionnaire, row: Mapping[str, str]) -> bool | int | str:
    """What was typed, as answers to that question are kept; as it is where it is none."""
    link = row["item"]
    found = [replace(each, least=None, most=None) for each in questionnaire.questions if each.link_id == link]
    answers, _ = read_typed(replace(questionnaire, items=tuple(found)), {link: row["value"]})
    return stored(answers).get(link, row["value"])


def _fields(error: ValidationError, number: int) -> list[FieldError]:
    """Each field once."""
    said = error.errors(include_input=False, include_url=False, include_context=False)
    found = {str(each["loc"][0]): each["type"].startswith("string_too_short") for each in reversed(said)}
    return [FieldError(f"{part}_{number}", "required" if found[part] else "invalid") for part in PARTS if part in found]
