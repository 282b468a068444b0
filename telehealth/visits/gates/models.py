"""Tables of what stands before a visit: texts and who agreed to them, questions and answers, what staff waived."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, pii, plain
from telehealth.visits.gates.rules import Gate, PublishedMeanwhile

IN_FORCE = "retired_at IS NULL"
GATES = ", ".join(f"'{gate}'" for gate in Gate)


class ConsentTextRow(Table):
    """One version of a text, in its languages; of a kind and a jurisdiction, null meaning all, one is in force."""

    __tablename__ = "consent_text"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_type_id: Mapped[UUID | None] = plain(ForeignKey("visit_type.id"))
    jurisdiction: Mapped[str | None] = plain()
    version: Mapped[int] = plain()
    texts: Mapped[dict[str, Any]] = plain()
    published_at: Mapped[datetime] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("visit_type_id", "jurisdiction", "version", postgresql_nulls_not_distinct=True),
        Index(
            "uq_consent_text_in_force",
            "visit_type_id",
            "jurisdiction",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text(IN_FORCE),
        ),
    )


class ConsentRow(Table):
    """A patient, or who may speak for them, agreed to that text in that language. Append-only.

    `number` counts from 1: who withdrew may agree again.
    """

    __tablename__ = "consent"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = phi(ForeignKey("visit.id"))
    consent_text_id: Mapped[UUID] = plain(ForeignKey("consent_text.id"))
    participant_id: Mapped[UUID] = pii(ForeignKey("participant.id"))
    language: Mapped[str] = pii()
    agreed_at: Mapped[datetime] = plain()
    number: Mapped[int] = plain(server_default=text("1"))

    __table_args__ = (UniqueConstraint("visit_id", "consent_text_id", "number"),)


class WithdrawalRow(Table):
    """What had been agreed to was taken back, by the patient or who may speak for them. Append-only."""

    __tablename__ = "consent_withdrawal"

    consent_id: Mapped[UUID] = plain(ForeignKey("consent.id"), primary_key=True)
    visit_id: Mapped[UUID] = phi(ForeignKey("visit.id"), index=True)
    participant_id: Mapped[UUID] = pii(ForeignKey("participant.id"))
    withdrawn_at: Mapped[datetime] = plain()


class QuestionnaireRow(Table):
    """One version of the questions of a kind of visit, as a FHIR R4 Questionnaire; one is in force, or none."""

    __tablename__ = "questionnaire"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    version: Mapped[int] = plain()
    resource: Mapped[dict[str, Any]] = plain()
    published_at: Mapped[datetime] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("visit_type_id", "version"),
        Index("uq_questionnaire_in_force", "visit_type_id", unique=True, postgresql_where=text(IN_FORCE)),
    )


class ResponseRow(Table):
    """The answers of one visit, sealed JSON from linkId to answer. `revision` counts its saves from 1."""

    __tablename__ = "questionnaire_response"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = phi(ForeignKey("visit.id"), unique=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    questionnaire_id: Mapped[UUID] = phi(ForeignKey("questionnaire.id"))
    participant_id: Mapped[UUID] = pii(ForeignKey("participant.id"))
    answers: Mapped[bytes] = phi(LargeBinary)
    revision: Mapped[int] = plain()
    saved_at: Mapped[datetime] = plain()
    completed_at: Mapped[datetime | None] = plain()

    __table_args__ = (Index("ix_questionnaire_response_patient_id", "patient_id", "completed_at"),)


class WaiverRow(Table):
    """Staff let one gate of one visit stand open; `reason` is sealed."""

    __tablename__ = "gate_waiver"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = phi(ForeignKey("visit.id"))
    gate: Mapped[str] = plain()
    waived_at: Mapped[datetime] = plain()
    waived_by: Mapped[UUID | None] = plain()
    reason: Mapped[bytes] = phi(LargeBinary)

    __table_args__ = (
        CheckConstraint(f"gate IN ({GATES})", name="gate"),
        UniqueConstraint("visit_id", "gate"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {
    "uq_consent_text_in_force": PublishedMeanwhile,
    "uq_consent_text_visit_type_id_jurisdiction_version": PublishedMeanwhile,
    "uq_questionnaire_in_force": PublishedMeanwhile,
    "uq_questionnaire_visit_type_id_version": PublishedMeanwhile,
}
