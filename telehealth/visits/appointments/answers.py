"""What the waitlist's ways in say and hear where they lead to a visit: on the wire, and in the forms of their pages."""

from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError

from telehealth.http.schemas import FieldError, Message
from telehealth.scheduling.waitlist.schemas import Clock, JoinWaitlist, Near, WishView
from telehealth.visits.appointments.forms import DAY, MaybeDay
from telehealth.visits.lifecycle.schemas import BirthForm, Typed, VisitView

CLOCK = TypeAdapter[str](Clock)


class AcceptedView(Message):
    """`link` is the patient's own address for a new visit; null when the visit they had has moved: its link stays."""

    visit: VisitView
    link: str | None


class AnswerForm(BirthForm):
    """The date of birth and the button that was pressed."""

    answer: Literal["accept", "decline"]


class ToldQuery(Message):
    """What was just done, for the page to say."""

    told: Literal["offered", "withdrawn", "joined"] | None = None
    lang: str | None = None


class OfferQuery(Message):
    """With whom, and the local day the list begins."""

    clinician: UUID | None = None
    day: MaybeDay = None
    lang: str | None = None


class OfferedTime(Message):
    """`offer` is the start, as the page listed it."""

    offer: Near
    clinician: UUID


class WaitForm(Message):
    """The page's fields, as typed; what is empty is absent. Weekdays are one, or the two ends of a span."""

    visit_type: UUID | None = None
    clinician: UUID | None = None
    visit: UUID | None = None
    first: Typed = ""
    last: Typed = ""
    start: Typed = ""
    end: Typed = ""
    weekdays: Annotated[str, Field(pattern=r"^[1-7](-[1-7])?$")] | Literal[""] = ""
    lead: Annotated[int, Field(ge=0, le=2880)] = 0
    priority: Annotated[int, Field(ge=0, le=10)] = 0

    def shown(self) -> dict[str, str]:
        return {name: "" if (value := getattr(self, name)) is None else str(value) for name in type(self).model_fields}

    def read(self, patient_id: UUID) -> tuple[JoinWaitlist | None, list[FieldError]]:
        """What is asked for, and what is wrong with the form."""
        errors = [
            FieldError(name, "invalid")
            for name, adapter in (("first", DAY), ("last", DAY), ("start", CLOCK), ("end", CLOCK))
            if not _fits(adapter, getattr(self, name))
        ]
        if self.first and self.last and self.last < self.first:
            errors.append(FieldError("last", "order"))
        if self.start and self.end and self.end <= self.start:
            errors.append(FieldError("end", "order"))
        if self.visit_type is None:
            errors.append(FieldError("visit_type", "required"))
        if errors or self.visit_type is None:
            return None, errors
        asked = JoinWaitlist(
            patient_id=patient_id,
            visit_type_id=self.visit_type,
            visit_id=self.visit,
            clinician_ids=[self.clinician] if self.clinician else [],
            first=_day(self.first),
            last=_day(self.last),
            wishes=self._wishes(),
            min_lead_minutes=self.lead,
            priority=self.priority,
        )
        return asked, []

    def _wishes(self) -> list[WishView]:
        if not (self.start or self.end or self.weekdays):
            return []
        first, _, last = self.weekdays.partition("-")
        days = list(range(int(first), int(last or first) + 1)) if first else []
        return [WishView(start=self.start or "00:00", end=self.end or "24:00", weekdays=days)]


def _fits(adapter: TypeAdapter[date] | TypeAdapter[str], typed: str) -> bool:
    try:
        return typed == "" or adapter.validate_python(typed) is not None
    except ValidationError:
        return False


def _day(typed: str) -> date | None:
    return DAY.validate_python(typed) if typed else None
