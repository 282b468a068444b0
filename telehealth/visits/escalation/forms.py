"""The forms of the page on which an administrator says who is told, and after how long. Times are in minutes."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.people.schemas import Email
from telehealth.visits.escalation.rules import (
    AUDIENCES,
    LONGEST_AFTER,
    MOST_RUNGS,
    SHORTEST_REOPENING,
    AlertKind,
    Audience,
    Rung,
)

PARTS = ("after", "whom", "address")
FIELDS = frozenset(f"{part}_{number}" for part in PARTS for number in range(2, MOST_RUNGS + 1))
FIRST = Rung(0, Audience.BOARD)
MINUTE = 60
EMAIL: TypeAdapter[str] = TypeAdapter(Email)
Seen = Annotated[str, Field(max_length=64)]


class EscalationQuery(Message):
    """`saved` is the kind whose steps were just taken; `lang` chooses the page's language."""

    saved: AlertKind | Literal[""] = ""
    lang: str | None = None


class StepsForm(Message):
    """All steps of one kind: `after_2` (minutes), `whom_2`, `address_2` and so on; the first is the boards at once.

    What has neither time nor audience is left out. `reopen` is in minutes. `seen` is what the page was drawn from.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=300)]] = Field(init=False)

    kind: AlertKind
    seen: Seen
    reopen: Annotated[str, Field(max_length=16)] = ""

    def shown(self) -> dict[str, str]:
        """The fields as they were typed; what is not on the page is dropped."""
        typed = {name: value for name, value in (self.__pydantic_extra__ or {}).items() if name in FIELDS}
        return {"reopen": self.reopen, **typed}

    def read(self) -> tuple[list[Rung], int | None, list[FieldError]]:
        """The ladder in the order of time, seconds until it is raised again, and what is wrong. A field is named as its
        input is: `waiting-after_2`.
        """
        typed, ladder, errors = self.shown(), [FIRST], list[FieldError]()
        for number in range(2, MOST_RUNGS + 1):
            row = {part: typed.get(f"{part}_{number}", "").strip() for part in PARTS}
            if any(row.values()):
                rung = self._rung(row)
                wrong = rung if isinstance(rung, dict) else {}
                errors += [FieldError(f"{self.kind}-{part}_{number}", code) for part, code in wrong.items()]
                ladder += [rung] if isinstance(rung, Rung) else []
        reopen = seconds(self.reopen, SHORTEST_REOPENING) if self.asks_again else None
        if reopen is None and self.asks_again:
            errors.append(FieldError(f"{self.kind}-reopen", "minutes" if self.reopen.strip() else "required"))
        return sorted(ladder, key=lambda rung: rung.after), reopen, errors

    @property
    def asks_again(self) -> bool:
        return asks_again(self.kind)

    def _rung(self, row: Mapping[str, str]) -> Rung | dict[str, str]:
        """The step, or by part what is wrong with it."""
        after, wrong = seconds(row["after"]), dict[str, str]()
        if after is None:
            wrong["after"] = "minutes" if row["after"] else "required"
        if row["whom"] not in AUDIENCES[self.kind]:
            wrong["whom"] = "invalid" if row["whom"] else "required"
        elif row["address"] and row["whom"] != Audience.COORDINATOR:
            wrong["address"] = "coordinator"
        if row["address"] and not is_email(row["address"]):
            wrong["address"] = "email"
        return wrong if wrong or after is None else Rung(after, Audience(row["whom"]), row["address"] or None)


class StepGone(Message):
    kind: AlertKind
    seen: Seen
    step: Annotated[int, Field(ge=2, le=MOST_RUNGS)]


class AsTheHouseDoes(Message):
    kind: AlertKind
    seen: Seen


def last_step(typed: Mapping[str, str]) -> int:
    """The number of the last step that says anything; 1 when it is the boards alone."""
    numbers = (name.rpartition("_")[2] for name, value in typed.items() if name in FIELDS and value.strip())
    return max(map(int, numbers), default=1)


def asks_again(kind: AlertKind) -> bool:
    """A locked link ends with being taken on."""
    return kind is not AlertKind.LOCKED_LINK


def seconds(minutes: str, least: int = 0) -> int | None:
    """Of minutes as they were typed; None when that is no number, or too few or too many."""
    try:
        found = float(minutes.strip().replace(",", ".")) * MINUTE
    except ValueError:
        return None
    return round(found) if least <= found <= LONGEST_AFTER else None  # which nan is not


def in_minutes(seconds: int) -> str:
    """As it is typed: 2, 0.5."""
    return f"{seconds / MINUTE:.4f}".rstrip("0").rstrip(".")


def is_email(typed: str) -> bool:
    try:
        EMAIL.validate_python(typed)
    except ValidationError:
        return False
    return True
