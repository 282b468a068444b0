"""Decisions about the delivery of notes to the patient record: states as data, no clock, no input or output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.records.delivery.profiles import US_CORE, Profile, ResourceType

# Systems of the identifiers we mint. URNs of random UUIDs: global, stable when an address changes, owned by nobody.
NOTE_SYSTEM = "urn:uuid:6f0c1f1e-7f0a-4f58-9d53-0a4a5b0f6c11"
NOTE_VERSION_SYSTEM = "urn:uuid:0b4b9a8e-9a3e-4e0d-8a51-3a3a6a2f9d27"
VISIT_SYSTEM = "urn:uuid:c1c9f0a4-5c0b-4a7e-b7a6-5f8f2f6b1e83"
CLINICIAN_SYSTEM = "urn:uuid:2a7d7c54-13a0-4c4c-8f0e-9f6c4f1d5b0e"

FIRST_BACK_OFF = timedelta(seconds=2)
LONGEST_BACK_OFF = timedelta(minutes=15)
GIVE_UP_AFTER = timedelta(hours=72)
FAILURES_TO_OPEN = 5
PROBE_EVERY = timedelta(minutes=1)


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENDING = "sending"
    VERIFYING = "verifying"
    DELIVERED = "delivered"
    HELD = "held"
    DEAD = "dead"


DELIVERY_STEPS: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    DeliveryState.PENDING: frozenset({DeliveryState.SENDING}),
    DeliveryState.VERIFYING: frozenset({DeliveryState.SENDING}),
    # SENDING to SENDING: the lease of a sender that died ran out and another took over.
    DeliveryState.SENDING: frozenset(DeliveryState),
    DeliveryState.DELIVERED: frozenset(),
    DeliveryState.HELD: frozenset({DeliveryState.PENDING}),  # re-driven by a person
    DeliveryState.DEAD: frozenset({DeliveryState.PENDING}),
}


class UnderWay(Refusal):
    kind, slug, title = Kind.CONFLICT, "delivery-under-way", "The delivery is being sent, or has arrived"


@dataclass(frozen=True, slots=True)
class Identifier:
    """FHIR R4 Identifier, the two parts that are searched for."""

    system: str
    value: str

    @classmethod
    def parse(cls, token: str) -> "Identifier":
        """From "system|value", as in a FHIR token search."""
        system, _, value = token.partition("|")
        return cls(system, value)


@dataclass(frozen=True, slots=True)
class DocumentIdentifiers:
    """`version` names this very document and is the key nothing may be created twice under; `note` spans versions."""

    version: Identifier
    note: Identifier


def document_identifiers(note_id: UUID, version: int) -> DocumentIdentifiers:
    return DocumentIdentifiers(
        version=Identifier(NOTE_VERSION_SYSTEM, f"{note_id}-v{version}"), note=Identifier(NOTE_SYSTEM, str(note_id))
    )


@dataclass(frozen=True, slots=True)
class SignedVersion:
    """What is delivered: a signed version of a note."""

    note_version_id: UUID


@dataclass(frozen=True, slots=True)
class VisitPart:
    """What is delivered: how a visit stands at that revision of it, as its Encounter or its Appointment."""

    visit_id: UUID
    resource_type: ResourceType
    revision: int


Subject = SignedVersion | VisitPart


@dataclass(frozen=True, slots=True)
class Accepted:
    """It is in the record, once, with the content that was signed, or as the visit stands."""

    remote_id: str
    remote_version: str | None
    status: int = 201


@dataclass(frozen=True, slots=True)
class Differs:
    """Our identifier is in the record with other content or on another patient."""

    remote_id: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """The record service will never take it as it is. `codes`: OperationOutcome.issue.code, never its free text."""

    status: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Our credential was refused, also after a new token."""

    status: int = 401


@dataclass(frozen=True, slots=True)
class Forbidden:
    status: int = 403


@dataclass(frozen=True, slots=True)
class Unresolved:
    """Not exactly one resource of this type carries the identifier. Nobody guesses.

    `matches`: 0 for none, else how many.
    """

    resource_type: str
    matches: int


@dataclass(frozen=True, slots=True)
class Duplicated:
    """More than one document carries our identifier."""

    matches: int


@dataclass(frozen=True, slots=True)
class Throttled:
    """429: refused before anything was done."""

    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may be there or not: 202, 408, 409, 425, 5xx, a cut connection, no answer in time."""

    status: int | None = None
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """The record service failed before the document was sent: no connection, no token, no search."""

    status: int | None = None
    retry_after: timedelta | None = None


Answer = Accepted | Differs | Rejected | Unauthorized | Forbidden | Unresolved | Duplicated | Throttled | Unsure | Away


@dataclass(frozen=True, slots=True)
class Trip:
    """What is known of a delivery on its way. `attempt` counts from 1, `since` is when it was asked for."""

    attempt: int
    since: datetime
    first_ambiguous_at: datetime | None = None

    @property
    def search_first(self) -> bool:
        """Once a try may have arrived unseen, each later one looks before it repeats."""
        return self.first_ambiguous_at is not None


@dataclass(frozen=True, slots=True)
class Step:
    """What to write down after an answer. `alarm` is a slug for the operator, None when nobody need look."""

    state: DeliveryState
    next_attempt_at: datetime | None = None
    first_ambiguous_at: datetime | None = None
    remote_id: str | None = None
    remote_version: str | None = None
    last_status: int | None = None
    codes: tuple[str, ...] = ()
    alarm: str | None = None


def next_step(trip: Trip, answer: Answer, *, now: datetime, jitter: float, profile: Profile = US_CORE) -> Step:
    """What follows from the answer to one try. `jitter` is a random number in [0, 1)."""
    match answer:
        case Accepted(remote_id, remote_version, status):
            return Step(
                DeliveryState.DELIVERED,
                remote_id=remote_id,
                remote_version=remote_version,
                last_status=status,
                first_ambiguous_at=trip.first_ambiguous_at,
            )
        case Throttled(retry_after):
            return _later(trip, _wait(trip, jitter, retry_after), now=now, status=429)
        case Away(status, retry_after):
            return _later(trip, _wait(trip, jitter, retry_after), now=now, status=status)
        case Unauthorized(status):
            return _later(trip, LONGEST_BACK_OFF * jitter, now=now, status=status, alarm="record-credential-refused")
        case Unsure(status, retry_after):
            doubtful = Trip(trip.attempt, trip.since, trip.first_ambiguous_at or now)
            return _later(doubtful, max(_wait(trip, jitter, retry_after), profile.index_lag), now=now, status=status)
        case Rejected() | Forbidden() | Differs() | Unresolved() | Duplicated():
            return _for_a_person(trip, answer)
        case _:
            assert_never(answer)


def _for_a_person(trip: Trip, answer: Rejected | Forbidden | Differs | Unresolved | Duplicated) -> Step:
    held, doubt = DeliveryState.HELD, trip.first_ambiguous_at
    match answer:
        case Rejected(status, codes):
            return Step(
                DeliveryState.DEAD, last_status=status, codes=codes, alarm="record-rejected", first_ambiguous_at=doubt
            )
        case Forbidden(status):
            return Step(held, last_status=status, alarm="record-forbidden", first_ambiguous_at=doubt)
        case Differs(remote_id):
            return Step(held, remote_id=remote_id, alarm="record-differs", first_ambiguous_at=doubt)
        case Unresolved(resource_type):
            return Step(held, alarm=f"record-{resource_type.lower()}-unresolved", first_ambiguous_at=doubt)
        case Duplicated():
            return Step(held, alarm="record-duplicated", first_ambiguous_at=doubt)
        case _:
            assert_never(answer)


def back_off(attempt: int, jitter: float) -> timedelta:
    """Full jitter: anything up to 2 s, 4 s, 8 s … 15 min."""
    doublings = 1 << min(attempt - 1, 20)  # far beyond the ceiling, far below overflow
    return min(FIRST_BACK_OFF * doublings, LONGEST_BACK_OFF) * jitter


def _wait(trip: Trip, jitter: float, retry_after: timedelta | None) -> timedelta:
    return max(back_off(trip.attempt, jitter), retry_after or timedelta())


def _later(trip: Trip, wait: timedelta, *, now: datetime, status: int | None, alarm: str | None = None) -> Step:
    deadline = trip.since + GIVE_UP_AFTER
    if now >= deadline:
        return Step(
            DeliveryState.DEAD,
            first_ambiguous_at=trip.first_ambiguous_at,
            last_status=status,
            alarm="record-given-up",
        )
    return Step(
        DeliveryState.VERIFYING if trip.search_first else DeliveryState.PENDING,
        next_attempt_at=min(now + wait, deadline),
        first_ambiguous_at=trip.first_ambiguous_at,
        last_status=status,
        alarm=alarm,
    )


@dataclass(frozen=True, slots=True)
class Breaker:
    """Spares a record service that is down: after five failures in a row, one probe a minute until one succeeds.

    `refused`: it is our credential that is not accepted, which one alarm is enough for.
    """

    failures: int = 0
    probe_at: datetime | None = None
    refused: bool = False

    def allows(self, now: datetime) -> bool:
        return self.probe_at is None or now >= self.probe_at

    def after(self, answer: Answer, now: datetime) -> "Breaker":
        match answer:
            case Unauthorized():
                return Breaker(FAILURES_TO_OPEN, now + PROBE_EVERY, refused=True)
            case Unsure() | Away():
                failures = self.failures + 1
                return Breaker(
                    failures, now + PROBE_EVERY if failures >= FAILURES_TO_OPEN else None, refused=self.refused
                )
            case Accepted() | Differs() | Rejected() | Forbidden() | Unresolved() | Duplicated() | Throttled():
                return Breaker()
            case _:
                assert_never(answer)
