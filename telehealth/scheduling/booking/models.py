"""Tables of visit types and of busy time. `occupancy` is the one truth; its exclusion constraint is the last word."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, literal_column, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped

from telehealth.core.errors import Refusal
from telehealth.db.tables import Table, plain
from telehealth.scheduling.booking.rules import SlotTaken


class VisitTypeRow(Table):
    """Durations are minutes; see rules.VisitType."""

    __tablename__ = "visit_type"

    id: Mapped[UUID] = plain(primary_key=True)
    code: Mapped[str] = plain(unique=True)
    name: Mapped[str] = plain()
    minutes: Mapped[int] = plain()
    buffer_before: Mapped[int] = plain()
    buffer_after: Mapped[int] = plain()
    grid: Mapped[int] = plain()
    grid_offset: Mapped[int] = plain()
    notice: Mapped[int] = plain()
    horizon_days: Mapped[int] = plain()
    opens_before: Mapped[int] = plain()
    closes_after: Mapped[int] = plain()
    retired_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("minutes > 0 AND grid > 0 AND grid_offset >= 0 AND grid_offset < grid", name="grid"),
        CheckConstraint("buffer_before >= 0 AND buffer_after >= 0", name="buffers"),
    )


class OccupancyRow(Table):
    """[s, e) minutes since the epoch, buffers included: one row for each resource (clinician, patient) of an owner."""

    __tablename__ = "occupancy"

    id: Mapped[UUID] = plain(primary_key=True)
    resource_id: Mapped[UUID] = plain()
    s: Mapped[int] = plain()
    e: Mapped[int] = plain()
    kind: Mapped[str] = plain()
    owner_id: Mapped[UUID] = plain(index=True)
    layer: Mapped[int] = plain(server_default=text("0"))
    state: Mapped[str] = plain(server_default=text("'active'"))
    expires_at: Mapped[datetime | None] = plain()

    __table_args__ = (
        CheckConstraint("s < e", name="span"),
        CheckConstraint("kind IN ('hold', 'visit', 'block', 'external')", name="kind"),
        CheckConstraint("state IN ('active', 'released')", name="state"),
        ExcludeConstraint(
            (literal_column("resource_id"), "="),
            (literal_column("layer"), "="),
            (func.int4range(literal_column("s"), literal_column("e")), "&&"),
            name="ex_occupancy_taken",
            using="gist",
            where=text("state = 'active'"),
        ),
        Index("ix_occupancy_resource_id_s", "resource_id", "s", postgresql_where=text("state = 'active'")),
    )


CONFLICTS: Mapping[str, type[Refusal]] = {"ex_occupancy_taken": SlotTaken}
