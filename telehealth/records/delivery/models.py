"""The tables of what is on its way into the record, signed notes and how visits went, and of where they go."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain
from telehealth.records.delivery.findings import Finding
from telehealth.records.delivery.profiles import ResourceType
from telehealth.records.delivery.rules import DeliveryState


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


class RecordDeliveryRow(Table):
    """One version of a note, or a visit's Encounter or Appointment, on its way to one destination. `attempt` fences:
    only the sender that raised it may settle it. Of a visit `revision` is the one that the record has to know.

    `codes` are OperationOutcome.issue.code, separated by spaces; `reason` is the alarm of the last answer. `seen_at` is
    when the record was last asked for what had arrived, `finding` what was wrong with it then.
    """

    __tablename__ = "record_delivery"

    id: Mapped[UUID] = plain(primary_key=True)
    destination: Mapped[str] = plain()
    resource_type: Mapped[str] = plain(server_default=text("'DocumentReference'"))
    note_version_id: Mapped[UUID | None] = plain(ForeignKey("note_version.id"))
    visit_id: Mapped[UUID | None] = plain(ForeignKey("visit.id"))
    revision: Mapped[int | None] = plain()
    state: Mapped[str] = plain()
    attempt: Mapped[int] = plain(server_default=text("0"))
    since: Mapped[datetime] = plain()
    next_attempt_at: Mapped[datetime | None] = plain()
    lease_until: Mapped[datetime | None] = plain()
    remote_id: Mapped[str | None] = phi()
    remote_version: Mapped[str | None] = plain()
    last_status: Mapped[int | None] = plain()
    codes: Mapped[str | None] = plain()
    first_ambiguous_at: Mapped[datetime | None] = plain()
    settled_at: Mapped[datetime | None] = plain()
    reason: Mapped[str | None] = plain()
    seen_at: Mapped[datetime | None] = plain()
    finding: Mapped[str | None] = plain()

    __table_args__ = (
        UniqueConstraint("destination", "note_version_id"),
        UniqueConstraint("destination", "visit_id", "resource_type"),
        CheckConstraint(_one_of("resource_type", ResourceType), name="resource_type"),
        CheckConstraint("(resource_type = 'DocumentReference') = (note_version_id IS NOT NULL)", name="note"),
        CheckConstraint("(note_version_id IS NULL) = (visit_id IS NOT NULL AND revision IS NOT NULL)", name="visit"),
        CheckConstraint(_one_of("state", DeliveryState), name="state"),
        CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(state IN ('pending', 'verifying')) = (next_attempt_at IS NOT NULL)", name="due"),
        CheckConstraint(_one_of("finding", Finding), name="finding"),
        Index(
            "ix_record_delivery_listed",
            "since",
            "id",
            postgresql_where=text("state <> 'delivered' OR finding IS NOT NULL"),
        ),
        Index("ix_record_delivery_seen", "destination", "seen_at", postgresql_where=text("state = 'delivered'")),
        Index(
            "ix_record_delivery_due",
            text("coalesce(next_attempt_at, lease_until)"),
            postgresql_where=text("state IN ('pending', 'sending', 'verifying')"),
        ),
    )


class RecordDestinationRow(Table):
    """What all workers know together of a record service: its breaker, and the tokens that are left of its rate."""

    __tablename__ = "record_destination"

    name: Mapped[str] = plain(primary_key=True)
    failures: Mapped[int] = plain(server_default=text("0"))
    probe_at: Mapped[datetime | None] = plain()
    refused: Mapped[bool] = plain(server_default=text("false"))
    tokens: Mapped[float] = plain(server_default=text("0"))
    filled_at: Mapped[datetime | None] = plain()


class VisitToWriteRow(Table):
    """A visit that changed and that no destination has been sent to about it; gone once the deliveries are due."""

    __tablename__ = "visit_to_write"

    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), primary_key=True)
    changed_at: Mapped[datetime] = plain()
