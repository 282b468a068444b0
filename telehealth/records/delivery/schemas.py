"""Deliveries on the wire, for whoever runs the house."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import DeliveryState


class DeliveryQuery(Message):
    """`after` is the id of the last delivery of the page before."""

    destination: Annotated[str | None, Field(max_length=200)] = None
    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class DeliveryView(Message):
    """One signed version, or a visit's Encounter or Appointment, on its way to one destination; `version` is then the
    revision of the visit. `age` is in seconds, `attempt` counts the tries begun.

    `last_status` is the HTTP status of the last answer, `codes` the issue codes of its OperationOutcome, `reason` why
    it waits for a person. `finding` is what was wrong when the record was last looked at (`seen_at`).
    """

    id: UUID
    destination: str
    resource_type: ResourceType
    visit_id: UUID
    version: int
    state: DeliveryState
    since: Instant
    age: int
    attempt: int
    next_attempt_at: Instant | None
    last_status: int | None
    codes: list[str]
    reason: str | None
    finding: Finding | None
    seen_at: Instant | None


class BalanceView(Message):
    """One destination in numbers. `waiting` are on their way, `oldest_age` is of those, in seconds."""

    destination: str
    waiting: int
    held: int
    dead: int
    found: int
    oldest_age: int | None


class DeliveriesView(Message):
    """What has not arrived and what was found wrong since, the oldest first."""

    destinations: list[BalanceView]
    items: list[DeliveryView]


class DeliveriesPage(Message):
    """`told`: again, after a delivery was sent again."""

    after: UUID | None = None
    told: Annotated[str, Field(max_length=20)] = ""
    lang: str | None = None
