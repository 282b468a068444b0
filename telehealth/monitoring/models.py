"""Tables of questions that patients answer from home. Private to this package."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, pii, plain


class FormRow(Table):
    """One version; of a code one is in force or none. `resource` is a FHIR R4 Questionnaire."""

    __tablename__ = "monitoring_form"

    id: Mapped[UUID] = plain(primary_key=True)
    code: Mapped[str] = plain()
    version: Mapped[int] = plain()
    resource: Mapped[dict[str, Any]] = plain(JSONB())
    thresholds: Mapped[list[dict[str, Any]]] = plain(JSONB())
    published_at: Mapped[datetime] = plain()
    published_by: Mapped[UUID | None] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("code", "version"),
        Index("uq_monitoring_form_in_force", "code", unique=True, postgresql_where=text("retired_at IS NULL")),
    )


class RequestRow(Table):
    """What a patient is asked to answer, or to do where there is no `form_id`; once for a task. What comes of no task
    says by itself until when (`ends_at`). The personal link is kept twice: hashed, to find it; sealed, so that the
    letter can carry it.
    """

    __tablename__ = "monitoring_request"

    id: Mapped[UUID] = plain(primary_key=True)
    task_id: Mapped[UUID | None] = plain(ForeignKey("follow_up_task.id"), unique=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), index=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    form_id: Mapped[UUID | None] = phi(ForeignKey("monitoring_form.id"))
    asked_at: Mapped[datetime] = plain()
    ends_at: Mapped[datetime | None] = plain()
    link_hash: Mapped[bytes] = plain(LargeBinary, unique=True)
    link: Mapped[bytes] = phi(LargeBinary)
    attempts: Mapped[int] = plain(server_default=text("0"))
    locked_until: Mapped[datetime | None] = plain()

    __table_args__ = (CheckConstraint("(task_id IS NULL) = (ends_at IS NOT NULL)", name="window"),)


class ResponseRow(Table):
    """The answers to one request, sealed JSON from linkId to answer. Append-only."""

    __tablename__ = "monitoring_response"

    id: Mapped[UUID] = plain(primary_key=True)
    request_id: Mapped[UUID] = plain(ForeignKey("monitoring_request.id"), unique=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    form_id: Mapped[UUID] = phi(ForeignKey("monitoring_form.id"))
    participant_id: Mapped[UUID | None] = pii(ForeignKey("participant.id"))
    answers: Mapped[bytes] = phi(LargeBinary)
    answered_at: Mapped[datetime] = plain()

    __table_args__ = (
        Index("ix_monitoring_response_answered_at", "answered_at", "id"),
        Index("ix_monitoring_response_patient_answered_at", "patient_id", "answered_at", "id"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_monitoring_form_code_version": Stale,
    "uq_monitoring_form_in_force": Stale,
}
