"""What booking says and hears on the wire, and the forms of who is looked for at the desk."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from telehealth.core.ids import ClinicianId
from telehealth.http.schemas import FieldError, Instant, Message
from telehealth.people.schemas import Email, Jurisdiction, Language, Name, Phone, TypedEmail, Zone
from telehealth.visits.lifecycle.schemas import BirthForm, Typed, VisitView

Team = Annotated[tuple[UUID, ...], Field(max_length=200)]
Resources = Annotated[tuple[UUID, ...], Field(max_length=20)]
Reason = Annotated[str, Field(max_length=500)]


def team_of(clinician_id: UUID | None, clinician_ids: Iterable[UUID]) -> tuple[ClinicianId, ...]:
    """Everyone named, once."""
    named = [*([clinician_id] if clinician_id else []), *clinician_ids]
    return tuple(ClinicianId(each) for each in dict.fromkeys(named))


Risk = Annotated[int, Field(ge=0, le=100)]


class BookVisit(Message):
    """One of three: a search's `offer`, a `hold_id`, or a `visit_type_id` and `start` with clinicians any of whom do.

    `override` is why staff set the rules aside. `request` asks for the time without taking it; staff confirm.
    `no_show_risk` is the chance in percent that the patient stays away, for the rule of overbooking: a site's own model
    supplies it, staff and integrations alone may say it, and it goes with a time that is taken now.
    """

    patient_id: UUID
    offer: Annotated[str, Field(max_length=2000)] | None = None
    hold_id: UUID | None = None
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    visit_type_id: UUID | None = None
    start: Instant | None = None
    also: Resources = ()
    override: Reason = ""
    request: bool = False
    location: Jurisdiction | None = None
    no_show_risk: Risk = 0

    @model_validator(mode="after")
    def _says_one_thing(self) -> Self:
        freely = self.visit_type_id is not None and self.start is not None
        if [self.offer is not None, self.hold_id is not None, freely].count(True) != 1:
            raise ValueError("one of offer, hold_id, or visit_type_id with start")
        if not freely and (self.visit_type_id or self.start or self.clinician_id or self.clinician_ids or self.also):
            raise ValueError("an offer and a hold say themselves what they are for")
        if self.hold_id is not None and (self.request or self.override):
            raise ValueError("a hold has its time already")
        if self.no_show_risk and (self.hold_id is not None or self.request):
            raise ValueError("the no-show risk goes with a time that is taken now")
        return self

    @property
    def team(self) -> tuple[ClinicianId, ...]:
        return team_of(self.clinician_id, self.clinician_ids)


class MoveVisit(Message):
    """Without clinicians the visit stays with its own. `location` is where the patient will be then (ISO 3166-1 or -2);
    without it counts what they attested for that time, else where they were to be before.
    """

    start: Instant
    clinician_id: UUID | None = None
    clinician_ids: Team = ()
    override: Reason = ""
    location: Jurisdiction | None = None

    @property
    def team(self) -> tuple[ClinicianId, ...]:
        return team_of(self.clinician_id, self.clinician_ids)


class BookedView(Message):
    """`link` is the patient's own address for this visit; it asks for the date of birth. Null while only requested."""

    visit: VisitView
    link: str | None


class FindForm(BirthForm):
    name: Typed = ""


class NewPatientForm(BirthForm):
    """`another`: it is none of the `others`, who were shown as known by this name and birth date."""

    given_name: Typed = ""
    family_name: Typed = ""
    email: TypedEmail = ""
    phone: Typed = ""
    language: Typed = "en"
    zone: Typed = ""
    another: Typed = ""
    others: list[UUID] = Field(default_factory=list, max_length=100)

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def ruled_out(self) -> list[UUID]:
        """Whom staff say it is not."""
        return self.others if self.another else []

    def read(self, today: date, first_box: str) -> tuple[dict[str, Any], list[FieldError]]:
        """What to register, and what is wrong with the form."""
        born = self.birth_date(today)
        errors = [] if born else [FieldError(first_box, self.fault)]
        values: dict[str, Any] = {"birth_date": born}
        for field, (name, adapter, required) in PATIENT_FIELDS.items():
            typed = str(getattr(self, field)).strip()
            if not typed:
                errors += [FieldError(field, "required")] if required else []
                continue
            try:
                values[name] = adapter.validate_python(typed)
            except ValidationError:
                errors.append(FieldError(field, "invalid"))
        return values, errors


PATIENT_FIELDS: Mapping[str, tuple[str, TypeAdapter[str], bool]] = {
    "given_name": ("given", TypeAdapter(Name), True),
    "family_name": ("family", TypeAdapter(Name), True),
    "email": ("email", TypeAdapter(Email), True),
    "phone": ("phone", TypeAdapter(Phone), False),
    "language": ("language", TypeAdapter(Language), True),
    "zone": ("time_zone", TypeAdapter(Zone), True),
}
