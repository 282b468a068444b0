"""The queue, as it is kept."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, plain
from telehealth.visits.waiting_room.queue import AlreadyQueued

STILL_WAITING = "taken_at IS NULL AND left_at IS NULL"


class QueueEntryRow(Table):
    """Someone who came without a time. `since` is when their place in the queue began, `dropped_at` since when their
    connection is gone; an entry is over once it is taken or left. `id` and `participant_id` are those of the visit and
    the participant it becomes; the personal link is kept as a participant's is, and goes on with them.
    `seen_until`: see PresenceRow.
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
    participant_id: Mapped[UUID] = plain(unique=True)
    link_hash: Mapped[bytes | None] = plain(LargeBinary, unique=True)
    link: Mapped[bytes | None] = phi(LargeBinary)
    attempts: Mapped[int] = plain(server_default=text("0"))
    locked_until: Mapped[datetime | None] = plain()
    verified_at: Mapped[datetime | None] = plain()
    seen_until: Mapped[datetime | None] = phi()

    __table_args__ = (
        CheckConstraint("(taken_at IS NULL) = (taken_by IS NULL)", name="taken"),
        CheckConstraint("taken_at IS NULL OR left_at IS NULL", name="over_once"),
        Index("uq_queue_entry_patient_id_waiting", "patient_id", unique=True, postgresql_where=text(STILL_WAITING)),
        Index("ix_queue_entry_waiting", "visit_type_id", "since", postgresql_where=text(STILL_WAITING)),
        Index("ix_queue_entry_taken_at", "taken_at"),
    )


class RunningLateRow(Table):
    """By how many minutes a clinician is late, as they said; it holds `until` then at the longest."""

    __tablename__ = "running_late"

    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True)
    minutes: Mapped[int] = plain()
    said_at: Mapped[datetime] = plain()
    until: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint("minutes BETWEEN 0 AND 120", name="minutes"),)


class WaitingMessageRow(Table):
    """What staff told who waits, append-only: a code that each page says in its reader's language, or a few words of
    their own, sealed. `visit_id` is a visit, or an entry of the queue.
    """

    __tablename__ = "waiting_message"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain()
    said_at: Mapped[datetime] = plain()
    said_by: Mapped[UUID | None] = plain()
    code: Mapped[str | None] = phi()
    words: Mapped[bytes | None] = phi(LargeBinary)

    __table_args__ = (
        CheckConstraint("num_nonnulls(code, words) = 1", name="one_form"),
        Index("ix_waiting_message_visit_id", "visit_id", "said_at"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {"uq_queue_entry_patient_id_waiting": AlreadyQueued}
