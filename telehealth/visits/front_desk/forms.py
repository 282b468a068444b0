"""The forms of the desk's pages."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args
from uuid import UUID

from pydantic import Field

from telehealth.core.ids import ClinicianId
from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.visits.appointments.forms import Anyone, MaybeDay, Place
from telehealth.visits.front_desk.rules import Order
from telehealth.visits.gates.rules import Gate
from telehealth.visits.lifecycle.rules import Command
from telehealth.visits.lifecycle.schemas import CancelVisit, CorrectVisit, FailVisit, MarkError

Revision = Annotated[int, Field(ge=1, lt=2**31)]
Words = Annotated[str, Field(max_length=500)]
REASONS: Mapping[Command, tuple[str, ...]] = {
    command: get_args(shape.model_fields["reason"].annotation)
    for command, shape in (
        (Command.CANCEL, CancelVisit),
        (Command.FAIL, FailVisit),
        (Command.MARK_ERROR, MarkError),
        (Command.CORRECT, CorrectVisit),
    )
}


class DeskQuery(Message):
    """`told` is the command that has just been given; or what became of a message: `message`, `gone`; or `contact`,
    when where a patient is reached was just written down.
    """

    told: Annotated[str, Field(max_length=40)] = ""
    lang: str | None = None


class OrderForm(Message):
    """A command on a visit, about the revision that was shown, with what it asks for."""

    command: Command
    revision: Revision
    reason: Annotated[str, Field(max_length=40)] = ""
    words: Words = ""
    clinician: Anyone = None
    gate: Literal["", "consent", "intake", "location", "devices"] = ""

    def read(self) -> tuple[Order, list[FieldError]]:
        """What is ordered, and what is missing in the form; a field is named as on the page."""
        word, words = self.command.value, self.words.strip()
        errors = []
        if self.command in REASONS and self.reason not in REASONS[self.command]:
            errors.append(FieldError(f"reason-{word}", "required"))
        if self.command is Command.HAND_OVER and self.clinician is None:
            errors.append(FieldError("clinician", "required"))
        if self.command is Command.WAIVE and not words:
            errors.append(FieldError(f"why-{self.gate}", "required"))
        order = Order(
            command=self.command,
            revision=self.revision,
            reason=self.reason,
            words=words,
            clinician_id=ClinicianId(self.clinician) if self.clinician else None,
            gate=Gate(self.gate) if self.gate else None,
        )
        return order, errors

    def shown(self) -> dict[str, Any]:
        """As it was typed."""
        typed = {"command": self.command, "reason": self.reason, "words": self.words, "gate": self.gate}
        return {**typed, "clinician": str(self.clinician or "")}


FRESH: Mapping[str, str] = {"command": "", "reason": "", "words": "", "gate": "", "clinician": ""}


class MoveQuery(Message):
    """With whom (who gives it now, when empty), where the patient will be, and the local day the list begins."""

    clinician: Anyone = None
    location: Place = None
    day: MaybeDay = None
    lang: str | None = None


class MoveForm(Message):
    """`offer` is the start, as the page listed it."""

    offer: Instant
    revision: Revision
    clinician: Anyone = None
    location: Place = None

    @property
    def clinician_id(self) -> UUID | None:
        return self.clinician
