"""Commands of booking: take time, hold it, give it back. Locks first, then one more look, then the rows."""

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.core.actors import STAFF, Role
from telehealth.core.errors import NotAllowed, NotFound, Stale
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import Resource, to_instant, to_minute
from telehealth.scheduling.booking import locks, plans, queries, rows
from telehealth.scheduling.booking.events import TimeFreed
from telehealth.scheduling.booking.models import OccupancyRow, VisitTypeRow
from telehealth.scheduling.booking.offered import local_day, zone_of
from telehealth.scheduling.booking.plans import Plan
from telehealth.scheduling.booking.rows import Claim, Kept, Part
from telehealth.scheduling.booking.rules import (
    EXTERNAL_LAYER,
    OVERBOOKED_LAYER,
    PROMISED,
    REFUSALS,
    Asked,
    Audience,
    CalendarBusy,
    Hold,
    HoldExpired,
    Occupied,
    SlotTaken,
    VisitType,
    Wanted,
    check_visit_type,
)

HOLD_SECONDS = 300
EXPIRED_AT_ONCE = 200
PLANS = 8  # how often somebody else may be quicker before we say so


async def add_visit_type(unit: Unit, kind: VisitType) -> VisitType:
    """Offer a new kind of visit, or change the one with this id. Raises InvalidVisitType, VisitTypeKnown."""
    check_visit_type(kind)
    values: dict[str, Any] = {name: getattr(kind, name) for name in queries.FIELDS}
    values |= {"id": kind.id, "grid_offset": kind.offset, "roles": [asdict(need) for need in kind.roles]}
    values |= {"retired_at": None, "reminders": list(kind.reminders)}
    statement = upsert(VisitTypeRow).values(values).on_conflict_do_update(index_elements=["id"], set_=values)
    await unit.session.execute(statement)
    unit.audit("update", "visit_type", kind.id)
    return kind


async def set_reminders(unit: Unit, visit_type_id: UUID, reminders: Sequence[int], *, seen: Sequence[int]) -> None:
    """From now on patients are reminded so many minutes before visits of this kind, over what was read.

    Raises NotFound, InvalidVisitType, Stale.
    """
    row = await unit.session.scalar(select(VisitTypeRow).where(VisitTypeRow.id == visit_type_id).with_for_update())
    if row is None:
        raise NotFound
    if list(row.reminders) != list(seen):
        raise Stale
    check_visit_type(replace(queries.visit_type_of(row), reminders=tuple(reminders)))
    row.reminders = list(reminders)
    unit.audit("update", "visit_type", row.id)


async def retire_visit_type(unit: Unit, visit_type_id: UUID) -> None:
    """Offer it no more; visits that have it stay. Raises NotFound."""
    row = await unit.session.get(VisitTypeRow, visit_type_id)
    if row is None:
        raise NotFound
    row.retired_at = row.retired_at or unit.now
    unit.audit("update", "visit_type", visit_type_id)


async def occupy(unit: Unit, wanted: Wanted, owner_id: UUID, *, fresh: bool = False) -> Occupied:
    """Take the time of a visit for its owner: in everyone's and everything's calendar, or in nobody's.

    An owner that has time already moves: its own time is no obstacle and is given back; a `fresh` owner has none and
    is not asked. Of several clinicians the one with the fewest visits of the last 30 days gives it. Raises a
    SlotRefused that says why, with free alternatives; CalendarBusy when the locks do not come.
    """
    if not fresh:
        risk = await rows.give_back(unit, owner_id)  # a refusal rolls this back with everything else
        wanted = replace(wanted, no_show_risk=wanted.no_show_risk or risk)
    return await _take(unit, wanted, Claim("visit", owner_id), fresh=fresh)


async def hold(unit: Unit, wanted: Wanted, *, seconds: int = HOLD_SECONDS) -> Hold:
    """Keep a time for a patient while they decide. The same actor's earlier hold for that patient is given up.

    A clinician holds their own time. Raises like `occupy`, and NotFound.
    """
    if unit.actor.role is Role.CLINICIAN and wanted.clinician_ids != (unit.actor.person_id,):
        raise NotFound
    hold_id = unit.new_id()
    for earlier in await rows.holds_of(unit, wanted.patient_id):
        await release(unit, earlier)
    expires_at = await _from_now(unit, seconds)
    taken = await _take(unit, wanted, Claim("hold", hold_id, expires_at))
    for other in await rows.holds_of(unit, wanted.patient_id):  # of a second click, seen only behind the locks
        if other != hold_id:
            await release(unit, other)
    unit.audit("create", "hold", hold_id, patient_id=wanted.patient_id)
    return Hold(
        id=hold_id,
        expires_at=expires_at,
        visit_type_id=taken.visit_type.id,
        patient_id=wanted.patient_id,
        clinician_id=taken.clinician_id,
        start=taken.start,
        end=taken.end,
    )


async def reserve(
    unit: Unit, wanted: Wanted, *, owner_id: UUID, expires_at: datetime, instead_of: UUID | None = None
) -> Occupied:
    """Keep a time for an offer of the waitlist; nobody's search shows it. Raises like `occupy`.

    The time of the visit it would be `instead_of` is no obstacle, and stays that visit's until then.
    """
    return await _take(unit, wanted, Claim("offer", owner_id, expires_at), beside=instead_of)


async def release_hold(unit: Unit, hold_id: UUID) -> None:
    """Give up a hold; its time is everyone's at once. Raises NotFound when it is not the actor's, or over."""
    kept = await rows.kept(unit, hold_id)
    if kept is None or kept.kind != "hold" or not _is_own(unit, kept.taken_by):
        raise NotFound
    await release(unit, hold_id)
    unit.audit("delete", "hold", hold_id, patient_id=kept.patient_id)


async def convert(
    unit: Unit, hold_id: UUID, owner_id: UUID, *, jurisdiction: str | None = None
) -> tuple[Occupied, PatientId]:
    """Turn a hold into a visit's time. What was held is honoured, whatever changed, but for the patient's own matters.

    Raises HoldExpired, LocationRequired, NotLicensed, PatientConflict; NotFound for somebody else's hold.
    """
    kept = await rows.kept(unit, hold_id)
    if kept is None:
        raise HoldExpired
    if kept.kind != "hold" or not _is_own(unit, kept.taken_by):
        raise NotFound
    return await _promised(unit, kept, owner_id, jurisdiction), kept.patient_id


async def claim(unit: Unit, owner_id: UUID, new_owner_id: UUID, *, jurisdiction: str | None = None) -> Occupied:
    """Turn the time an offer keeps into a visit's. Raises like `convert`.

    When the new owner has time already, it moves: that time is given back.
    """
    kept = await rows.kept(unit, owner_id)
    if kept is None:
        raise HoldExpired
    return await _promised(unit, kept, new_owner_id, jurisdiction)


async def expire_due(unit: Unit) -> int:
    """Give back what holds kept that nobody used in time, and tell the waitlist. Answers how many.

    Nothing depends on it being done soon: every query compares the expiry itself.
    """
    over = await rows.expired(unit, EXPIRED_AT_ONCE)
    for owner_id in over:
        await rows.give_back(unit, owner_id)
    return len(over)


async def release(unit: Unit, owner_id: UUID) -> None:
    """Give back whatever time the owner has, and tell the waitlist."""
    await rows.give_back(unit, owner_id)


async def change_host(unit: Unit, owner_id: UUID, host_id: ClinicianId, *, over: bool) -> bool:
    """The owner's time moves into another clinician's calendar, whatever their hours are.

    Answers whether it lies over other time there. Raises SlotTaken unless it may lie `over`, CalendarBusy. An owner
    without time of its own, or with a seat in a group, keeps what it has.
    """
    table = OccupancyRow
    its_host = (table.owner_id == owner_id, table.role == "host", table.state == "active")
    row = await unit.session.scalar(select(table).where(*its_host).with_for_update())
    if row is None:
        return False
    await locks.take(unit, [row.resource_id, host_id])
    await rows.drop_expired(unit, [host_id], Interval(row.s, row.e))
    near = (table.resource_id == host_id, table.state == "active", table.s < row.e, table.e > row.s)
    taken = set(await unit.session.scalars(select(table.layer).where(*near)))
    if taken and not over:
        raise SlotTaken(alternatives=[])
    if row.visit_type_id is not None:
        start, end = to_instant(row.s), to_instant(row.e)
        unit.emit(TimeFreed(resource_id=row.resource_id, visit_type_id=row.visit_type_id, start=start, end=end))
    layer = next(n for n in range(OVERBOOKED_LAYER, EXTERNAL_LAYER) if n not in taken) if taken else 0
    await unit.session.execute(update(table).where(table.id == row.id).values(resource_id=host_id, layer=layer))
    return bool(taken)


async def close_external(unit: Unit, resource_id: UUID, feed_no: int, busy: Sequence[Interval[int]]) -> None:
    """Put what an outside calendar says in the place of what it said before. Never refused: visits stay beside it."""
    await rows.replace_external(unit, resource_id, feed_no, busy)


async def _from_now(unit: Unit, seconds: int) -> datetime:
    """By the database's clock, with which every expiry is compared."""
    at: datetime | None = await unit.session.scalar(select(func.now() + timedelta(seconds=seconds)))
    if at is None:
        raise AssertionError("unreachable: now() is never null")
    return at.astimezone(UTC)


def _is_own(unit: Unit, taken_by: UUID | None) -> bool:
    return unit.actor.id is None or taken_by == unit.actor.id


async def _take(
    unit: Unit, wanted: Wanted, claim: Claim, *, fresh: bool = True, beside: UUID | None = None
) -> Occupied:
    if (wanted.override or wanted.audience is Audience.STAFF) and unit.actor.role not in STAFF:
        raise NotAllowed
    asked = replace(_asked(wanted, booking=claim.kind == "visit"), except_owner=beside)
    keys = locks.keys([wanted.patient_id, *wanted.clinician_ids, *wanted.also])
    for _ in range(PLANS):
        ground = await queries.stand(
            unit, asked, start=to_minute(wanted.start), keys=keys if len(set(wanted.clinician_ids)) == 1 else ()
        )
        if ground.is_retired and fresh:
            raise NotFound
        if ground.locked is False:
            await locks.take_keys(unit, keys)
            ground = replace(ground, locked=True)
        plan = await plans.made(unit, ground, wanted)
        if ground.locked:  # what was looked at is as it was: nobody else could take it since
            return await _settle(unit, plan, wanted, claim, beside=beside is not None)
        attempt = await unit.session.begin_nested()
        await locks.take(unit, [wanted.patient_id, *(part.resource_id for part in plan.parts)])
        if await plans.still_holds(unit, ground, wanted, plan):
            taken = await _settle(unit, plan, wanted, claim, beside=beside is not None)
            await attempt.commit()
            return taken
        await attempt.rollback()  # somebody was quicker: let others have the locks, and look at everyone again
    raise CalendarBusy(retry_after=1)


def _asked(wanted: Wanted, *, booking: bool) -> Asked:
    return Asked(
        visit_type_id=wanted.visit_type_id,
        clinician_ids=wanted.clinician_ids,
        also=wanted.also,
        patient_id=wanted.patient_id,
        jurisdiction=wanted.jurisdiction,
        audience=wanted.audience,
        booking=booking,
    )


async def _settle(unit: Unit, plan: Plan, wanted: Wanted, claim: Claim, *, beside: bool = False) -> Occupied:
    """Write what was decided, under the locks."""
    kind, start, seen = plan.scene.kind, plan.start, plan.scene
    span = kind.occupies(start)
    session = plan.session_id
    in_the_way = [each for each, held in seen.own_holds.items() if held.overlaps(span)]
    if seen.stale:
        others = [part.resource_id for part in plan.parts] + ([session] if session else [])
        await rows.drop_expired(unit, [wanted.patient_id, *others], span)
    about: dict[str, Any] = {"visit_type_id": kind.id, "visit_start": start, "risk": wanted.no_show_risk}
    resources = plan.resources
    if session is not None:  # before all that the patient holds there goes: a session ends with its last seat
        resources = await rows.joined(unit, session, in_the_way)
        await rows.put(unit, claim, [(Part(session, "seat"), span, plan.free_seat)], **about)
    for hold_id in in_the_way:
        await rows.give_back(unit, hold_id)
    own = [(Part(wanted.patient_id, "patient"), span, 0)]
    if kind.seats == 1:
        own += plan.places(span)
    elif session is None:
        session = unit.new_id()
        await rows.put(unit, replace(claim, kind="visit", owner_id=session), plan.places(span), **about)
        own += [(Part(session, "seat"), span, 0)]
    await rows.put(unit, claim, rows.beside(own) if beside else own, **about)
    if session is not None:
        await rows.tend_session(unit, session)
    return _occupied(kind, start, plan.host, resources, overbooked=plan.overbooked, session_id=session)


async def _promised(unit: Unit, kept: Kept, owner_id: UUID, jurisdiction: str | None) -> Occupied:
    risk = await rows.give_back(unit, owner_id)  # before anyone looks: a patient's visit is no obstacle to moving it
    asked = Asked(
        visit_type_id=kept.visit_type_id,
        clinician_ids=(ClinicianId(kept.host_id),),
        patient_id=kept.patient_id,
        jurisdiction=jurisdiction,
        except_owner=kept.owner_id,
        booking=True,
    )
    ground = await queries.stand(unit, asked)
    host = ground.resources[kept.host_id]
    for judgement in await queries.judge(unit, replace(ground, hosts=[host]), kept.start):  # also one who has retired
        if broken := [each for each in judgement.reasons(kept.start) if each not in PROMISED]:
            raise REFUSALS[broken[0]](alternatives=[])
    await rows.hand_over(unit, kept, owner_id, risk=risk)
    return _occupied(ground.kind, kept.start, host, kept.resources, session_id=kept.session_id)


def _occupied(
    kind: VisitType,
    start: int,
    host: Resource,
    resources: tuple[UUID, ...],
    *,
    overbooked: bool = False,
    session_id: UUID | None = None,
) -> Occupied:
    return Occupied(
        start=to_instant(start),
        end=to_instant(start + kind.minutes),
        time_zone=zone_of(host, local_day(host, start)),
        visit_type=kind,
        clinician_id=ClinicianId(host.id),
        resources=resources,
        overbooked=overbooked,
        session_id=session_id,
    )
