"""Tables of calendars: others' that are read, and the secret addresses of our own. Private to this package."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, pii, plain


class CalendarFeedRow(Table):
    """See rules.Feed. Whoever has the address reads the calendar, so it is sealed.

    `due_at` is when it is read next, `whole_at` when it was last sent whole, and `version` the resource's then: another
    version may mean another time zone.
    """

    __tablename__ = "calendar_feed"

    id: Mapped[UUID] = plain(primary_key=True)
    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"))
    no: Mapped[int] = plain()
    name: Mapped[str] = pii()
    host: Mapped[str] = pii()
    address: Mapped[bytes] = pii(LargeBinary())
    created_at: Mapped[datetime] = plain()
    due_at: Mapped[datetime] = plain()
    read_at: Mapped[datetime | None] = plain()
    good_at: Mapped[datetime | None] = plain()
    whole_at: Mapped[datetime | None] = plain()
    version: Mapped[int | None] = plain(BigInteger())
    etag: Mapped[str | None] = plain()
    modified: Mapped[str | None] = plain()
    fault: Mapped[str | None] = plain()
    failures: Mapped[int] = plain(server_default=text("0"))
    alerts: Mapped[list[dict[str, Any]]] = pii(JSONB(), server_default=text("'[]'"))

    __table_args__ = (
        UniqueConstraint("resource_id", "no"),
        CheckConstraint("no >= 0", name="no"),
        Index("ix_calendar_feed_due_at", "due_at"),
    )


class CalendarLinkRow(Table):
    """A clinician's own calendar, for whoever knows the secret: only its hash is kept."""

    __tablename__ = "calendar_link"

    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True)
    secret: Mapped[bytes] = plain(LargeBinary(), unique=True)
    created_at: Mapped[datetime] = plain()
