"""The patient record service, in our words: a document goes in, what became of it comes out."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.db.unit import Unit
from telehealth.http.openmetrics import Gauge
from telehealth.records.delivery.findings import Seen
from telehealth.records.delivery.profiles import Profile, ResourceType
from telehealth.records.delivery.rules import Answer, DocumentIdentifiers, Identifier, document_identifiers
from telehealth.records.delivery.statuses import written_status
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.rules import VisitStatus


@dataclass(frozen=True, slots=True)
class Document:
    """One signed version of a note, as it goes to the record.

    `text` is what was signed, to the byte. `started_at` and `ended_at` are the visit's; identifiers name people and
    visits as the record service knows them. Of an amendment `amended` is the document it relates to and `affected` are
    those that stand otherwise after it, by their ids in that record; one that retracts is no document itself.
    `remote_id` is the document's own id there, once it has arrived, `encounter_id` that of the visit's Encounter, where
    we wrote one; `authenticator` is who co-signed it.
    """

    note_id: UUID
    version: int
    kind: NoteKind
    text: str
    signed_at: datetime
    patient: Identifier
    author: Identifier
    author_name: str
    visit: Identifier
    started_at: datetime
    ended_at: datetime | None
    custodian: str
    relation: Relation | None = None
    amended: str | None = None
    affected: tuple[str, ...] = ()
    remote_id: str | None = None
    encounter_id: str | None = None
    authenticator: Identifier | None = None
    authenticator_name: str = ""

    @property
    def identifiers(self) -> DocumentIdentifiers:
        return document_identifiers(self.note_id, self.version)

    @property
    def content(self) -> bytes:
        return self.text.encode()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitState:
    """How a visit stands, as it goes to the record as Encounter or Appointment.

    `starts_at` and `ends_at` are when it was to be, `in_media` from when until when both sides were in the call.
    `remote_id` is the id of the resource there, once it has arrived.
    """

    resource_type: ResourceType
    status: VisitStatus
    visit: Identifier
    patient: Identifier
    clinician: Identifier
    clinician_name: str
    visit_type: str
    starts_at: datetime
    ends_at: datetime
    in_media: tuple[datetime, datetime | None] | None = None
    remote_id: str | None = None

    @property
    def written_status(self) -> str:
        return written_status(self.resource_type, self.status)


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing in the record carries the identifier."""


Found = Answer | Missing


class RecordService(Protocol):
    """No function raises for what the record service answers or fails to answer."""

    async def deliver(self, document: Document, *, search_first: bool) -> Answer:
        """One try: find the one patient, then create the document unless its version identifier is there already.

        A replacement supersedes what it affects; a retraction only enters what it affects in error.

        `search_first` looks for it before creating: required after any try whose outcome is unknown.
        """
        ...

    async def find(self, document: Document) -> Found:
        """Whether the record holds exactly this document. Creates nothing."""
        ...

    async def look(self, document: Document) -> Seen | Answer:
        """Every copy of the document, however it stands; an Answer says why nobody could look.

        None only once the document's own address says that it is gone: a search may answer from half an index.
        """
        ...

    async def write(self, visit: VisitState) -> Answer:
        """One try: find the one patient, then change the one resource that carries the visit's identifier, or create it
        where the profile says so. Looks each time, so that done twice it is done once.
        """
        ...

    async def look_at(self, visit: VisitState) -> Seen | Answer:
        """Every resource of that type with the visit's identifier; as `look` does."""
        ...


@dataclass(frozen=True, slots=True)
class Destination:
    """A record service by its name in the house, and how it behaves."""

    name: str
    profile: Profile
    service: RecordService


@dataclass(frozen=True, slots=True)
class OtherNumbers:
    """What higher floors tell of themselves in numbers, at the same door."""

    each: tuple[Callable[[Unit], Awaitable[tuple[Gauge, ...]]], ...] = ()


@dataclass(frozen=True, slots=True)
class MetricsToken:
    """What whoever reads the numbers of the house shows; None: nobody may."""

    value: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Destinations:
    """Every record service that signed notes go to. Bootstrap says which."""

    each: tuple[Destination, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(destination.name for destination in self.each)

    @property
    def of_visits(self) -> dict[str, tuple[ResourceType, ...]]:
        """By name, what each takes of a visit beside the notes."""
        return {destination.name: destination.profile.of_visits for destination in self.each}
