"""The rows of `occupancy`. What may be taken is decided before one comes here."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

from sqlalchemy import ARRAY, String, bindparam, cast, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from telehealth.core.ids import PatientId, VisitTypeId, uuid7
from telehealth.core.intervals import Interval, subtract, union
from telehealth.db.direct import Direct
from telehealth.db.unit import Unit, constraint_of
from telehealth.scheduling.availability.events import TimeOpened
from telehealth.scheduling.availability.rules import to_instant, to_minute_up
from telehealth.scheduling.booking import locks
from telehealth.scheduling.booking.busy import ACTIVE, alive, among
from telehealth.scheduling.booking.events import TimeFreed
from telehealth.scheduling.booking.explain import Taken
from telehealth.scheduling.booking.models import TAKEN, OccupancyRow
from telehealth.scheduling.booking.rules import (
    BESIDE_LAYER,
    EXTERNAL_LAYER,
    OVERBOOKED_LAYER,
    Minutes,
    SlotRefused,
    SlotTaken,
)

LOAD_OF = timedelta(days=30)
# What differs between the rows of one owner, and what they share.
ONE_EACH = ("id", "resource_id", "role", "s", "e", "layer")
SHARED = ("kind", "owner_id", "expires_at", "taken_by", "visit_type_id", "visit_start", "risk")


@dataclass(frozen=True, slots=True)
class Claim:
    """Who takes time, as what, until when; a visit's has no end."""

    kind: str
    owner_id: UUID
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One resource of a visit and what it is to it, with as many places as its capacity."""

    resource_id: UUID
    role: str
    capacity: int = 1
    overbooked: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """What a hold or an offer keeps, as long as it is alive."""

    owner_id: UUID
    kind: str
    taken_by: UUID | None
    visit_type_id: VisitTypeId
    start: int
    patient_id: PatientId
    host_id: UUID
    resources: tuple[UUID, ...]
    session_id: UUID | None


@asynccontextmanager
async def attempt(unit: Unit) -> AsyncIterator[None]:
    """A savepoint for what may be refused while the transaction goes on: rows, and what is told, are as before then.

    Raises SlotTaken where the exclusion constraint says it: whoever wrote without our locks was quicker.
    """
    told, traced = len(unit.events), len(unit.traces)
    try:
        async with unit.session.begin_nested():
            yield
    except SlotRefused:
        del unit.events[told:], unit.traces[traced:]
        raise
    except IntegrityError as error:
        del unit.events[told:], unit.traces[traced:]
        if constraint_of(error) == TAKEN:
            raise SlotTaken(alternatives=[]) from None
        raise


async def put(
    unit: Unit,
    claim: Claim,
    places: Sequence[tuple[Part, Minutes, int]],
    *,
    visit_type_id: VisitTypeId | None = None,
    visit_start: int | None = None,
    risk: int = 0,
) -> None:
    """One row for each part; several where a part's places change under the visit."""
    rows = [(unit.new_id(), part.resource_id, part.role, span.start, span.end, layer) for part, span, layer in places]
    about = {
        "kind": claim.kind,
        "owner_id": claim.owner_id,
        "expires_at": claim.expires_at,
        "taken_by": unit.actor.id,
        "visit_type_id": visit_type_id,
        "visit_start": visit_start,
        "risk": risk,
    }
    await PUT.run(
        unit.session, {name: list(each) for name, each in zip(ONE_EACH, zip(*rows, strict=True), strict=True)} | about
    )


def _put() -> Direct:
    """However many rows, one statement."""
    kinds = {column.name: column.type for column in OccupancyRow.__table__.columns}
    arrays = (bindparam(name, type_=ARRAY(kinds[name])) for name in ONE_EACH)
    part = func.unnest(*arrays).table_valued(*ONE_EACH).render_derived("part")
    shared = (bindparam(name, type_=kinds[name]) for name in SHARED)
    return Direct(insert(OccupancyRow).from_select([*ONE_EACH, *SHARED], select(part, *shared)))


def _released() -> Direct:
    table = OccupancyRow
    return Direct(
        update(table)
        .where(table.owner_id == bindparam("owner", type_=table.owner_id.type), table.state == ACTIVE)
        .values(state="released")
        .returning(table.resource_id, table.role, table.visit_type_id, table.s, table.e, table.risk)
    )


PUT, RELEASED = _put(), _released()


def placed(part: Part, span: Minutes, busy: Sequence[Taken]) -> list[tuple[Part, Minutes, int]]:
    """Where a part's time goes: the lowest free layer, minute by minute, so that a free place is always found."""
    touching = [row for row in busy if row.s < span.end and row.e > span.start]
    if part.overbooked:
        taken = {row.layer for row in touching}
        return [(part, span, next(n for n in range(OVERBOOKED_LAYER, EXTERNAL_LAYER) if n not in taken))]
    if part.capacity == 1 or not touching:
        return [(part, span, 0)]
    edges = sorted({span.start, span.end, *(edge for row in touching for edge in (row.s, row.e))})
    cuts = [each for each in edges if span.start <= each <= span.end]
    found: list[tuple[Part, Minutes, int]] = []
    for start, end in pairwise(cuts):
        taken = {row.layer for row in touching if row.s < end and row.e > start}
        before = found[-1] if found else None
        if before is not None and before[2] not in taken:
            found[-1] = part, Interval(before[1].start, end), before[2]
        else:
            found.append((part, Interval(start, end), next(n for n in range(part.capacity) if n not in taken)))
    return found


def beside(places: Sequence[tuple[Part, Minutes, int]]) -> list[tuple[Part, Minutes, int]]:
    """The same on layers of their own: what a patient is offered may meet the visit they would give up for it."""
    return [(part, span, BESIDE_LAYER + layer) for part, span, layer in places]


async def give_back(unit: Unit, owner_id: UUID) -> int:
    """Release an owner's time and say what is free again. A group session ends with its last seat.

    Answers the risk, in percent, that nobody would have come.
    """
    risk = 0
    for resource_id, role, visit_type_id, start, end, its_risk in await RELEASED.run(unit.session, {"owner": owner_id}):
        risk = max(risk, its_risk)
        if visit_type_id is None:
            continue
        for host in await _free_again(unit, resource_id, role):
            unit.emit(
                TimeFreed(resource_id=host, visit_type_id=visit_type_id, start=to_instant(start), end=to_instant(end))
            )
    return risk


async def _free_again(unit: Unit, resource_id: UUID, role: str) -> Sequence[UUID]:
    """Whose time there is more of: a clinician's, also by a seat in a group session that goes on."""
    if role != "seat":
        return [resource_id] if role == "host" else []
    hosts = await _hosts_of(unit, resource_id)
    await locks.take(unit, hosts)
    return hosts if await tend_session(unit, resource_id) else []  # its end tells by itself


async def _hosts_of(unit: Unit, owner_id: UUID) -> Sequence[UUID]:
    table = OccupancyRow
    found = await unit.session.scalars(
        select(table.resource_id).where(table.owner_id == owner_id, table.role == "host", table.state == "active")
    )
    return found.all()


async def joined(unit: Unit, session_id: UUID, holds: Iterable[UUID]) -> tuple[UUID, ...]:
    """Who and what a group session has, the clinician first. The seats these holds keep in it are free again."""
    table = OccupancyRow
    await unit.session.execute(
        update(table)
        .where(table.resource_id == session_id, table.owner_id.in_(list(holds)), table.state == "active")
        .values(state="released")
    )
    found = await unit.session.scalars(
        select(table.resource_id)
        .where(table.owner_id == session_id, table.role.in_(("host", "resource")), table.state == "active")
        .order_by(table.role, table.id)
    )
    return tuple(dict.fromkeys(found))


async def tend_session(unit: Unit, session_id: UUID) -> bool:
    """A group session lasts as long as its seats: for good with a visit in it, else until its last hold runs out.

    Answers whether it lasts.
    """
    table = OccupancyRow
    seats = (await unit.session.scalars(select(table.expires_at).where(table.resource_id == session_id, alive()))).all()
    if not seats:
        await give_back(unit, session_id)
        return False
    last = None if None in seats else max(each for each in seats if each is not None)
    await unit.session.execute(
        update(table).where(table.owner_id == session_id, table.state == "active").values(expires_at=last)
    )
    return True


async def drop_expired(unit: Unit, resources: Sequence[UUID], taken: Minutes) -> None:
    """Holds past their time make room. Under the locks of the resources."""
    table = OccupancyRow
    await unit.session.execute(
        update(table)
        .where(
            among(resources),
            table.state == "active",
            table.expires_at <= func.now(),
            table.s < taken.end,
            table.e > taken.start,
        )
        .values(state="released")
    )


async def expired(unit: Unit, most: int) -> Sequence[UUID]:
    """Whose holds and group sessions are past their time, kept from others. The waitlist settles its own offers."""
    table = OccupancyRow
    over = (table.state == "active", table.expires_at <= func.now(), table.kind != "offer")
    found = await unit.session.scalars(
        select(table.owner_id).where(*over).order_by(table.expires_at).limit(most).with_for_update(skip_locked=True)
    )
    return list(dict.fromkeys(found))


async def holds_of(unit: Unit, patient_id: PatientId) -> Sequence[UUID]:
    """The actor's own holds for a patient."""
    table = OccupancyRow
    query = select(table.owner_id).where(
        table.resource_id == patient_id,
        table.state == "active",
        table.kind == "hold",
        table.role == "patient",
        table.taken_by.is_not_distinct_from(unit.actor.id),
    )
    return (await unit.session.scalars(query)).all()


async def kept(unit: Unit, owner_id: UUID) -> Kept | None:
    """What a hold or an offer keeps; None when it is over. Its rows are locked against a second claim, and so is the
    group session it has a seat in.
    """
    table = OccupancyRow
    found = (
        await unit.session.scalars(
            select(table).where(table.owner_id == owner_id, table.kind != "visit", alive()).with_for_update()
        )
    ).all()
    patient = next((row for row in found if row.role == "patient"), None)
    if patient is None or patient.visit_type_id is None or patient.visit_start is None:
        return None
    seat = next((row.resource_id for row in found if row.role == "seat"), None)
    hosts = [row.resource_id for row in found if row.role == "host"]
    if seat is not None:
        await locks.take(unit, await _hosts_of(unit, seat))
        hosts = [*await _hosts_of(unit, seat)]
        if not hosts:  # somebody who came just after its time took its clinician
            return None
    others = [row.resource_id for row in found if row.role == "resource"]
    return Kept(
        owner_id=owner_id,
        kind=patient.kind,
        taken_by=patient.taken_by,
        visit_type_id=VisitTypeId(patient.visit_type_id),
        start=patient.visit_start,
        patient_id=PatientId(patient.resource_id),
        host_id=hosts[0],
        resources=tuple(dict.fromkeys([*hosts, *others])),
        session_id=seat,
    )


async def hand_over(unit: Unit, claimed: Kept, owner_id: UUID, *, risk: int) -> None:
    """From a hold or an offer to a visit."""
    await unit.session.execute(
        update(OccupancyRow)
        .where(OccupancyRow.owner_id == claimed.owner_id, OccupancyRow.state == "active")
        .values(owner_id=owner_id, kind="visit", expires_at=None, risk=func.greatest(OccupancyRow.risk, risk))
    )
    if claimed.kind == "offer":
        await _to_ordinary_layers(unit, owner_id)
    if claimed.session_id is not None:
        await tend_session(unit, claimed.session_id)


async def _to_ordinary_layers(unit: Unit, owner_id: UUID) -> None:
    """What was kept beside a visit takes the lowest places that are free now; that visit has given up its own."""
    table, other = OccupancyRow, aliased(OccupancyRow)
    number = func.generate_series(0, OVERBOOKED_LAYER - 1).column_valued("number")
    meets = (
        exists()
        .correlate_except(other)
        .where(
            other.resource_id == table.resource_id,
            other.owner_id != table.owner_id,
            other.layer == number,
            other.state == "active",
            other.s < table.e,
            other.e > table.s,
        )
    )
    lowest = select(func.min(number)).where(~meets).correlate(table).scalar_subquery()
    mine = (table.owner_id == owner_id, table.state == "active", table.layer.between(BESIDE_LAYER, EXTERNAL_LAYER - 1))
    await unit.session.execute(update(table).where(*mine).values(layer=lowest))


async def replace_external(unit: Unit, resource_id: UUID, feed_no: int, busy: Sequence[Minutes]) -> None:
    """All that one feed closes, on a layer of its own. Tells what of the time ahead it closes no more."""
    table, layer = OccupancyRow, EXTERNAL_LAYER + feed_no
    gone = await unit.session.execute(
        delete(table)
        .where(table.resource_id == resource_id, table.layer == layer, table.kind == "external")
        .returning(table.s, table.e)
    )
    ahead = [Interval(max(s, to_minute_up(unit.now)), e) for s, e in gone if e > to_minute_up(unit.now)]
    if freed := subtract(ahead, busy):
        unit.emit(TimeOpened.of(resource_id, unit.now, freed))
    rows = [
        {
            "id": unit.new_id(),
            "resource_id": resource_id,
            "s": each.start,
            "e": each.end,
            "kind": "external",
            "owner_id": resource_id,
            "layer": layer,
        }
        for each in union(busy)
    ]
    if rows:
        await unit.session.execute(insert(table), rows)


async def loads(unit: Unit, resources: Sequence[UUID]) -> Mapping[UUID, tuple[int, str]]:
    """How many visits each was given in the last 30 days, and the id of the last, which tells when. One statement."""
    table = OccupancyRow
    last = func.max(cast(table.id, String))
    found = await unit.session.execute(
        select(table.resource_id, func.count(), last)
        .where(
            among(resources),
            table.role.in_(("host", "resource")),
            table.kind == "visit",
            table.state == "active",
            table.id >= uuid7_floor(unit.now - LOAD_OF),
        )
        .group_by(table.resource_id)
    )
    return {resource: (count, newest) for resource, count, newest in found}


def uuid7_floor(at: datetime) -> UUID:
    """The smallest identifier made at that instant or later."""
    return UUID(int=uuid7(at).int >> 80 << 80)
