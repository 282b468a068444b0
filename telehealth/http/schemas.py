"""The wire's own shapes: closed messages, problem documents, pages of a list."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

Item = TypeVar("Item")
Instant = AwareDatetime


class Message(BaseModel):
    """Parent of every request and response body: closed, immutable, aware instants only."""

    model_config = ConfigDict(extra="forbid", frozen=True, from_attributes=True, hide_input_in_errors=True)


class Page(Message, Generic[Item]):
    """A keyset page. `next` is an opaque cursor for `after`; it is null on the last page so far."""

    items: list[Item]
    next: str | None


class Fault(Message):
    """One thing wrong with a request; `pointer` is a JSON Pointer (RFC 6901) into the part named by `where`."""

    where: str
    pointer: str
    detail: str


class Problem(BaseModel):
    """Problem details, RFC 9457. Never repeats a rejected value: it may be health data."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str | None = None
    instance: str | None = None
    request_id: str | None = None
    errors: list[Fault] | None = None


@dataclass(frozen=True, slots=True)
class FieldError:
    """One input of a form that is not right; `code` is a word the templates know."""

    field: str
    code: str
