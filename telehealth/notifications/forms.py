"""Forms: where a patient is reached, for the desk; when patients are reminded, for administrators."""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.people.rules import ContactSystem
from telehealth.people.schemas import Email, Phone
from telehealth.scheduling.booking.schemas import Reminders

Typed = Annotated[str, Field(max_length=300)]
ADDRESSES: Mapping[ContactSystem, TypeAdapter[str]] = {
    ContactSystem.EMAIL: TypeAdapter(Email),
    ContactSystem.PHONE: TypeAdapter(Phone),
}


class ContactForm(Message):
    """Where a patient is reached, as it was typed; empty is none. `seen_...` is what stood there when it was shown, and
    `confirmed` what the patient says is right although nothing arrives there.
    """

    email: Typed
    phone: Typed
    seen_email: Typed
    seen_phone: Typed
    confirmed: list[ContactSystem] = Field(default_factory=list)

    def read(self) -> tuple[dict[str, Any], list[FieldError]]:
        """What to write down, and what is wrong with the form."""
        values: dict[str, Any] = {"email": None, "phone": None, "confirmed": frozenset(self.confirmed)}
        errors = []
        for system, adapter in ADDRESSES.items():
            if typed := str(getattr(self, system)).strip():
                try:
                    values[system.value] = adapter.validate_python(typed)
                except ValidationError:
                    errors.append(FieldError(system, system))
        return values, errors

    def seen(self) -> tuple[str | None, str | None]:
        return self.seen_email or None, self.seen_phone or None

    def shown(self) -> dict[str, Any]:
        """As it was typed."""
        return {"email": self.email, "phone": self.phone, "confirmed": self.confirmed}


# When patients are reminded

UNITS = {"d": 1440, "h": 60, "m": 1}
BETWEEN, SPAN = re.compile("[,;\u060c]"), re.compile("([0-9]{1,5}) ?([dhm])")
FIELD, SEEN = "before.", "seen."


class RemindersForm(Message):
    """Of each kind of visit: `before.<id>` as it was typed, such as 1d, 1h, 10m; `seen.<id>` what stood there. `sent`
    tells a house without kinds of visits from nothing at all.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, Field(max_length=500)]] = Field(init=False)

    sent: Literal["yes"]

    def shown(self) -> dict[str, str]:
        """As it was typed. A field that was emptied may not be sent."""
        sent = self.__pydantic_extra__ or {}
        ids = {name.removeprefix(prefix) for name in sent for prefix in (FIELD, SEEN) if name.startswith(prefix)}
        return {FIELD + each: sent.get(FIELD + each, "") for each in sorted(ids)}

    def read(self) -> tuple[dict[UUID, tuple[tuple[int, ...], tuple[int, ...]]], list[FieldError]]:
        """What was changed, each with what stood there, and what is wrong with it."""
        wished, errors = dict[UUID, tuple[tuple[int, ...], tuple[int, ...]]](), list[FieldError]()
        for name, typed in self.shown().items():
            seen = (self.__pydantic_extra__ or {}).get(SEEN + name.removeprefix(FIELD), "")
            try:
                read, before = read_reminders(typed), read_reminders(seen)
                if read != before:
                    wished[UUID(name.removeprefix(FIELD))] = read, before
            except ValueError:
                errors.append(FieldError(name, "reminders"))
        return wished, errors


def field_of(visit_type_id: UUID) -> str:
    return f"{FIELD}{visit_type_id}"


def read_reminders(typed: str) -> tuple[int, ...]:
    """Minutes before a visit, the longest first, each once: of days, hours and minutes. Raises ValueError."""
    found = [SPAN.fullmatch(each.strip().lower()) for each in BETWEEN.split(typed) if each.strip()]
    if not all(found):
        raise ValueError("not a time such as 1d, 2h or 10m")
    minutes = {int(each[1]) * UNITS[each[2]] for each in found if each}
    return tuple(sorted(TypeAdapter(Reminders).validate_python(list(minutes)), reverse=True))


def written_reminders(reminders: Iterable[int]) -> str:
    """As `read_reminders` reads them, in the largest unit that says it."""
    units = [(each, next(unit for unit, size in UNITS.items() if each % size == 0)) for each in reminders]
    return ", ".join(f"{each // UNITS[unit]}{unit}" for each, unit in units)
