"""People as values, how a name is compared, and who may act for a patient. Pure."""

import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, PatientId, RelatedPersonId

OWN_SYSTEM = "urn:ietf:rfc:3986"  # FHIR R4, section 2.24.0.11.1: the system of an identifier that is itself a URI
LONGEST_IDENTIFIER = 512
MAJORITY = 18  # years


class PatientKnown(Refusal):
    kind, slug, title = Kind.CONFLICT, "patient-known", "A patient with this identifier is registered already"


class NotBornYet(Refusal):
    kind, slug, title = Kind.INVALID, "not-born-yet", "The date of birth is ahead"


@dataclass(frozen=True, slots=True)
class Patient:
    """`identifier` is "system|value", as in a FHIR token search; `language` BCP 47; `time_zone` an IANA name."""

    id: PatientId
    identifier: str
    given: str
    family: str
    birth_date: date
    language: str
    time_zone: str
    email: str | None
    phone: str | None

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()


@dataclass(frozen=True, slots=True)
class Clinician:
    """`prefix` as in FHIR HumanName, such as "Dr."; `languages` BCP 47, the first is the preferred one."""

    id: ClinicianId
    given: str
    family: str
    prefix: str
    email: str
    time_zone: str
    languages: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.prefix, self.given, self.family) if part)


class UnfitSupervisor(Refusal):
    kind, slug, title = (
        Kind.INVALID,
        "unfit-supervisor",
        "Nobody supervises themselves, and who is supervised does not supervise",
    )


class UnfitAuthority(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-authority", "This authority is over before it begins"


class ContactSystem(StrEnum):
    """As in FHIR R4 ContactPoint.system."""

    EMAIL = "email"
    PHONE = "phone"


class Relationship(StrEnum):
    """Why somebody may act for a patient; in HL7 v3 RoleCode PRN, GUARD, HPOWATT and RESPRSN."""

    PARENT = "parent"
    GUARDIAN = "guardian"
    POWER_OF_ATTORNEY = "power_of_attorney"
    REPRESENTATIVE = "representative"


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedPerson:
    """Somebody who may act for one patient (FHIR R4 RelatedPerson) in [begins_at, ends_at); no end is None.

    `may_join` is taking part in visits, `may_book` choosing and moving their times.
    """

    id: RelatedPersonId
    patient_id: PatientId
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

    @property
    def name(self) -> str:
        return f"{self.given} {self.family}".strip()

    def may_act(self, at: datetime) -> bool:
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)


def of_age(born: date) -> date:
    """The day on which somebody is no longer a minor. Who was born on 29 February is so on 1 March."""
    try:
        return born.replace(year=born.year + MAJORITY)
    except ValueError:
        return date(born.year + MAJORITY, 3, 1)


@dataclass(frozen=True, slots=True)
class Clinic:
    """The institution that runs this installation; `phone` is what a patient calls when video fails."""

    name: str
    phone: str
    time_zone: str

    @property
    def emergency(self) -> str:
        """What to call: 911 in the Americas; 112 in Europe, and from a mobile phone nearly everywhere (3GPP TS 22.101,
        section 10).
        """
        return "911" if self.time_zone.startswith(("America/", "US/", "Canada/")) else "112"


UNNAMED_CLINIC = Clinic("", "", "UTC")


def own_identifier(patient: UUID) -> str:
    """The identifier of a patient whom no record service has numbered yet."""
    return f"{OWN_SYSTEM}|urn:uuid:{patient}"


def is_identifier(text: str) -> bool:
    """Whether it reads "system|value" with both parts present and no blanks around them."""
    system, bar, value = text.partition("|")
    return (
        bool(bar and system and value)
        and len(text) <= LONGEST_IDENTIFIER
        and text.isprintable()
        and text == text.strip()
    )


def words(name: str) -> tuple[str, ...]:
    """A name as comparable words: no case, no accents, no punctuation, any order of scripts."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    bare = "".join(each for each in decomposed if not unicodedata.combining(each))
    return tuple("".join(each if each.isalnum() else " " for each in bare).split())


def is_called(asked: str, name: str) -> bool:
    """Whether each asked word begins a word of the name of its own. Nothing asked is nobody's name."""
    left = list(words(name))
    wanted = sorted(words(asked), key=len, reverse=True)
    for word in wanted:
        found = next((each for each in left if each.startswith(word)), None)
        if found is None:
            return False
        left.remove(found)
    return bool(wanted)
