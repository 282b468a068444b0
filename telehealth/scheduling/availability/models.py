"""Tables of published hours."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, plain


class HoursRow(Table):
    """The zone in which a clinician's weekly hours are meant; `revision` counts publications."""

    __tablename__ = "hours"

    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True)
    time_zone: Mapped[str] = plain()
    revision: Mapped[int] = plain()
    published_at: Mapped[datetime] = plain()


class AvailabilityRuleRow(Table):
    """One weekly window: ISO weekday, minutes since local midnight, the end up to 2880."""

    __tablename__ = "availability_rule"

    id: Mapped[UUID] = plain(primary_key=True)
    clinician_id: Mapped[UUID] = plain(ForeignKey("hours.clinician_id"), index=True)
    weekday: Mapped[int] = plain()
    start_minute: Mapped[int] = plain()
    end_minute: Mapped[int] = plain()

    __table_args__ = (
        CheckConstraint("weekday BETWEEN 1 AND 7", name="weekday"),
        CheckConstraint("0 <= start_minute AND start_minute < end_minute AND end_minute <= 2880", name="window"),
    )
