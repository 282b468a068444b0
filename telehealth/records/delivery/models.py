"""The table of notes on their way into the record."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, plain
from telehealth.records.delivery.rules import DeliveryState


class RecordDeliveryRow(Table):
    """One version on its way to one destination. `attempt` fences: only the sender that raised it may settle it.

    `codes` are OperationOutcome.issue.code, separated by spaces.
    """

    __tablename__ = "record_delivery"

    id: Mapped[UUID] = plain(primary_key=True)
    destination: Mapped[str] = plain()
    note_version_id: Mapped[UUID] = plain(ForeignKey("note_version.id"))
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

    __table_args__ = (
        UniqueConstraint("destination", "note_version_id"),
        CheckConstraint(f"state IN ({', '.join(repr(str(state)) for state in DeliveryState)})", name="state"),
        CheckConstraint("(state = 'sending') = (lease_until IS NOT NULL)", name="lease"),
        CheckConstraint("(state IN ('pending', 'verifying')) = (next_attempt_at IS NOT NULL)", name="due"),
        Index(
            "ix_record_delivery_due",
            text("coalesce(next_attempt_at, lease_until)"),
            postgresql_where=text("state IN ('pending', 'sending', 'verifying')"),
        ),
    )
