"""Tables of people. Private to this package."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, pii, plain
from telehealth.people.rules import PatientKnown


class PatientRow(Table):
    __tablename__ = "patient"

    id: Mapped[UUID] = plain(primary_key=True)
    identifier: Mapped[str] = pii()
    given: Mapped[str] = pii()
    family: Mapped[str] = pii()
    birth_date: Mapped[date] = pii(index=True)
    language: Mapped[str] = pii()
    time_zone: Mapped[str] = pii()
    email: Mapped[str | None] = pii()
    phone: Mapped[str | None] = pii()
    registered_at: Mapped[datetime] = plain()

    __table_args__ = (UniqueConstraint("identifier"),)


class ClinicianRow(Table):
    __tablename__ = "clinician"

    id: Mapped[UUID] = plain(primary_key=True)
    given: Mapped[str] = pii()
    family: Mapped[str] = pii()
    prefix: Mapped[str] = pii()
    email: Mapped[str] = pii()
    time_zone: Mapped[str] = plain()
    languages: Mapped[list[str]] = plain(ARRAY(String))
    added_at: Mapped[datetime] = plain()


class ClinicRow(Table):
    """One row at most: this installation's institution."""

    __tablename__ = "clinic"

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    name: Mapped[str] = plain()
    phone: Mapped[str] = plain()
    time_zone: Mapped[str] = plain()

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)


CONFLICTS = {"uq_patient_identifier": PatientKnown}
