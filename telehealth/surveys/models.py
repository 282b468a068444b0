"""Tables of surveys. Private to this package. What was answered is monitoring's; here are numbers without persons."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal, Stale
from telehealth.db.tables import Table, phi, plain
from telehealth.surveys.rules import MOST_MINUTES


class SurveyChoiceRow(Table):
    """What an administrator has chosen; the latest version holds. Without questions nobody is asked."""

    __tablename__ = "survey_choice"

    version: Mapped[int] = plain(primary_key=True, autoincrement=False)
    questionnaire: Mapped[str | None] = plain()
    minutes: Mapped[int] = plain()
    set_at: Mapped[datetime] = plain()
    set_by: Mapped[UUID | None] = plain()

    __table_args__ = (CheckConstraint(f"minutes BETWEEN 0 AND {MOST_MINUTES}", name="minutes"),)


class SurveyRow(Table):
    """Who is asked of which visit, once. `month` is that of the visit's end, where the clinic is."""

    __tablename__ = "survey"

    request_id: Mapped[UUID] = plain(ForeignKey("monitoring_request.id"), primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), unique=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    form_id: Mapped[UUID] = plain(ForeignKey("monitoring_form.id"))
    month: Mapped[date] = plain()
    due_at: Mapped[datetime] = plain()
    sent_at: Mapped[datetime | None] = plain()
    answered_at: Mapped[datetime | None] = plain()

    __table_args__ = (Index("ix_survey_patient_id", "patient_id", "due_at"), Index("ix_survey_month", "month"))


class SurveyTallyRow(Table):
    """The answers to one question in a group, counted. `shown_...` are as they were at the last fifth answer, so that
    no two views differ by the answer of one person.
    """

    __tablename__ = "survey_tally"

    form_id: Mapped[UUID] = plain(ForeignKey("monitoring_form.id"), primary_key=True)
    month: Mapped[date] = plain(primary_key=True)
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"), primary_key=True)
    link_id: Mapped[str] = plain(primary_key=True)
    answers: Mapped[int] = plain()
    total: Mapped[Decimal] = plain()
    shown_answers: Mapped[int] = plain(server_default=text("0"))
    shown_total: Mapped[Decimal] = plain(server_default=text("0"))


CONFLICTS: Mapping[str, type[Refusal]] = {"pk_survey_choice": Stale}
