"""The desk's form of where a patient is reached."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.people.rules import ContactSystem
from telehealth.people.schemas import Email, Phone

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
