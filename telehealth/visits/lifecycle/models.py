"""Tables of visits. The visit row is what the history in `visit_event` leads to; it has no other way to change."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped

from telehealth.db.tables import Table, phi, pii, plain
from telehealth.visits.lifecycle.deadlines import Deadline, Outcome
from telehealth.visits.lifecycle.histories import steps_as_sql
from telehealth.visits.lifecycle.parts import ParticipantState
from telehealth.visits.lifecycle.parts import steps_as_sql as parts_as_sql
from telehealth.visits.lifecycle.rules import UNFINISHED, VisitStatus

STATUSES = ", ".join(f"'{status}'" for status in VisitStatus)
OPEN_STATUSES = ", ".join(f"'{status}'" for status in VisitStatus if status in UNFINISHED)
DEADLINES = ", ".join(f"'{deadline}'" for deadline in Deadline)
OUTCOMES = ", ".join(f"'{outcome}'" for outcome in Outcome)
PARTS = ", ".join(f"'{state}'" for state in ParticipantState)
STILL_OPEN = "settled_at IS NULL"


class VisitRow(Table):
    """`local_start` is the clock time that was meant, in `time_zone` by the rules of `tzdata`.

    `team` are the clinicians any of whom would do, null when it had to be this one, empty when anyone would.
    `override` is why staff set the rules aside, sealed.
    """

    __tablename__ = "visit"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"))
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    visit_type: Mapped[str] = phi()
    status: Mapped[str] = phi()
    starts_at: Mapped[datetime] = phi()
    ends_at: Mapped[datetime] = phi()
    opens_at: Mapped[datetime] = phi()
    closes_at: Mapped[datetime] = phi()
    time_zone: Mapped[str] = plain()
    revision: Mapped[int] = plain()
    created_at: Mapped[datetime] = plain()
    changed_at: Mapped[datetime] = plain()
    check: Mapped[str | None] = plain()
    waiting_since: Mapped[datetime | None] = phi()
    started_at: Mapped[datetime | None] = phi()
    ended_at: Mapped[datetime | None] = phi()
    location: Mapped[str | None] = pii()
    location_attested_at: Mapped[datetime | None] = phi()
    licensed_there: Mapped[bool | None] = plain()
    planned_location: Mapped[str | None] = pii()
    local_start: Mapped[str] = phi()
    tzdata: Mapped[str] = plain()
    team: Mapped[list[UUID] | None] = plain(ARRAY(Uuid))
    also: Mapped[list[UUID]] = plain(ARRAY(Uuid), server_default=text("'{}'"))
    overbooked: Mapped[bool] = plain(server_default=text("false"))
    override: Mapped[bytes | None] = phi(LargeBinary)
    series_id: Mapped[UUID | None] = plain(ForeignKey("series.id"))
    occurrence: Mapped[int | None] = plain()
    waived_location: Mapped[str | None] = pii()
    away_since: Mapped[datetime | None] = phi()
    grace: Mapped[int] = plain(server_default=text("5"))
    patient_no_show_after: Mapped[int] = plain(server_default=text("15"))
    provider_no_show_after: Mapped[int] = plain(server_default=text("30"))
    no_show_automatic: Mapped[bool] = plain(server_default=text("false"))

    __table_args__ = (
        CheckConstraint("(location IS NULL) = (location_attested_at IS NULL)", name="location"),
        CheckConstraint(f"status IN ({STATUSES})", name="status"),
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("(series_id IS NULL) = (occurrence IS NULL)", name="series"),
        UniqueConstraint("series_id", "occurrence"),
        Index("ix_visit_clinician_id_starts_at", "clinician_id", "starts_at"),
        Index("ix_visit_patient_id_starts_at", "patient_id", "starts_at"),
        Index("ix_visit_starts_at", "starts_at"),
        Index("ix_visit_changed_at", "changed_at", "id"),
        Index("ix_visit_status_unfinished", "status", postgresql_where=text(f"status IN ({OPEN_STATUSES})")),
    )


class DeviceCheckRow(Table):
    """What the patient's page found out about their devices and their network, as `CheckReport` says it."""

    __tablename__ = "device_check"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), index=True)
    at: Mapped[datetime] = plain()
    verdict: Mapped[str] = plain()
    report: Mapped[dict[str, Any]] = plain(JSONB)


class SeriesRow(Table):
    """Visits that repeat: what was agreed. Which of them there are, the visits say."""

    __tablename__ = "series"

    id: Mapped[UUID] = plain(primary_key=True)
    patient_id: Mapped[UUID] = phi(ForeignKey("patient.id"), index=True)
    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"))
    visit_type_id: Mapped[UUID] = plain(ForeignKey("visit_type.id"))
    rrule: Mapped[str] = phi()
    time_zone: Mapped[str] = plain()
    local_start: Mapped[str] = phi()
    policy: Mapped[str] = plain()
    revision: Mapped[int] = plain()
    created_at: Mapped[datetime] = plain()
    changed_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint("policy IN ('atomic', 'skip')", name="policy"),)


class VisitEventRow(Table):
    """Append-only: who gave which command, for what, and what it changed. `seq` is the revision it made.

    `changes` are the columns of the visit it wrote, as JSON (histories.written); sealed columns are sealed there too.
    """

    __tablename__ = "visit_event"

    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), primary_key=True)
    seq: Mapped[int] = plain(primary_key=True)
    at: Mapped[datetime] = plain()
    command: Mapped[str] = plain()
    actor_id: Mapped[UUID | None] = plain()
    role: Mapped[str] = plain()
    purpose: Mapped[str] = plain()
    cause: Mapped[str] = plain()
    before: Mapped[str | None] = phi()
    after: Mapped[str] = phi()
    changes: Mapped[dict[str, Any]] = phi(server_default=text("'{}'"))

    __table_args__ = (CheckConstraint(steps_as_sql(), name="step"),)


class TimerRow(Table):
    """Something that happens to a visit by itself (deadlines.Deadline). At most one of a kind is open for a visit.

    `tries` counts how often it failed; one that goes on failing is tried less and less often.
    """

    __tablename__ = "timer"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    kind: Mapped[str] = plain()
    due_at: Mapped[datetime] = plain()
    tries: Mapped[int] = plain(server_default=text("0"))
    settled_at: Mapped[datetime | None] = plain()
    outcome: Mapped[str | None] = plain()

    __table_args__ = (
        CheckConstraint(f"kind IN ({DEADLINES})", name="kind"),
        CheckConstraint(f"outcome IN ({OUTCOMES})", name="outcome"),
        CheckConstraint("(settled_at IS NULL) = (outcome IS NULL)", name="settled"),
        Index("uq_timer_visit_id_kind_open", "visit_id", "kind", unique=True, postgresql_where=text(STILL_OPEN)),
        Index("ix_timer_due_at_open", "due_at", postgresql_where=text(STILL_OPEN)),
    )


class OpenDoorsRow(Table):
    """One row: since when pages can be opened without a pause, and until when that is known."""

    __tablename__ = "open_doors"

    id: Mapped[int] = plain(primary_key=True, autoincrement=False)
    open_since: Mapped[datetime] = plain()
    seen_open_at: Mapped[datetime] = plain()

    __table_args__ = (CheckConstraint("id = 1", name="only_one"),)


class ClinicianPresenceRow(Table):
    """When a clinician last had a page of theirs open."""

    __tablename__ = "clinician_presence"

    clinician_id: Mapped[UUID] = plain(ForeignKey("clinician.id"), primary_key=True)
    seen_at: Mapped[datetime] = plain()


class ParticipantRow(Table):
    """Who takes part in a visit; kept here because it decides who may see one. `guests` alone writes how far they are.

    The personal link is kept twice: hashed, to find it; sealed, so that the invitation can carry it. `role` is the kind
    of participant, `person_id` the patient, the clinician or who acts for the patient; others have a name alone.
    `since` is when `state` was reached, `revoked_at` is set for whoever is out. `reads_until` is set where there is
    something to read after the visit: until then the link leads there.
    """

    __tablename__ = "participant"

    id: Mapped[UUID] = plain(primary_key=True)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"))
    role: Mapped[str] = plain()
    person_id: Mapped[UUID | None] = phi()
    created_at: Mapped[datetime] = plain()
    state: Mapped[str] = plain(server_default=text("'invited'"))
    since: Mapped[datetime] = plain(server_default=text("now()"))
    name: Mapped[str | None] = pii()
    email: Mapped[str | None] = pii()
    phone: Mapped[bytes | None] = pii(LargeBinary)
    language: Mapped[str] = pii(server_default=text("'en'"))
    invited_as: Mapped[str] = plain(server_default=text("'system'"))
    link_hash: Mapped[bytes | None] = plain(LargeBinary, unique=True)
    link: Mapped[bytes | None] = phi(LargeBinary)
    attempts: Mapped[int] = plain(server_default=text("0"))
    locked_until: Mapped[datetime | None] = plain()
    verified_at: Mapped[datetime | None] = plain()
    reads_until: Mapped[datetime | None] = plain()
    revoked_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        UniqueConstraint("visit_id", "role", "person_id"),
        CheckConstraint("num_nonnulls(person_id, name) >= 1", name="somebody"),
        CheckConstraint(f"state IN ({PARTS})", name="state"),
        Index("ix_participant_person_id", "person_id"),
    )


class ParticipantEventRow(Table):
    """Append-only: what happened to somebody who takes part, who did it, when. `seq` counts from 1 for each of them.

    A step may leave the state as it was. `actor_id` is an account or a participant, null for the house itself and for
    who held the link at the identity step.
    """

    __tablename__ = "participant_event"

    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id"), primary_key=True)
    seq: Mapped[int] = plain(primary_key=True, autoincrement=False)
    visit_id: Mapped[UUID] = plain(ForeignKey("visit.id"), index=True)
    at: Mapped[datetime] = plain()
    step: Mapped[str] = plain()
    actor_id: Mapped[UUID | None] = plain()
    role: Mapped[str] = plain()
    purpose: Mapped[str] = plain()
    before: Mapped[str | None] = plain()
    after: Mapped[str] = plain()

    __table_args__ = (CheckConstraint(parts_as_sql(), name="step"),)


class PresenceRow(Table):
    """Until when a participant counts as being on the page of their visit. A killed process shows by age."""

    __tablename__ = "presence"

    participant_id: Mapped[UUID] = plain(ForeignKey("participant.id", ondelete="CASCADE"), primary_key=True)
    seen_until: Mapped[datetime] = phi()
