"""What people look like on the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from telehealth.core.ids import ClinicianId
from telehealth.core.time import parse_zone
from telehealth.http.schemas import Instant, Message
from telehealth.people.jurisdictions import LONGEST_CODE, parse_jurisdiction
from telehealth.people.licensing import FIRST_DAY, LAST_DAY, Licence, Whereabouts
from telehealth.people.rules import (
    LONGEST_IDENTIFIER,
    Clinician,
    ContactSystem,
    Patient,
    RelatedPerson,
    Relationship,
    is_identifier,
)

PRINTED = r"[^\s\x00-\x1f\x7f-\x9f]"
LINE = rf"^{PRINTED}([^\x00-\x1f\x7f-\x9f]*{PRINTED})?$"  # one line without blanks at its ends


def _identifier(text: str) -> str:
    if not is_identifier(text):
        raise ValueError("an identifier is written system|value")
    return text


def _zone(name: str) -> str:
    return parse_zone(name).key


Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=LINE)]
Identifier = Annotated[
    str, Field(min_length=3, max_length=LONGEST_IDENTIFIER, examples=["urn:mrn|123"]), AfterValidator(_identifier)
]
Language = Annotated[str, StringConstraints(max_length=35, pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
Zone = Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Paris"]), AfterValidator(_zone)]
LONGEST_EMAIL = 254  # a path has 256 octets at most, with its brackets (RFC 5321, section 4.5.3.1.3)
Email = Annotated[
    str,
    StringConstraints(
        max_length=LONGEST_EMAIL, pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$"
    ),
]
TypedEmail = Annotated[str, Field(max_length=LONGEST_EMAIL)]  # as a form has it, right or wrong
Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9][0-9 ().-]{3,28}[0-9]$")]
BirthDate = Annotated[date, Field(ge=date(1850, 1, 1))]
Jurisdiction = Annotated[
    str, Field(min_length=2, max_length=LONGEST_CODE, examples=["US-CA", "DE"]), AfterValidator(parse_jurisdiction)
]
LocalDate = Annotated[date, Field(ge=FIRST_DAY, le=LAST_DAY)]


class RegisterPatient(Message):
    """`identifier` is "system|value" of the record service; without one the patient gets a number of our own, and
    notes are held until the record service knows it.
    """

    identifier: Identifier | None = None
    given: Name
    family: Name
    birth_date: BirthDate
    language: Language = "en"
    time_zone: Zone = "UTC"
    email: Email | None = None
    phone: Phone | None = None


class Contact(Message):
    """Where a patient is reached. Both are set: what is null is forgotten. What stays as it is and has failed is tried
    again when it is said to be `confirmed`.
    """

    email: Email | None
    phone: Phone | None
    confirmed: frozenset[ContactSystem] = frozenset()


class PatientView(Message):
    """A patient as staff see one."""

    id: UUID
    identifier: str
    name: str
    given: str
    family: str
    birth_date: date
    language: str
    time_zone: str
    email: str | None
    phone: str | None

    @classmethod
    def of(cls, patient: Patient) -> "PatientView":
        return cls.model_validate(patient)


class FindPatients(Message):
    """In a body and not in the address, because addresses end up in logs and histories."""

    name: Name
    birth_date: BirthDate


class PatientsFound(Message):
    """Everyone with that birth date whose names begin as asked, 20 at most."""

    items: list[PatientView]


class AddRelatedPerson(Message):
    """Somebody who may act for the patient in [begins_at, ends_at); null is from now, and without an end: what a parent
    or guardian of a minor may do ends in any case when the patient comes of age.
    """

    given: Name
    family: Name
    relationship: Relationship
    email: Email | None = None
    phone: Phone | None = None
    language: Language = "en"
    may_join: bool = True
    may_book: bool = False
    begins_at: Instant | None = None
    ends_at: Instant | None = None


class RelatedPersonView(Message):
    """Somebody who may act for a patient (FHIR R4 RelatedPerson)."""

    id: UUID
    patient_id: UUID
    name: str
    given: str
    family: str
    relationship: Relationship
    email: str | None
    phone: str | None
    language: str
    may_join: bool
    may_book: bool
    begins_at: datetime
    ends_at: datetime | None

    @classmethod
    def of(cls, person: RelatedPerson) -> "RelatedPersonView":
        return cls.model_validate(person)


class ClinicianView(Message):
    """A clinician as anyone who books sees one."""

    id: UUID
    name: str
    prefix: str
    given: str
    family: str
    time_zone: str
    languages: list[str]

    @classmethod
    def of(cls, clinician: Clinician) -> "ClinicianView":
        return cls(
            id=clinician.id,
            name=clinician.name,
            prefix=clinician.prefix,
            given=clinician.given,
            family=clinician.family,
            time_zone=clinician.time_zone,
            languages=list(clinician.languages),
        )


class Supervisors(Message):
    """Who co-signs what a clinician signs. Without any, what they sign is final at once."""

    items: Annotated[list[UUID], Field(max_length=50, description="ids of clinicians")]


class Dated(Message):
    """A jurisdiction, ISO 3166-1 ("DE") or ISO 3166-2 ("US-CA"), and inclusive local dates there; null is no limit."""

    jurisdiction: Jurisdiction
    first: LocalDate | None = None
    last: LocalDate | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.first and self.last and self.last < self.first:
            raise ValueError("the last date is before the first")
        return self


class LicenceView(Dated):
    """A licence for a country says nothing about its subdivisions, nor the reverse."""

    def licence(self, clinician_id: ClinicianId) -> Licence:
        return Licence(clinician_id, self.jurisdiction, self.first, self.last)


class Licences(Message):
    """All licences of one clinician."""

    items: Annotated[list[LicenceView], Field(max_length=500)]

    @classmethod
    def of(cls, licences: list[Licence]) -> Self:
        return cls(items=[LicenceView.model_validate(each) for each in licences])


class LocationView(Dated):
    """Where a patient told to be."""

    def whereabouts(self) -> Whereabouts:
        return Whereabouts(self.jurisdiction, self.first, self.last)


class Locations(Message):
    """Where a patient will be, as far as they told; where two overlap, the later in the list counts."""

    items: Annotated[list[LocationView], Field(max_length=500)]

    @classmethod
    def of(cls, places: list[Whereabouts]) -> Self:
        return cls(items=[LocationView.model_validate(each) for each in places])
