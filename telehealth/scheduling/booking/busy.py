"""Busy time as the database has it now: one range scan for everyone and everything that was asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import aliased

from telehealth.core.intervals import Interval
from telehealth.core.minutes import Pair
from telehealth.db.direct import Direct
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import DAY
from telehealth.scheduling.booking.explain import Taken
from telehealth.scheduling.booking.models import OccupancyRow
from telehealth.scheduling.booking.rules import Asked, Minutes, VisitType

# Written out: with a parameter in its place a prepared plan cannot use an index of active rows.
ACTIVE: ColumnElement[str] = literal_column("'active'")


@dataclass(slots=True)
class Seen:
    """What one look at busy time found."""

    asked: Asked
    taken: dict[UUID, list[Taken]] = field(default_factory=dict)
    seats: dict[UUID, frozenset[int]] = field(default_factory=dict)
    own_holds: dict[UUID, Minutes] = field(default_factory=dict)
    stale: bool = False
    seated: list[tuple[UUID, Taken]] = field(default_factory=list)

    def note(self, resource_id: UUID, row: Taken) -> None:
        if row.role == "seat":
            self.seated.append((resource_id, row))
        elif row.owner_id != self.asked.except_owner:
            self.taken.setdefault(resource_id, []).append(row)
            if row.kind == "hold" and resource_id == self.asked.patient_id and row.owner_id:
                self.own_holds[row.owner_id] = Interval(row.s, row.e)

    def forget_own_holds(self) -> None:
        """Who holds a time is not kept from it by the hold, nor by its seat when that is the last."""
        for session, row in self.seated:
            if row.owner_id != self.asked.except_owner and row.owner_id not in self.own_holds:
                self.seats[session] = self.seats.get(session, frozenset()) | {row.layer}
        for rows in self.taken.values() if self.own_holds else ():
            rows[:] = [row for row in rows if row.owner_id not in self.own_holds]


async def look(unit: Unit, asked: Asked, kind: VisitType, *, resource_ids: Sequence[UUID], frame: Minutes) -> Seen:
    """Whatever is busy around the starts in `frame`, and further where caps count. One statement."""
    near = _near(kind, frame)
    around = 0
    if kind.cap_per_day or kind.cap_per_week or kind.overbook_limit:
        around = (9 if kind.cap_per_week else 3) * DAY
    wide = {"wide_start": near["near_start"] - around, "wide_end": near["near_end"] + around}
    about = {"ids": list(resource_ids), **near, **wide, "kind": kind.id if around or kind.seats > 1 else None}
    about["every_kind"] = kind.overbook_limit > 0  # whoever is booked may stay away, whatever for
    seen = Seen(asked)
    for resource_id, stale, *row in await (BUSY_AND_SEATS if kind.seats > 1 else BUSY).run(unit.session, about):
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
    about = {"ids": list(resource_ids), **_near(kind, frame), "owner": asked.except_owner, "patient": asked.patient_id}
    found = await GLANCE.run(unit.session, about)
    return {resource_id: list(zip(starts, ends, strict=True)) for resource_id, starts, ends in found}


def _near(kind: VisitType, frame: Minutes) -> dict[str, int]:
    """All that a visit beginning in the frame can touch."""
    return {
        "near_start": frame.start - kind.buffer_before,
        "near_end": frame.end + kind.minutes + kind.buffer_after,
    }


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
    return and_(table.state == ACTIVE, or_(table.expires_at.is_(None), table.expires_at > func.now()))


def among(resource_ids: Sequence[UUID], table: Any = OccupancyRow) -> ColumnElement[bool]:
    """One array instead of a thousand parameters."""
    return table.resource_id == any_(cast(list(resource_ids), ARRAY(Uuid())))  # type: ignore[no-any-return]


def _among(table: Any) -> ColumnElement[bool]:
    return table.resource_id == any_(bindparam("ids", type_=ARRAY(Uuid())))  # type: ignore[no-any-return]


def _touching(table: Any) -> ColumnElement[bool]:
    return and_(table.s < bindparam("near_end"), table.e > bindparam("near_start"))


def _glance() -> Any:
    table, held = OccupancyRow, aliased(OccupancyRow)
    own_holds = select(held.owner_id).where(
        held.resource_id == bindparam("patient", type_=Uuid()), held.kind == "hold", held.state == ACTIVE
    )
    return (
        select(table.resource_id, func.array_agg(table.s), func.array_agg(table.e))
        .where(
            _among(table),
            alive(),
            _touching(table),
            table.owner_id.is_distinct_from(bindparam("owner", type_=Uuid())),
            table.owner_id.not_in(own_holds),  # who holds a time is not kept from it by the hold
        )
        .group_by(table.resource_id)
    )


def _busy() -> Any:
    table = OccupancyRow
    its_kind = or_(bindparam("every_kind", type_=Boolean()), table.visit_type_id == bindparam("kind", type_=Uuid()))
    counted = and_(its_kind, table.role == "host")
    return select(*_columns(table)).where(
        _among(table),
        table.state == ACTIVE,
        table.s < bindparam("wide_end"),
        table.e > bindparam("wide_start"),
        or_(_touching(table), counted),
    )


def _seats() -> Any:
    table, host = OccupancyRow, aliased(OccupancyRow)
    sessions = select(host.owner_id).where(
        _among(host),
        host.role == "host",
        host.visit_type_id == bindparam("kind", type_=Uuid()),
        host.state == ACTIVE,
        _touching(host),
    )
    return select(*_columns(table)).where(table.resource_id.in_(sessions), table.role == "seat", table.state == ACTIVE)


GLANCE, BUSY = Direct(_glance()), Direct(_busy())
BUSY_AND_SEATS = Direct(union_all(_busy(), _seats()))

# The locks of these keys, one after the other up to the first that is another's: who waits for that one later then has
# none that comes after it, and so waits in no circle. Null where no keys are given, roles are yet to be filled, or the
# clinician is busy then: a refusal, most likely, and nobody else should wait while it looks for other times.
LOCKED = text("""CASE WHEN cardinality(:keys) > 0 AND visit_type.roles = '[]' AND NOT EXISTS (
    SELECT FROM occupancy AS busy
    WHERE busy.resource_id = :host AND busy.state = 'active' AND (busy.expires_at IS NULL OR busy.expires_at > now())
        AND busy.s < :start + visit_type.minutes AND busy.e > :start
) THEN (
    WITH RECURSIVE got(n, ok) AS (
        SELECT 1, pg_try_advisory_xact_lock((:keys)[1])
        UNION ALL SELECT n + 1, pg_try_advisory_xact_lock((:keys)[n + 1]) FROM got WHERE ok AND n < cardinality(:keys)
    ) SELECT bool_and(ok) FROM got) END AS locked""").bindparams(
    bindparam("keys", type_=ARRAY(BigInteger)), bindparam("host", type_=Uuid()), bindparam("start", type_=BigInteger())
)
