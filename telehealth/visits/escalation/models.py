"""Tables of alerts: what stands open, who was told of it and when, and the rules of this clinic."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, phi, pii, plain
from telehealth.visits.escalation.rules import AlertKind, Audience, Closing, Way

KINDS = ", ".join(f"'{kind}'" for kind in AlertKind)
AUDIENCES = ", ".join(f"'{audience}'" for audience in Audience)
WAYS = ", ".join(f"'{way}'" for way in Way)
CLOSINGS = ", ".join(f"'{closing}'" for closing in Closing)
OPEN = "closed_at IS NULL"
TAKEN_ON = "closed_at IS NULL AND acknowledged_at IS NOT NULL"
OPEN_OF_THE_HOUSE = "closed_at IS NULL AND kind = 'house'"
ONE_SUBJECT = "num_nonnulls(visit_id, queue_entry_id) = CASE kind WHEN 'house' THEN 0 ELSE 1 END"
UNHEARD = "closed_at IS NULL AND acknowledged_at IS NULL AND next_at IS NOT NULL"


class AlertRow(Table):
    """At most one of a kind is open for a visit, a queue entry, or the house, which has no patient but a number of
    visits `affected`. `next_at` is null at the top of the ladder; its rungs count from `since`, or from `resumed_from`
    once it was raised again.
    """

    __tablename__ = "alert"

    id: Mapped[UUID] = plain(primary_key=True)
    kind: Mapped[str] = plain()
    visit_id: Mapped[UUID | None] = plain(ForeignKey("visit.id"), index=True)
    queue_entry_id: Mapped[UUID | None] = plain()
    patient_id: Mapped[UUID | None] = phi(ForeignKey("patient.id"))
    affected: Mapped[int | None] = plain()
    place: Mapped[str | None] = phi()
    faults: Mapped[list[str]] = plain(ARRAY(String), server_default=text("'{}'"))
    since: Mapped[datetime] = phi()
    raised_at: Mapped[datetime] = plain()
    resumed_from: Mapped[datetime | None] = plain()
    step: Mapped[int] = plain(server_default=text("0"))
    next_at: Mapped[datetime | None] = plain()
    acknowledged_at: Mapped[datetime | None] = plain()
    acknowledged_by: Mapped[UUID | None] = plain()
    closed_at: Mapped[datetime | None] = plain()
    closing: Mapped[str | None] = plain()

    __table_args__ = (
        CheckConstraint(f"kind IN ({KINDS})", name="kind"),
        CheckConstraint(ONE_SUBJECT, name="one_subject"),
        CheckConstraint("(patient_id IS NULL) = (kind = 'house')", name="patient"),
        CheckConstraint("(affected IS NULL) = (kind <> 'house')", name="affected"),
        CheckConstraint("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)", name="acknowledged"),
        CheckConstraint(f"closing IN ({CLOSINGS})", name="closing"),
        CheckConstraint("(closed_at IS NULL) = (closing IS NULL)", name="closed"),
        Index("uq_alert_visit_id_open", "visit_id", "kind", unique=True, postgresql_where=text(OPEN)),
        Index("uq_alert_queue_entry_id_open", "queue_entry_id", "kind", unique=True, postgresql_where=text(OPEN)),
        Index("uq_alert_kind_open", "kind", unique=True, postgresql_where=text(OPEN_OF_THE_HOUSE)),
        Index("ix_alert_acknowledged_at", "acknowledged_at", postgresql_where=text(TAKEN_ON)),
        Index("ix_alert_next_at", "next_at", postgresql_where=text(UNHEARD)),
    )


class AlertStepRow(Table):
    """Append-only: who was told by which rung. No recipient: the boards, or there was nobody to tell. `had_by` had
    taken the alert on and not ended it: it was raised again.
    """

    __tablename__ = "alert_step"

    alert_id: Mapped[UUID] = plain(ForeignKey("alert.id"), primary_key=True)
    rung: Mapped[int] = plain(primary_key=True, autoincrement=False)
    number: Mapped[int] = plain(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = plain()
    whom: Mapped[str] = plain()
    way: Mapped[str] = plain()
    role: Mapped[str | None] = plain()
    recipient_id: Mapped[UUID | None] = plain()
    address: Mapped[str | None] = pii()
    had_by: Mapped[UUID | None] = plain()

    __table_args__ = (
        CheckConstraint(f"whom IN ({AUDIENCES})", name="whom"),
        CheckConstraint(f"way IN ({WAYS})", name="way"),
        CheckConstraint("(role IS NULL) = (recipient_id IS NULL)", name="recipient"),
        Index("ix_alert_step_recipient_id", "recipient_id"),
    )


class EscalationRuleRow(Table):
    """One rung of the ladder of one kind of alert. A kind without rows goes by the defaults."""

    __tablename__ = "escalation_rule"

    kind: Mapped[str] = plain(primary_key=True)
    rung: Mapped[int] = plain(primary_key=True, autoincrement=False)
    after: Mapped[int] = plain()
    whom: Mapped[str] = plain()
    address: Mapped[str | None] = pii()

    __table_args__ = (
        CheckConstraint(f"kind IN ({KINDS})", name="kind"),
        CheckConstraint(f"whom IN ({AUDIENCES})", name="whom"),
        CheckConstraint("after >= 0", name="after"),
        CheckConstraint("address IS NULL OR whom = 'coordinator'", name="address"),
    )


class EscalationReopeningRow(Table):
    """After how many seconds an alert that was taken on is raised again. A kind without a row goes by the defaults."""

    __tablename__ = "escalation_reopening"

    kind: Mapped[str] = plain(primary_key=True)
    after: Mapped[int] = plain()

    __table_args__ = (
        CheckConstraint(f"kind IN ({KINDS})", name="kind"),
        CheckConstraint("after > 0", name="after"),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {}
