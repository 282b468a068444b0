"""The audit log: who used which data, for what, with what outcome. Append-only, in the same transaction as the use."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, plain


class AuditRow(Table):
    """One use of data, in the words of FHIR AuditEvent: agent, action, entity, purpose of event, outcome."""

    __tablename__ = "audit_event"

    position: Mapped[int] = plain(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = plain()
    actor_id: Mapped[UUID | None] = plain()
    role: Mapped[str] = plain()
    action: Mapped[str] = plain()
    entity: Mapped[str] = plain()
    entity_id: Mapped[UUID | None] = plain()
    patient_id: Mapped[UUID | None] = plain()
    purpose: Mapped[str] = plain()
    outcome: Mapped[str] = plain()
    request_id: Mapped[str | None] = plain()

    __table_args__ = (
        Index("ix_audit_event_patient_id_at", "patient_id", "at"),
        Index("ix_audit_event_actor_id_at", "actor_id", "at"),
    )
