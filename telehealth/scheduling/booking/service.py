"""Commands of booking: take time, give it back."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import DBAPIError

from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.rules import DAY, Minutes, to_instant, to_minute, to_minute_up
from telehealth.scheduling.booking import queries
from telehealth.scheduling.booking.models import OccupancyRow, VisitTypeRow
from telehealth.scheduling.booking.queries import Asked
from telehealth.scheduling.booking.rules import REFUSALS, CalendarBusy, Occupied, OutsideHours, Reason, VisitType

LOCK_NOT_AVAILABLE = "55P03"
LOCK_TIMEOUT = text("SET LOCAL lock_timeout = '2s'")
ALTERNATIVES = 5
ALTERNATIVES_WITHIN = 28 * DAY


async def add_visit_type(unit: Unit, kind: VisitType) -> VisitType:
    """Offer a new kind of visit, or change the one with this id."""
    values = {
        "id": kind.id,
        "code": kind.code,
        "name": kind.name,
        "minutes": kind.minutes,
        "buffer_before": kind.buffer_before,
        "buffer_after": kind.buffer_after,
        "grid": kind.grid,
        "grid_offset": kind.offset,
        "notice": kind.notice,
        "horizon_days": kind.horizon_days,
        "opens_before": kind.opens_before,
        "closes_after": kind.closes_after,
    }
    statement = upsert(VisitTypeRow).values(values).on_conflict_do_update(index_elements=["id"], set_=values)
    await unit.session.execute(statement)
    unit.audit("update", "visit_type", kind.id)
    return kind


async def occupy(
    unit: Unit,
    *,
    clinician_id: ClinicianId,
    patient_id: PatientId,
    visit_type_id: VisitTypeId,
    start: datetime,
    owner_id: UUID,
) -> Occupied:
    """Take the time of a visit for its owner, in the clinician's and the patient's calendar at once.

    An owner that has time already moves: its own time is no obstacle and is given back. Raises SlotTaken,
    OutsideHours, TooSoon, TooFar or PatientBusy with free alternatives, CalendarBusy when the locks do not come.
    """
    kind = await queries.visit_type(unit, visit_type_id)
    await _lock(unit, [clinician_id, patient_id])
    asked = Asked(visit_type=kind, clinician_ids=[clinician_id], patient_id=patient_id, except_owner=owner_id)
    near = min(max(start, unit.now), unit.now + timedelta(days=kind.horizon_days))  # what is further is refused anyway
    calendar = (await queries.calendars(unit, asked, queries.around_start(near))).get(clinician_id)
    whole = start.second == 0 and start.microsecond == 0
    reason = calendar.explain(to_minute(start)) if calendar and whole else Reason.NOT_OFFERED
    if calendar is None or reason is not Reason.OK:
        raise REFUSALS.get(reason, OutsideHours)(alternatives=await _alternatives(unit, asked, start))
    taken = kind.occupies(to_minute(start))
    await release(unit, owner_id)
    await _drop_expired_holds(unit, [clinician_id, patient_id], taken)
    await _insert(unit, [clinician_id, patient_id], taken, owner_id)
    end = to_instant(to_minute(start) + kind.minutes)
    return Occupied(start, end, calendar.time_zone, kind)


async def release(unit: Unit, owner_id: UUID) -> None:
    """Give back whatever time the owner has."""
    await unit.session.execute(
        update(OccupancyRow)
        .where(OccupancyRow.owner_id == owner_id, OccupancyRow.state == "active")
        .values(state="released")
    )


async def _lock(unit: Unit, resources: list[UUID]) -> None:
    """One at a time on each resource, always in the same order, so that nobody waits in a circle.

    The exclusion constraint alone would be right too, but under contention it answers with deadlocks.
    """
    await unit.session.execute(LOCK_TIMEOUT)
    try:
        for key in sorted(_lock_key(resource) for resource in resources):
            await unit.session.execute(select(func.pg_advisory_xact_lock(key)))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == LOCK_NOT_AVAILABLE:
            raise CalendarBusy(retry_after=1) from None
        raise


def _lock_key(resource: UUID) -> int:
    """The random low half of a UUIDv7 as a signed 64-bit key."""
    return int.from_bytes(resource.bytes[8:], signed=True)


async def _alternatives(unit: Unit, asked: Asked, start: datetime) -> list[str]:
    earliest = max(to_minute_up(unit.now) + asked.visit_type.notice, to_minute(start) - DAY // 2)
    latest = to_minute_up(unit.now) + asked.visit_type.horizon_days * DAY
    span = Interval(earliest, max(earliest, min(latest, earliest + ALTERNATIVES_WITHIN)))
    found = await queries.free_slots(unit, asked, span, ALTERNATIVES)
    return [slot.start.isoformat().replace("+00:00", "Z") for slot in found]


async def _drop_expired_holds(unit: Unit, resources: list[UUID], taken: Minutes) -> None:
    await unit.session.execute(
        update(OccupancyRow)
        .where(
            OccupancyRow.resource_id.in_(resources),
            OccupancyRow.state == "active",
            OccupancyRow.expires_at <= func.now(),
            OccupancyRow.s < taken.end,
            OccupancyRow.e > taken.start,
        )
        .values(state="released")
    )


async def _insert(unit: Unit, resources: list[UUID], taken: Minutes, owner_id: UUID) -> None:
    rows = [
        {
            "id": unit.new_id(),
            "resource_id": resource,
            "s": taken.start,
            "e": taken.end,
            "kind": "visit",
            "owner_id": owner_id,
        }
        for resource in resources
    ]
    await unit.session.execute(insert(OccupancyRow), rows)
