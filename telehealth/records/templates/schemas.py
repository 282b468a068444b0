"""The form of a template."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from telehealth.http.schemas import Message
from telehealth.records.notes.wording import cleaned
from telehealth.records.templates.rules import LONGEST_TEMPLATE, LONGEST_TYPED

Lines = AfterValidator(cleaned)


class TemplateQuery(Message):
    """Of which kind of visit; none is for all. `told`: what was just done."""

    visit_type: UUID | Literal[""] = ""
    told: Literal["", "published"] = ""
    lang: str | None = None


class TemplateForm(Message):
    """Lengths are those of the cleaned text: browsers send CR LF (HTML, section 4.10.21.3)."""

    visit_type: UUID | Literal[""] = ""
    version: Annotated[int, Field(ge=0, lt=2**31)]
    content: Annotated[str, Lines, Field(max_length=LONGEST_TEMPLATE)] = ""
    phrases: Annotated[str, Lines, Field(max_length=LONGEST_TYPED)] = ""
    action: Literal["preview", "publish"] = "publish"
