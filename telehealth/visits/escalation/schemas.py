"""What alerts and their rules look like on the wire."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Message
from telehealth.people.schemas import Email
from telehealth.visits.escalation.rules import (
    DEFAULT_LADDERS,
    LONGEST_AFTER,
    MOST_RUNGS,
    SHORTEST_REOPENING,
    AlertKind,
    Audience,
    EscalationRules,
    Fault,
    Rung,
    Shown,
    Telling,
    Way,
)


class TellingView(Message):
    """`recipient_id` is a clinician or an account; null for boards, and when there was nobody to tell. `had_by` is the
    account that had taken it on when it was raised again.
    """

    at: datetime
    whom: Audience
    way: Way
    recipient_id: UUID | None
    had_by: UUID | None

    @classmethod
    def of(cls, telling: Telling) -> Self:
        told = {"whom": telling.whom, "way": telling.way, "recipient_id": telling.recipient_id}
        return cls(at=telling.at, had_by=telling.had_by, **told)


class AlertView(Message):
    """`next_at` is when the next in turn is told; null once somebody took it on, and at the top of the ladder.

    Of a visit or of an entry in the queue: the other one is null; of the house both, and the patient; `affected` is
    then how many visits of the next day it is about. `acknowledged_by` is a name. `clinician_id` gives the visit;
    `visit_revision` is what If-Match wants to hear when it is taken over.
    """

    id: UUID
    kind: AlertKind
    visit_id: UUID | None
    visit_revision: int | None
    clinician_id: UUID | None
    queue_entry_id: UUID | None
    patient_id: UUID | None
    patient_name: str | None
    affected: int | None
    faults: list[Fault]
    since: datetime
    next_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    steps: list[TellingView]

    @classmethod
    def of(cls, shown: Shown) -> Self:
        alert = shown.alert
        return cls(
            id=alert.id,
            kind=alert.kind,
            visit_id=alert.visit_id,
            visit_revision=shown.visit and shown.visit.revision,
            clinician_id=shown.visit and shown.visit.clinician_id,
            queue_entry_id=alert.queue_entry_id,
            patient_id=alert.patient_id,
            patient_name=shown.patient_name,
            affected=alert.affected,
            faults=list(alert.faults),
            since=alert.since,
            next_at=alert.next_at if alert.wants_someone else None,
            acknowledged_at=alert.acknowledged_at,
            acknowledged_by=shown.by,
            steps=[TellingView.of(each) for each in shown.tellings],
        )


class AlertsView(Message):
    """`version` changes with the list."""

    version: str
    items: list[AlertView]


class TakeOverForm(Message):
    """Of whom it is taken over, as the board showed it."""

    clinician: UUID


class AcknowledgedView(Message):
    id: UUID
    acknowledged_at: datetime


# The rules of the clinic


class RungView(Message):
    """`after` seconds without anybody taking the alert on. `address` is for a coordinator; without one everyone with an
    account of the front desk is told.
    """

    after: Annotated[int, Field(ge=0, le=LONGEST_AFTER)]
    whom: Audience
    address: Email | None = None


Ladder = Annotated[list[RungView], Field(min_length=1, max_length=MOST_RUNGS)]


Seconds = Annotated[int, Field(ge=SHORTEST_REOPENING, le=LONGEST_AFTER)]


class ReopenAfter(Message):
    """Seconds after which what was taken on, and still stands, is raised again. Null: as the house does it."""

    waiting: Seconds | None = None
    held_up: Seconds | None = None
    queued: Seconds | None = None
    unjoinable: Seconds | None = None
    house: Seconds | None = None


class RulesOfTheClinic(Message):
    """Who is told, kind by kind, in the order of time, the boards first and at once. Null: as the house does it."""

    waiting: Ladder | None
    held_up: Ladder | None = None
    queued: Ladder | None
    locked_link: Ladder | None
    unjoinable: Ladder | None
    house: Ladder | None = None
    reopen_after: ReopenAfter = ReopenAfter()

    def ladders(self) -> dict[AlertKind, list[Rung]]:
        """Those that the clinic has of its own."""
        given = {kind: getattr(self, kind.value) for kind in AlertKind}
        return {
            kind: [Rung(each.after, each.whom, each.address) for each in ladder]
            for kind, ladder in given.items()
            if ladder is not None
        }

    def reopening(self) -> dict[AlertKind, int]:
        """Those that the clinic has of its own."""
        return {AlertKind(kind): after for kind, after in self.reopen_after if after is not None}


class ReopenAfterView(Message):
    """Seconds after which what was taken on, and still stands, is raised again."""

    waiting: int
    held_up: int
    queued: int
    unjoinable: int
    house: int


class EscalationRulesView(Message):
    """The rules in force; `defaults` names the kinds whose steps go as the house does it."""

    waiting: list[RungView]
    held_up: list[RungView]
    queued: list[RungView]
    locked_link: list[RungView]
    unjoinable: list[RungView]
    house: list[RungView]
    reopen_after: ReopenAfterView
    defaults: list[AlertKind]

    @classmethod
    def of(cls, rules: EscalationRules) -> Self:
        ladders = rules.ladders
        shown = {kind.value: [RungView.model_validate(rung) for rung in ladder] for kind, ladder in ladders.items()}
        again = {kind: rules.reopen_after[AlertKind(kind)] for kind in ReopenAfterView.model_fields}
        defaults = [kind for kind, ladder in ladders.items() if tuple(ladder) == DEFAULT_LADDERS[kind]]
        return cls(**shown, reopen_after=ReopenAfterView(**again), defaults=defaults)
