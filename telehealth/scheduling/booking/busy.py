"""Busy time as the database has it now: one range scan for everyone and everything that was asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, and_, any_, cast, func, or_, select
from sqlalchemy.orm import aliased

from telehealth.core.intervals import Interval
from telehealth.core.minutes import Pair
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import DAY
from telehealth.scheduling.booking.explain import Taken
from telehealth.scheduling.booking.models import OccupancyRow
from telehealth.scheduling.booking.rules import Asked, Minutes, VisitType


@dataclass(slots=True)
class Seen:
    """What one look at busy time found."""

    asked: Asked
    taken: dict[UUID, list[Taken]] = field(default_factory=dict)
    seats: dict[UUID, frozenset[int]] = field(default_factory=dict)
    own_holds: set[UUID] = field(default_factory=set)
    stale: bool = False

    def note(self, resource_id: UUID, row: Taken) -> None:
        if row.role == "seat":
            self.seats[resource_id] = self.seats.get(resource_id, frozenset()) | {row.layer}
        elif row.owner_id != self.asked.except_owner:
            self.taken.setdefault(resource_id, []).append(row)
            if row.kind == "hold" and resource_id == self.asked.patient_id and row.owner_id:
                self.own_holds.add(row.owner_id)

    def forget_own_holds(self) -> None:
        """Who holds a time is not kept from it by the hold."""
        for rows in self.taken.values() if self.own_holds else ():
            rows[:] = [row for row in rows if row.owner_id not in self.own_holds]


async def look(unit: Unit, asked: Asked, kind: VisitType, *, resource_ids: Sequence[UUID], frame: Minutes) -> Seen:
    """Whatever is busy around the starts in `frame`, and further where caps count. One statement."""
    query = _busy_of(kind, resource_ids, frame)
    if kind.seats > 1:
        query = query.union_all(_seats_of(kind, resource_ids, frame))
    seen = Seen(asked)
    for resource_id, stale, *row in await unit.session.execute(query):
        if stale:
            seen.stale = True
        else:
            seen.note(resource_id, Taken(*row))
    seen.forget_own_holds()
    return seen


async def glance(
    unit: Unit, asked: Asked, kind: VisitType, *, resource_ids: Sequence[UUID], frame: Minutes
) -> Mapping[UUID, list[Pair]]:
    """Only when everyone is busy: enough where nothing is counted and nobody can take two at once. One statement.

    A row for each resource instead of one for each visit: what costs is their number.
    """
    table = OccupancyRow
    span = Interval(frame.start - kind.buffer_before, frame.end + kind.minutes + kind.buffer_after)
    query = select(table.resource_id, func.array_agg(table.s), func.array_agg(table.e)).where(
        among(resource_ids), alive(), table.s < span.end, table.e > span.start
    )
    if asked.except_owner is not None:
        query = query.where(table.owner_id != asked.except_owner)
    if asked.patient_id is not None:  # who holds a time is not kept from it by the hold
        held = aliased(table)
        own = select(held.owner_id).where(held.resource_id == asked.patient_id, held.kind == "hold")
        query = query.where(table.owner_id.not_in(own.where(held.state == "active")))
    found = await unit.session.execute(query.group_by(table.resource_id))
    return {resource_id: list(zip(starts, ends, strict=True)) for resource_id, starts, ends in found}


def _columns(table: Any) -> tuple[Any, ...]:
    return (
        table.resource_id,
        func.coalesce(table.expires_at <= func.now(), False).label("stale"),
        table.s,
        table.e,
        table.kind,
        table.owner_id,
        table.layer,
        table.role,
        table.visit_type_id,
        table.visit_start,
        table.risk,
    )


def alive(table: Any = OccupancyRow) -> ColumnElement[bool]:
    """Time that counts. A hold past its time does not, swept or not: the database's clock says so."""
    return and_(table.state == "active", or_(table.expires_at.is_(None), table.expires_at > func.now()))


def among(resource_ids: Sequence[UUID], table: Any = OccupancyRow) -> ColumnElement[bool]:
    """One array instead of a thousand parameters."""
    return table.resource_id == any_(cast(list(resource_ids), ARRAY(Uuid())))  # type: ignore[no-any-return]


def _busy_of(kind: VisitType, resource_ids: Sequence[UUID], frame: Minutes) -> Any:
    table = OccupancyRow
    near = Interval(frame.start - kind.buffer_before, frame.end + kind.minutes + kind.buffer_after)
    wide, touching = near, and_(table.s < near.end, table.e > near.start)
    if kind.cap_per_day or kind.cap_per_week or kind.overbook_limit:
        around = (9 if kind.cap_per_week else 3) * DAY
        wide = Interval(near.start - around, near.end + around)
        touching = or_(touching, table.visit_type_id == kind.id)
    return select(*_columns(table)).where(
        among(resource_ids), table.state == "active", table.s < wide.end, table.e > wide.start, touching
    )


def _seats_of(kind: VisitType, resource_ids: Sequence[UUID], frame: Minutes) -> Any:
    table, host = OccupancyRow, aliased(OccupancyRow)
    sessions = select(host.owner_id).where(
        among(resource_ids, host),
        host.role == "host",
        host.visit_type_id == kind.id,
        host.state == "active",
        host.visit_start >= frame.start,
        host.visit_start < frame.end,
    )
    return select(*_columns(table)).where(
        table.resource_id.in_(sessions), table.role == "seat", table.state == "active"
    )
