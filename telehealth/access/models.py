"""Tables of access. Private to this package. Of a secret of 256 random bits only its SHA-256 is stored."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped

from telehealth.access.rules import EmailTaken
from telehealth.core.errors import NotFound, Refusal
from telehealth.db.tables import Table, pii, plain


class AccountRow(Table):
    """A member of staff. `person_id` is the clinician behind it, and null for the other roles."""

    __tablename__ = "account"

    id: Mapped[UUID] = plain(primary_key=True)
    email: Mapped[str] = pii()
    password: Mapped[str] = pii()
    role: Mapped[str] = plain()
    person_id: Mapped[UUID | None] = plain(ForeignKey("clinician.id"))
    created_at: Mapped[datetime] = plain()
    disabled_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint("role IN ('clinician', 'front_desk', 'admin')", name="staff_role"),
        CheckConstraint("(role = 'clinician') = (person_id IS NOT NULL)", name="person_of_clinician"),
    )


class SignInTryRow(Table):
    """Tries for one address, known or not: a wait tells nobody whether there is such an account.

    `address` is the SHA-256 of the email.
    """

    __tablename__ = "sign_in_try"

    address: Mapped[bytes] = pii(LargeBinary, primary_key=True)
    tries: Mapped[int] = plain()
    last_at: Mapped[datetime] = plain(index=True)
    wait_until: Mapped[datetime] = plain()


class SessionRow(Table):
    """A browser that is signed in: staff by an account, or a guest by a personal link, bound to one visit.

    A guest's `person_id` is the patient they act as or for; a companion has none.
    """

    __tablename__ = "session"

    id: Mapped[UUID] = plain(primary_key=True)
    secret: Mapped[bytes] = plain(LargeBinary)
    account_id: Mapped[UUID | None] = plain(ForeignKey("account.id"), index=True)
    participant_id: Mapped[UUID | None] = plain(index=True)
    visit_id: Mapped[UUID | None] = plain(index=True)
    person_id: Mapped[UUID | None] = plain()
    opened_at: Mapped[datetime] = plain()
    ends_at: Mapped[datetime] = plain(index=True)

    __table_args__ = (
        UniqueConstraint("secret"),
        CheckConstraint("num_nonnulls(account_id, participant_id) = 1", name="one_holder"),
        CheckConstraint("(participant_id IS NULL) = (visit_id IS NULL)", name="guest_of_one_visit"),
    )


class IntegrationRow(Table):
    """A client of SMART Backend Services; its `id` is the client id, `jwks` its public keys (RFC 7517)."""

    __tablename__ = "integration"

    id: Mapped[UUID] = plain(primary_key=True)
    name: Mapped[str] = plain()
    scopes: Mapped[list[str]] = plain(ARRAY(String))
    jwks: Mapped[dict[str, Any]] = plain()
    added_by: Mapped[UUID | None] = plain(ForeignKey("account.id"))
    added_at: Mapped[datetime] = plain()
    disabled_at: Mapped[datetime | None] = plain()


class AccessTokenRow(Table):
    __tablename__ = "access_token"

    id: Mapped[UUID] = plain(primary_key=True)
    secret: Mapped[bytes] = plain(LargeBinary)
    integration_id: Mapped[UUID] = plain(ForeignKey("integration.id"), index=True)
    scopes: Mapped[list[str]] = plain(ARRAY(String))
    issued_at: Mapped[datetime] = plain()
    ends_at: Mapped[datetime] = plain(index=True)

    __table_args__ = (UniqueConstraint("secret"),)


class UsedAssertionRow(Table):
    """A client assertion that has been used: its `jti` is good for one token (RFC 7523, section 3, item 7)."""

    __tablename__ = "used_assertion"

    integration_id: Mapped[UUID] = plain(ForeignKey("integration.id"), primary_key=True)
    jti: Mapped[bytes] = plain(LargeBinary, primary_key=True)
    ends_at: Mapped[datetime] = plain(index=True)


class GrantRow(Table):
    """What an integration may use, for what, how long, and who said so."""

    __tablename__ = "access_grant"

    id: Mapped[UUID] = plain(primary_key=True)
    integration_id: Mapped[UUID] = plain(ForeignKey("integration.id"))
    purpose: Mapped[str] = plain()
    data_kinds: Mapped[list[str]] = plain(ARRAY(String))
    everyone: Mapped[bool] = plain()
    valid_from: Mapped[datetime] = plain()
    valid_until: Mapped[datetime] = plain()
    approved_by: Mapped[UUID] = plain(ForeignKey("account.id"))
    approved_at: Mapped[datetime] = plain()
    revoked_by: Mapped[UUID | None] = plain()
    revoked_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("valid_from < valid_until", name="valid_some_time"),
        Index("ix_access_grant_integration_id_valid_until", "integration_id", "valid_until"),
    )


class GrantedPatientRow(Table):
    __tablename__ = "access_grant_patient"

    grant_id: Mapped[UUID] = plain(ForeignKey("access_grant.id"), primary_key=True)
    patient_id: Mapped[UUID] = plain(ForeignKey("patient.id"), primary_key=True)


CONFLICTS: dict[str, type[Refusal]] = {
    "uq_account_email": EmailTaken,
    "fk_account_person_id": NotFound,
    "fk_access_grant_patient_patient_id": NotFound,
}
