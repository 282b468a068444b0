"""Tables of people. Private to this package."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, String, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, pii, plain
from telehealth.people.rules import PatientKnown, Relationship

RELATIONSHIPS = ", ".join(f"'{each}'" for each in Relationship)


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


class LicenceRow(Table):
    """A clinician may practise in a jurisdiction (ISO 3166-1 or 3166-2) on these inclusive local dates there."""

    __tablename__ = "licence"

    id: Mapped[UUID] = plain(primary_key=True)
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), index=True)
    jurisdiction: Mapped[str] = plain(index=True)
    first: Mapped[date | None] = plain()
    last: Mapped[date | None] = plain()
    added_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint("first <= last", name="dates"),)


class SupervisionRow(Table):
    """A trainee's notes are co-signed by any of their supervisors. Whoever has one is a trainee."""

    __tablename__ = "supervision"

    trainee_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True)
    supervisor_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True, index=True)
    since: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint("trainee_id <> supervisor_id", name="not_oneself"),)


class PatientLocationRow(Table):
    """Where a patient will be on these inclusive local dates, and who said so. `position` is the order of telling.

    A row is never changed but to withdraw it: what was attested, and when, is evidence for the licence of a visit.
    """

    __tablename__ = "patient_location"

    id: Mapped[UUID] = plain(primary_key=True)
    position: Mapped[int] = plain(BigInteger, Identity(always=True))
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    jurisdiction: Mapped[str] = pii()
    first: Mapped[date | None] = pii()
    last: Mapped[date | None] = pii()
    attested_at: Mapped[datetime] = plain()
    attested_by: Mapped[str] = plain()
    withdrawn_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("first <= last", name="dates"),
        Index(
            "ix_patient_location_patient_id", "patient_id", "position", postgresql_where=text("withdrawn_at IS NULL")
        ),
    )


class RelatedPersonRow(Table):
    """Who may act for a patient in [begins_at, ends_at). Ending it early moves the end; nothing is deleted."""

    __tablename__ = "related_person"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"), index=True)
    given: Mapped[str] = pii()
    family: Mapped[str] = pii()
    relationship: Mapped[str] = phi()
    email: Mapped[str | None] = pii()
    phone: Mapped[str | None] = pii()
    language: Mapped[str] = pii()
    may_join: Mapped[bool] = plain()
    may_book: Mapped[bool] = plain()
    begins_at: Mapped[datetime] = plain()
    ends_at: Mapped[datetime | None] = plain()
    added_at: Mapped[datetime] = plain()

    __table_args__ = (
        CheckConstraint(f"relationship IN ({RELATIONSHIPS})", name="relationship"),
        CheckConstraint("begins_at <= ends_at", name="times"),
    )


CONFLICTS = {"uq_patient_identifier": PatientKnown}
