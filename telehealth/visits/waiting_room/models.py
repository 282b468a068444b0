"""The queue, as it is kept."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, plain
from telehealth.visits.waiting_room.queue import AlreadyQueued

STILL_WAITING = "taken_at IS NULL AND left_at IS NULL"


class QueueEntryRow(Table):
    """Someone who came without a time. `since` is when their place in the queue began, `dropped_at` since when their
    connection is gone; an entry is over once it is taken or left.
    """

    __tablename__ = "queue_entry"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    jurisdiction: Mapped[str | None] = phi()
    priority: Mapped[int] = phi()
    came_at: Mapped[datetime] = phi()
    since: Mapped[datetime] = phi()
    dropped_at: Mapped[datetime | None] = phi()
    taken_at: Mapped[datetime | None] = phi()
    taken_by: Mapped[UUID | None] = plain(ForeignKey("clinician.id"))
    left_at: Mapped[datetime | None] = phi()

    __table_args__ = (
        CheckConstraint("(taken_at IS NULL) = (taken_by IS NULL)", name="taken"),
        CheckConstraint("taken_at IS NULL OR left_at IS NULL", name="over_once"),
        Index("uq_queue_entry_patient_id_waiting", "patient_id", unique=True, postgresql_where=text(STILL_WAITING)),
        Index("ix_queue_entry_waiting", "visit_type_id", "since", postgresql_where=text(STILL_WAITING)),
        Index("ix_queue_entry_taken_at", "taken_at"),
    )


class PresenceRow(Table):
    """Until when a participant counts as being on the page of their visit. A killed process shows by age."""

    __tablename__ = "presence"

    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id", ondelete="CASCADE"), primary_key=True)
    seen_until: Mapped[datetime] = phi()


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_queue_entry_patient_id_waiting": AlreadyQueued}
