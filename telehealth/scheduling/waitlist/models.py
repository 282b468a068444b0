"""Tables of those who wait for a time, and of what they were offered."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, LargeBinary, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, plain
from telehealth.scheduling.waitlist.rules import AlreadyListed, AlreadyOffered, EntryState, OfferMode, OfferState


def _words(words: type[EntryState] | type[OfferState] | type[OfferMode]) -> str:
    return ", ".join(f"'{each}'" for each in words)


class WaitlistEntryRow(Table):
    """See rules.Entry. `wishes` are objects of start, end (minutes of the patient's local day) and weekdays."""

    __tablename__ = "waitlist_entry"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    clinician_ids: Mapped[list[UUID]] = plain(ARRAY(Uuid()), server_default=text("'{}'"))
    first: Mapped[date | None] = phi(Date())
    last: Mapped[date | None] = phi(Date())
    wishes: Mapped[list[dict[str, Any]]] = phi(JSONB(), server_default=text("'[]'"))
    min_lead: Mapped[int] = plain(server_default=text("0"))
    priority: Mapped[int] = plain(server_default=text("0"))
    joined_at: Mapped[datetime] = plain()
    visit_id: Mapped[UUID | None] = plain()
    earlier_than: Mapped[datetime | None] = phi()
    state: Mapped[str] = plain(server_default=text("'waiting'"))
    changed_at: Mapped[datetime] = plain()

    __table_args__ = (
        CheckConstraint(f"state IN ({_words(EntryState)})", name="state"),
        CheckConstraint("min_lead >= 0", name="min_lead"),
        CheckConstraint("first <= last", name="dates"),
        CheckConstraint("(visit_id IS NULL) = (earlier_than IS NULL)", name="earlier"),
        Index(
            "ix_waitlist_entry_place",
            text("priority DESC"),
            "joined_at",
            "id",
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_waitlist_entry_patient_id", "patient_id"),
        Index("uq_waitlist_entry_visit", "visit_id", unique=True, postgresql_where=text("state = 'waiting'")),
    )


class WaitlistOfferRow(Table):
    """See rules.Offer. The personal link is kept twice: hashed, to find it; sealed, so that the letter can carry it."""

    __tablename__ = "waitlist_offer"

    id: Mapped[UUID] = plain(primary_key=True)
    round_id: Mapped[UUID] = plain(index=True)
    entry_id: Mapped[UUID] = plain(ForeignKey("waitlist_entry.id"), index=True)
    mode: Mapped[str] = plain()
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    starts_at: Mapped[datetime] = phi()
    ends_at: Mapped[datetime] = phi()
    offered_at: Mapped[datetime] = plain()
    expires_at: Mapped[datetime] = plain()
    state: Mapped[str] = plain(server_default=text("'open'"))
    settled_at: Mapped[datetime | None] = plain()
    visit_id: Mapped[UUID | None] = plain()
    link_hash: Mapped[bytes] = plain(LargeBinary, unique=True)
    link: Mapped[bytes] = phi(LargeBinary)
    attempts: Mapped[int] = plain(server_default=text("0"))
    locked_until: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint(f"mode IN ({_words(OfferMode)})", name="mode"),
        CheckConstraint(f"state IN ({_words(OfferState)})", name="state"),
        CheckConstraint("starts_at < ends_at", name="times"),
        Index("uq_waitlist_offer_open", "entry_id", unique=True, postgresql_where=text("state = 'open'")),
        Index("ix_waitlist_offer_expires_at", "expires_at", postgresql_where=text("state = 'open'")),
        Index("ix_waitlist_offer_clinician_id_starts_at", "clinician_id", "starts_at"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_waitlist_offer_open": AlreadyOffered,
    "uq_waitlist_entry_visit": AlreadyListed,
}
