"""What integrations ask, on the wire."""

from abc import ABC, abstractmethod
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field

from telehealth.http.schemas import Instant, Message
from telehealth.records.notes.amendments import DocStatus, DocumentStatus, Relation
from telehealth.records.notes.rules import NoteKind

LARGEST_PAGE = 100


class SummaryQuery(Message):
    """`after` is `next` of the page before; without it the feed begins at its beginning."""

    after: Annotated[str | None, Field(max_length=200)] = None
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = 50


class FeedSummary(Message):
    """One signed version of a visit's note; `text` is what was signed, to the byte, `sha256` its hash in hex.

    A version that `relates_to` another appends to it, replaces it or retracts it: then look at how the earlier ones of
    `note_id` stand. `status` and `doc_status` are those of a FHIR R4 DocumentReference now, null for one that retracts.
    """

    id: UUID
    note_id: UUID
    visit_id: UUID
    patient_id: UUID
    clinician_id: UUID
    version: int
    kind: NoteKind
    text: str
    sha256: str
    author_name: str
    signed_at: Instant
    relation: Relation | None
    relates_to: Annotated[int | None, Field(description="version of the same note")]
    status: DocumentStatus | None
    doc_status: DocStatus | None
    changed_at: Annotated[Instant, Field(description="when `status` last changed")]


class SummaryFeed(Message):
    """Keep `next` and ask again with it, at once when `more` and later when not: nothing comes twice or never."""

    items: list[FeedSummary]
    next: str | None
    more: bool


class AnySearch(Message):
    """What every search takes. Unknown parameters are kept, to be reported or refused as the client prefers."""

    model_config = ConfigDict(extra="allow")

    count: Annotated[int, Field(alias="_count", ge=1, le=1_000_000, description="at most 100 are given")] = 20
    cursor: Annotated[str | None, Field(alias="_cursor", max_length=200, description="from a page's next link")] = None
    format: Annotated[str | None, Field(alias="_format", description="json or application/fhir+json")] = None

    @property
    def limit(self) -> int:
        return min(self.count, LARGEST_PAGE)


class PatientSearch(AnySearch, ABC):
    """Parameters every type about patients has."""

    id: Annotated[str | None, Field(alias="_id", description="token: ids, separated by commas")] = None
    last_updated: Annotated[list[str], Field(alias="_lastUpdated", default_factory=list, description="date")]
    patient: Annotated[str | None, Field(description="reference: Patient/id or id")] = None
    patient_identifier: Annotated[
        str | None, Field(alias="patient:identifier", description="token: system|value of the patient")
    ] = None
    status: Annotated[str | None, Field(description="token: codes, separated by commas")] = None

    @property
    @abstractmethod
    def dates(self) -> list[str]:
        """What narrows by the date that the type has of its own."""


class Search(PatientSearch):
    date: Annotated[list[str], Field(default_factory=list, description="date, with eq ge gt le lt; UTC if no offset")]

    @property
    def dates(self) -> list[str]:
        return self.date


class TaskSearch(PatientSearch):
    authored_on: Annotated[
        list[str],
        Field(alias="authored-on", default_factory=list, description="date, with eq ge gt le lt; UTC if no offset"),
    ]

    @property
    def dates(self) -> list[str]:
        return self.authored_on


class ResponseSearch(PatientSearch):
    authored: Annotated[
        list[str], Field(default_factory=list, description="date, with eq ge gt le lt; UTC if no offset")
    ]

    @property
    def dates(self) -> list[str]:
        return self.authored


class QuestionnaireSearch(AnySearch):
    """Which questions, in which versions."""

    id: Annotated[str | None, Field(alias="_id", description="token: ids, separated by commas")] = None
    status: Annotated[str | None, Field(description="token: active, retired, separated by commas")] = None


class ScheduleSearch(AnySearch):
    """Which calendars."""

    id: Annotated[str | None, Field(alias="_id", description="token: ids, separated by commas")] = None
    actor: Annotated[str | None, Field(description="reference: Practitioner/id or id")] = None
    actor_identifier: Annotated[
        str | None, Field(alias="actor:identifier", description="token: system|value of the practitioner")
    ] = None
    active: Annotated[str | None, Field(description="token: true or false")] = None


class SlotSearch(AnySearch):
    """Which times; from now on when no start is given."""

    schedule: Annotated[
        str | None, Field(max_length=4096, description="reference: Schedule/id or id, separated by commas")
    ] = None
    start: Annotated[list[str], Field(default_factory=list, description="date, with eq ge gt le lt; UTC if no offset")]
    status: Annotated[str | None, Field(description="token: free, busy, separated by commas")] = None
    service_type: Annotated[
        str | None, Field(alias="service-type", description="token: codes of visit types, separated by commas")
    ] = None
