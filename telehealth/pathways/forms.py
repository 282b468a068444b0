"""The form of a care pathway: a field for each part of each step, such as `due_in_2`; steps count from 1."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.pathways.rules import (
    MOST_STEPS,
    Content,
    Pathway,
    UnfitPathway,
    faults,
    read_diagnoses,
    written_diagnoses,
)
from telehealth.pathways.schemas import DiagnosisView, PathwayContent, PathwayView, StepView

TYPE = "type."
PARTS = tuple(StepView.model_fields)
NUMBERS = range(1, MOST_STEPS + 1)
FIELDS = frozenset(f"{part}_{number}" for part in PARTS for number in NUMBERS)
CODES = {"due_in": "delay", "window": "delay"}


class PathwayForm(Message):
    """`type.<code>` is ticked for each kind of visit. A step without a kind is left out; later ones move up."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=5000)]] = Field(init=False)

    version: Annotated[int, Field(ge=0, lt=2**31)]
    name: Annotated[str, Field(max_length=1000)] = ""
    diagnoses: Annotated[str, Field(max_length=2000)] = ""
    action: Literal["publish", "retire"] = "publish"

    def shown(self) -> dict[str, str]:
        """The fields as they were typed; what is not on the page is dropped."""
        typed = self.__pydantic_extra__ or {}
        kept = {name: words for name, words in typed.items() if name in FIELDS or name.startswith(TYPE)}
        return {"name": self.name, "diagnoses": self.diagnoses, **kept}

    def read(
        self, visit_types: Collection[str], questionnaires: Collection[str]
    ) -> tuple[Content | None, list[FieldError]]:
        """The pathway, or what is wrong with it, each with its field. `visit_types` and `questionnaires` are the codes
        there are.
        """
        typed = self.shown()
        numbers = [number for number in NUMBERS if typed.get(f"kind_{number}")]
        errors = list[FieldError]()
        try:
            found = read_diagnoses(self.diagnoses)
        except UnfitPathway:
            found, errors = (), [FieldError("diagnoses", "diagnoses")]
        wanted = {
            "name": self.name,
            "visit_types": [name.removeprefix(TYPE) for name in typed if name.startswith(TYPE)],
            "diagnoses": [DiagnosisView(system=each.system, code=each.code) for each in found],
            "steps": [_row(typed, number, numbers) for number in numbers],
        }
        try:
            content = PathwayContent.model_validate(wanted, strict=False).content()
        except ValidationError as error:
            return None, [*errors, *_fields(error, numbers)]
        errors += [
            FieldError(_typed(each.field, numbers), each.code) for each in faults(content, visit_types, questionnaires)
        ]
        return (None, errors) if errors else (content, [])


def form_of(pathway: Pathway) -> dict[str, str]:
    """As `PathwayForm.read` reads it."""
    content = pathway.content
    form = {"name": content.name, "diagnoses": written_diagnoses(content.diagnoses)}
    form |= {f"{TYPE}{code}": "on" for code in content.visit_types}
    for number, step in enumerate(PathwayView.of(pathway).steps, start=1):
        form |= {f"{part}_{number}": _written(getattr(step, part)) for part in PARTS}
        form[f"due_in_{number}"] = "" if step.due_in == "0d" else step.due_in
    return form


def _row(typed: Mapping[str, str], number: int, numbers: Sequence[int]) -> dict[str, Any]:
    row: dict[str, Any] = {
        part: words.strip() for part in PARTS if (words := typed.get(f"{part}_{number}", "")).strip()
    }
    if "checklist" in row:
        row["checklist"] = [line for line in row["checklist"].splitlines() if line.strip()]
    if "after" in row:  # a step that was left out has no number any more
        row["after"] = {str(each): at for at, each in enumerate(numbers, start=1)}.get(row["after"], MOST_STEPS)
    return row


def _written(value: object) -> str:
    return "\n".join(value) if isinstance(value, list) else "" if value is None else str(value)


def _fields(error: ValidationError, numbers: Sequence[int]) -> Iterator[FieldError]:
    """Each field once, in the order of the page."""
    seen = set[str]()
    for each in error.errors(include_input=False, include_url=False, include_context=False):
        match each["loc"]:
            case ("steps", int(at), str(part), *_):
                field, code = f"{part}_{numbers[at]}", CODES.get(part, "invalid")
            case ("steps", *_):
                field, code = "kind_1", "required"
            case (str(part), *_):
                field, code = part, "required" if each["type"].startswith("string_too_short") else "invalid"
            case _:
                continue
        if field not in seen:
            yield FieldError(field, code)
        seen.add(field)


def _typed(field: str, numbers: Sequence[int]) -> str:
    """The field as it was numbered on the page."""
    part, _, number = field.rpartition("_")
    return f"{part}_{numbers[int(number) - 1]}" if number.isdigit() and numbers else field
