"""How each kind of record service behaves: profiles as data. What is not said here is the same for all."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import assert_never

PLAIN_UTF8, PLAIN = "text/plain; charset=utf-8", "text/plain"
DOCUMENT_SCOPES, PATIENT_SCOPE = "system/DocumentReference.crus", "system/Patient.rs"
SCOPES = f"{DOCUMENT_SCOPES} {PATIENT_SCOPE}"
VISIT_SCOPES = f"{SCOPES} system/Encounter.crus system/Appointment.crus"
LINKED_SCOPES = f"{SCOPES} system/Encounter.rs system/Practitioner.rs system/Appointment.rus"


class ResourceType(StrEnum):
    """What goes to a record service: signed notes, and of a visit its Encounter and its Appointment."""

    DOCUMENT_REFERENCE = "DocumentReference"
    ENCOUNTER = "Encounter"
    APPOINTMENT = "Appointment"


class WriteBack(StrEnum):
    """What is written of a visit: `nothing`; the `status` of the one resource that is there already; or the `whole`,
    created where nothing carries the visit's identifier.
    """

    NOTHING = "nothing"
    STATUS = "status"
    WHOLE = "whole"


class CreateMode(StrEnum):
    """`conditional`: If-None-Exist (FHIR R4, section 3.1.0.8.1). `search`: not known there, so each try looks first."""

    CONDITIONAL = "conditional"
    SEARCH = "search"


class DedupeQuery(StrEnum):
    """How a document of ours is found again: by its identifier, or among the patient's by its date and words."""

    IDENTIFIER = "identifier"
    PATIENT = "patient"


class Link(StrEnum):
    """A reference by identifier (FHIR R4, section 2.3.0.2), or to the one resource that carries it."""

    LOGICAL = "logical"
    LITERAL = "literal"


class AmendMode(StrEnum):
    """Whether an amendment says by `relatesTo` what it amends, or only by the first line of its text."""

    RELATES_TO = "relates-to"
    TEXT = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of record service.

    `content_types`: of the text, the next when one is refused (415). `max_bytes`: of one attachment.
    `index_lag`: how long a new resource may be missing from searches. `rate`: creates a second, None as many as are
    due. `needs_supersede_put`: it leaves a replaced document `current`, so that we change it.
    `provenance`: a Provenance is written afterwards, as well as may be. `writes_encounter`, `writes_appointment`: what
    it takes of visits.
    """

    name: str
    create_mode: CreateMode = CreateMode.CONDITIONAL
    dedupe_query: DedupeQuery = DedupeQuery.IDENTIFIER
    identifier_supported: bool = True
    encounter: Link = Link.LOGICAL
    author: Link = Link.LOGICAL
    content_types: tuple[str, ...] = (PLAIN_UTF8, PLAIN)
    max_bytes: int = 1_000_000
    amend_mode: AmendMode = AmendMode.RELATES_TO
    needs_supersede_put: bool = True
    provenance: bool = False
    writes_encounter: WriteBack = WriteBack.NOTHING
    writes_appointment: WriteBack = WriteBack.NOTHING
    index_lag: timedelta = timedelta(seconds=1)
    rate: float | None = None
    scopes: str = SCOPES

    def writes(self, resource_type: ResourceType) -> WriteBack:
        match resource_type:
            case ResourceType.DOCUMENT_REFERENCE:
                return WriteBack.WHOLE
            case ResourceType.ENCOUNTER:
                return self.writes_encounter
            case ResourceType.APPOINTMENT:
                return self.writes_appointment
            case never:
                assert_never(never)

    @property
    def of_visits(self) -> tuple[ResourceType, ...]:
        """What it takes of a visit beside the notes."""
        taken = (ResourceType.ENCOUNTER, ResourceType.APPOINTMENT)
        return tuple(each for each in taken if self.writes(each) is not WriteBack.NOTHING)

    def of_notes_alone(self) -> "Profile":
        """The same where nothing of visits is wanted: nothing of them is written, nor asked for the right to."""
        written = {f"system/{each}" for each in self.of_visits}
        scopes = [scope for scope in self.scopes.split() if scope.rpartition(".")[0] not in written]
        nothing = WriteBack.NOTHING
        return replace(self, writes_encounter=nothing, writes_appointment=nothing, scopes=" ".join(scopes))


# US Core writes notes alone: Encounters are only read there, and it knows no Appointment.
US_CORE = Profile(name="us-core-9")
GENERIC = Profile(
    name="generic-r4",
    max_bytes=500_000,
    provenance=True,
    writes_encounter=WriteBack.WHOLE,
    writes_appointment=WriteBack.WHOLE,
    scopes=f"{VISIT_SCOPES} system/Provenance.c",
)
# Its create drops what it does not know, identifiers and relatesTo among them, and demands its own Encounter.
# Its registration makes Encounters and Appointments; the Appointment of a visit is told how that went.
MILLENNIUM = Profile(
    name="millennium-r4",
    create_mode=CreateMode.SEARCH,
    dedupe_query=DedupeQuery.PATIENT,
    identifier_supported=False,
    encounter=Link.LITERAL,
    author=Link.LITERAL,
    content_types=(PLAIN,),
    amend_mode=AmendMode.TEXT,
    index_lag=timedelta(seconds=5),
    rate=5.0,
    writes_appointment=WriteBack.STATUS,
    scopes=LINKED_SCOPES,
)
# Searches answer from an index that follows the writes.
GOOGLE = Profile(
    name="google",
    index_lag=timedelta(seconds=10),
    rate=50.0,
    writes_encounter=WriteBack.WHOLE,
    writes_appointment=WriteBack.WHOLE,
    scopes=VISIT_SCOPES,
)
# Conditional creates race with each other there (microsoft/fhir-server#1382): looked for first, each time.
AZURE = Profile(
    name="azure",
    create_mode=CreateMode.SEARCH,
    index_lag=timedelta(seconds=2),
    rate=20.0,
    writes_encounter=WriteBack.WHOLE,
    writes_appointment=WriteBack.WHOLE,
    scopes=VISIT_SCOPES,
)

PROFILES: Mapping[str, Profile] = {each.name: each for each in (US_CORE, GENERIC, MILLENNIUM, GOOGLE, AZURE)}
