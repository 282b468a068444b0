"""Tables of visit types and of busy time. `occupancy` is the one truth; its exclusion constraint is the last word."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, literal_column, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, plain
from telehealth.scheduling.booking.rules import SlotTaken, VisitTypeKnown

TAKEN = "ex_occupancy_taken"


class VisitTypeRow(Table):
    """Durations are minutes; see rules.VisitType. `roles` is a list of {kind, pool, skill, count}."""

    __tablename__ = "visit_type"

    id: Mapped[UUID] = plain(primary_key=True)
    code: Mapped[str] = plain(unique=True)
    name: Mapped[str] = plain()
    minutes: Mapped[int] = plain()
    buffer_before: Mapped[int] = plain()
    buffer_after: Mapped[int] = plain()
    buffers_inside_hours: Mapped[bool] = plain(server_default=text("false"))
    grid: Mapped[int] = plain()
    grid_offset: Mapped[int] = plain()
    grid_tz: Mapped[str] = plain(server_default=text("''"))
    notice: Mapped[int] = plain()
    horizon_days: Mapped[int] = plain()
    opens_before: Mapped[int] = plain()
    closes_after: Mapped[int] = plain()
    cap_per_day: Mapped[int] = plain(server_default=text("0"))
    cap_per_week: Mapped[int] = plain(server_default=text("0"))
    seats: Mapped[int] = plain(server_default=text("1"))
    modality: Mapped[str] = plain(server_default=text("'video'"))
    roles: Mapped[list[dict[str, Any]]] = plain(JSONB(), server_default=text("'[]'"))
    first_of_day_only: Mapped[bool] = plain(server_default=text("false"))
    needs_licence: Mapped[bool] = plain(server_default=text("false"))
    overbook_limit: Mapped[int] = plain(server_default=text("0"))
    overbook_threshold: Mapped[int] = plain(server_default=text("80"))
    grace: Mapped[int] = plain(server_default=text("5"))
    patient_no_show_after: Mapped[int] = plain(server_default=text("15"))
    provider_no_show_after: Mapped[int] = plain(server_default=text("30"))
    no_show_automatic: Mapped[bool] = plain(server_default=text("false"))
    reminders: Mapped[list[int]] = plain(JSONB(), server_default=text("'[1440, 60, 10]'"))
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("grace > 0 AND patient_no_show_after > 0 AND provider_no_show_after > 0", name="patience"),
        CheckConstraint("minutes > 0 AND grid > 0 AND grid_offset >= 0 AND grid_offset < grid", name="grid"),
        CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name="buffers"),
        CheckConstraint("cap_per_day >= 0 AND cap_per_week >= 0 AND seats > 0", name="counts"),
        CheckConstraint("overbook_limit >= 0 AND overbook_threshold > 0", name="overbooking"),
    )


class OccupancyRow(Table):
    """[s, e) minutes since the epoch, buffers included, one row for each resource of an owner.

    The owner is a visit, a hold, an offer, a group session or a feed. `role` says what the resource is to it: host (the
    clinician), resource, patient, or seat (of the group session that is the resource then). Layers below the capacity
    are ordinary, 100 and above are visits booked over others, 500 and above what a patient is offered beside the visit
    they would give up for it, 1000 and above outside calendars. `visit_start` is when the visit itself begins; `risk`
    is the chance in percent that nobody comes.
    """

    __tablename__ = "occupancy"

    id: Mapped[UUID] = plain(primary_key=True)
    resource_id: Mapped[UUID] = plain()
    s: Mapped[int] = plain()
    e: Mapped[int] = plain()
    kind: Mapped[str] = plain()
    owner_id: Mapped[UUID] = plain(index=True)
    role: Mapped[str] = plain(server_default=text("'resource'"))
    layer: Mapped[int] = plain(server_default=text("0"))
    state: Mapped[str] = plain(server_default=text("'active'"))
    expires_at: Mapped[datetime | None] = plain()
    visit_type_id: Mapped[UUID | None] = plain()
    visit_start: Mapped[int | None] = plain()
    taken_by: Mapped[UUID | None] = plain()
    risk: Mapped[int] = plain(server_default=text("0"))

    __table_args__ = (
        CheckConstraint("s < e", name="span"),
        CheckConstraint("kind IN ('hold', 'offer', 'visit', 'block', 'external')", name="kind"),
        CheckConstraint("role IN ('host', 'resource', 'patient', 'seat')", name="role"),
        CheckConstraint("state IN ('active', 'released')", name="state"),
        CheckConstraint("risk BETWEEN 0 AND 100", name="risk"),
        ExcludeConstraint(
            (literal_column("resource_id"), "="),
            (literal_column("layer"), "="),
            (func.int4range(literal_column("s"), literal_column("e")), "&&"),
            name=TAKEN,
            using="gist",
            where=text("state = 'active'"),
        ),
        Index("ix_occupancy_resource_id_s", "resource_id", "s", postgresql_where=text("state = 'active'")),
        Index("ix_occupancy_expires_at", "expires_at", postgresql_where=text("state = 'active'")),
        Index("ix_occupancy_released", "e", postgresql_where=text("state = 'released'")),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {TAKEN: SlotTaken, "uq_visit_type_code": VisitTypeKnown}
