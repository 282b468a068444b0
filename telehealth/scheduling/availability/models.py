"""Tables of resources and of all that opens and closes them. Private to this package."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Date, ForeignKey, Sequence, String, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, pii, plain

VERSIONS = Sequence("resource_version", metadata=Table.metadata)
NONE, ONE, WHOLE, ZERO = text("'{}'"), text("1"), text("100"), text("0")


class ResourceRow(Table):
    """A clinician (the ids are the same), an interpreter, a room.

    `version` is drawn anew from one sequence with every change of the row or of what hangs on it, so that a value that
    was rolled back never comes again. `revision` counts publications of hours. `verified_until` is set for those whose
    busy time comes from elsewhere.
    """

    __tablename__ = "resource"

    id: Mapped[UUID] = plain(primary_key=True)
    clinician_id: Mapped[UUID | None] = plain(ForeignKey("clinician.id"))
    kind: Mapped[str] = plain()
    name: Mapped[str] = pii()
    time_zone: Mapped[str] = plain()
    version: Mapped[int] = plain(BigInteger)
    revision: Mapped[int] = plain(server_default=ZERO)
    capacity: Mapped[int] = plain(server_default=ONE)
    pools: Mapped[list[str]] = plain(ARRAY(String), server_default=NONE)
    skills: Mapped[list[str]] = plain(ARRAY(String), server_default=NONE)
    published_at: Mapped[datetime] = plain()
    retired_at: Mapped[datetime | None] = plain()
    verified_until: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("(kind = 'clinician') = (clinician_id IS NOT NULL)", name="clinician"),
        CheckConstraint("clinician_id = id", name="same_id"),
        CheckConstraint("capacity > 0", name="capacity"),
    )


class AvailabilityRuleRow(Table):
    """One weekly window: ISO weekday, minutes since local midnight, the end up to 2880; see rules.Rule."""

    __tablename__ = "availability_rule"

    id: Mapped[UUID] = plain(primary_key=True)
    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"), index=True)
    weekday: Mapped[int] = plain()
    start_minute: Mapped[int] = plain()
    end_minute: Mapped[int] = plain()
    valid_from: Mapped[date | None] = plain()
    valid_to: Mapped[date | None] = plain()
    only_types: Mapped[list[UUID]] = plain(ARRAY(Uuid), server_default=NONE)
    release_before: Mapped[int | None] = plain()
    staffing: Mapped[int] = plain(server_default=WHOLE)

    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("0 <= start_minute AND start_minute < end_minute AND end_minute <= 2880", name="window"),
        CheckConstraint("valid_from <= valid_to", name="validity"),
        CheckConstraint("release_before >= 0", name="release_before"),
        CheckConstraint("staffing > 0", name="staffing"),
    )


class OverrideRow(Table):
    """The hours of one date: `windows` is a list of [start, end] in minutes since that midnight."""

    __tablename__ = "availability_override"

    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"), primary_key=True)
    day: Mapped[date] = plain(primary_key=True)
    windows: Mapped[list[Any]] = plain(JSONB)


class TimeOffRow(Table):
    """Minutes since the epoch, or local dates with both ends included."""

    __tablename__ = "time_off"

    id: Mapped[UUID] = plain(primary_key=True)
    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"), index=True)
    s: Mapped[int | None] = plain()
    e: Mapped[int | None] = plain()
    first: Mapped[date | None] = plain()
    last: Mapped[date | None] = plain()
    only_types: Mapped[list[UUID]] = plain(ARRAY(Uuid), server_default=NONE)
    reason: Mapped[str] = pii()

    __table_args__ = (
        CheckConstraint("s < e", name="span"),
        CheckConstraint("first <= last", name="dates"),
        CheckConstraint(
            "num_nonnulls(s, e) = 2 AND num_nonnulls(first, last) = 0 "
            "OR num_nonnulls(s, e) = 0 AND num_nonnulls(first, last) = 2",
            name="one_of_two",
        ),
    )


class TravelRow(Table):
    __tablename__ = "travel"

    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"), primary_key=True)
    first: Mapped[date] = plain(primary_key=True)
    last: Mapped[date] = plain()
    time_zone: Mapped[str] = plain()

    __table_args__ = (CheckConstraint("first <= last", name="dates"),)


class HolidayCalendarRow(Table):
    """`everyone`: the whole organisation's; else it counts for the resources it is attached to."""

    __tablename__ = "holiday_calendar"

    id: Mapped[UUID] = plain(primary_key=True)
    name: Mapped[str] = plain()
    everyone: Mapped[bool] = plain()
    revision: Mapped[int] = plain()
    days: Mapped[list[date]] = plain(ARRAY(Date))


class ResourceHolidayCalendarRow(Table):
    __tablename__ = "resource_holiday_calendar"

    resource_id: Mapped[UUID] = plain(ForeignKey("resource.id"), primary_key=True)
    calendar_id: Mapped[UUID] = plain(
        ForeignKey("holiday_calendar.id", ondelete="CASCADE"), primary_key=True, index=True
    )
