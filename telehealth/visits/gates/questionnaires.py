"""The questions of an intake: the part of a FHIR R4 Questionnaire this house asks with. Pure.

Items: group, display, boolean, integer, decimal, date, string, text, choice. An item has one answer at most, and
depends on earlier ones alone.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import StrEnum

Answer = bool | int | Decimal | str
Texts = Mapping[str, str]
LONGEST_WRITING = 4000


class Kind(StrEnum):
    """Questionnaire.item.type."""

    GROUP = "group"
    DISPLAY = "display"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DECIMAL = "decimal"
    DATE = "date"
    STRING = "string"
    TEXT = "text"
    CHOICE = "choice"


SILENT = frozenset({Kind.GROUP, Kind.DISPLAY})


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words with their translations, by language."""

    words: str
    translations: Texts = field(default_factory=dict)

    def in_language(self, wanted: str) -> str:
        return self.translations.get(wanted, self.words)


@dataclass(frozen=True, slots=True)
class Option:
    """One of the answers to choose from: a coding's code, or the string itself."""

    code: str
    label: Spoken


@dataclass(frozen=True, slots=True)
class Condition:
    """An earlier answer is this one; without `answer`: there is one (`exists`), or there is none."""

    question: str
    answer: Answer | None = None
    exists: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """`any_of`: one of the conditions is enough. `initial` stands there before the patient has answered. An answer is
    from `least` to `most`, both included, where these are given: of numbers, and of dates.
    """

    link_id: str
    kind: Kind
    label: Spoken
    required: bool = False
    options: tuple[Option, ...] = ()
    conditions: tuple[Condition, ...] = ()
    any_of: bool = False
    initial: Answer | None = None
    max_length: int = LONGEST_WRITING
    least: Answer | None = None
    most: Answer | None = None
    items: tuple["Item", ...] = ()

    @property
    def asks(self) -> bool:
        return self.kind not in SILENT

    def chosen(self, code: Answer | None) -> Option | None:
        """The option with that code."""
        return next((each for each in self.options if each.code == code), None)


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """What is asked, in order."""

    title: Spoken
    items: tuple[Item, ...]

    @property
    def questions(self) -> tuple[Item, ...]:
        """Every item that has an answer, in the order of the page."""
        return tuple(each for each in walk(self.items) if each.asks)


def walk(items: tuple[Item, ...]) -> Iterator[Item]:
    """Every item, in document order."""
    for item in items:
        yield item
        yield from walk(item.items)


# Values


class OutOfRange(ValueError):
    """It is an answer, and less than the least or more than the most that may be said."""


def read_value(item: Item, value: object) -> Answer:
    """An answer as JSON has it: a boolean, an integer, else a string. Raises ValueError for what is no answer,
    OutOfRange.
    """
    answer = _read(item, value)
    if not in_range(item, answer):
        raise OutOfRange("not from the least to the most")
    return answer


def in_range(item: Item, answer: Answer) -> bool:
    """Whether it is from the least to the most that may be said."""
    return not (
        (item.least is not None and _is_less(answer, item.least))
        or (item.most is not None and _is_less(item.most, answer))
    )


def _is_less(one: Answer, other: Answer) -> bool:
    match (one, other):
        case (int() | Decimal(), int() | Decimal()):
            return one < other
        case (str(), str()):  # dates, which are in the order of their letters
            return one < other
        case _:
            return False


def _read(item: Item, value: object) -> Answer:
    match item.kind:
        case Kind.BOOLEAN if isinstance(value, bool):
            return value
        case Kind.INTEGER if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31:
            return value
        case Kind.DECIMAL if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,6})?", value):
            return Decimal(value)
        case Kind.DATE if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
            return date.fromisoformat(value).isoformat()
        case Kind.STRING | Kind.TEXT if isinstance(value, str) and value.strip() and len(value) <= item.max_length:
            return value
        case Kind.CHOICE if isinstance(value, str) and item.chosen(value) is not None:
            return value
        case _:
            raise ValueError("not an answer to this question")
