"""What is open and what is busy: at most four statements for a search, whatever the clinicians and days."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.queries import weekly_hours
from telehealth.scheduling.availability.rules import DAY, Minutes, open_segments, to_instant, to_minute, to_minute_up
from telehealth.scheduling.booking.models import OccupancyRow, VisitTypeRow
from telehealth.scheduling.booking.rules import Calendar, Slot, VisitType, first_slots, horizons


async def visit_types(unit: Unit) -> list[VisitType]:
    """What can be booked here, by name."""
    rows = await unit.session.scalars(
        select(VisitTypeRow).where(VisitTypeRow.retired_at.is_(None)).order_by(VisitTypeRow.name, VisitTypeRow.id)
    )
    return [visit_type_of(row) for row in rows]


async def visit_type(unit: Unit, visit_type_id: UUID) -> VisitType:
    """Raises NotFound; a retired one is still found, for the visits that have it."""
    row = await unit.session.get(VisitTypeRow, visit_type_id)
    if row is None:
        raise NotFound
    return visit_type_of(row)


def visit_type_of(row: VisitTypeRow) -> VisitType:
    return VisitType(
        id=VisitTypeId(row.id),
        code=row.code,
        name=row.name,
        minutes=row.minutes,
        buffer_before=row.buffer_before,
        buffer_after=row.buffer_after,
        grid=row.grid,
        offset=row.grid_offset,
        notice=row.notice,
        horizon_days=row.horizon_days,
        opens_before=row.opens_before,
        closes_after=row.closes_after,
    )


async def busy(
    unit: Unit, resources: Sequence[UUID], span: Minutes, *, except_owner: UUID | None = None
) -> Mapping[UUID, list[Minutes]]:
    """Taken time of every resource that touches `span`. A hold past its time does not count, swept or not."""
    row = OccupancyRow
    query = select(row.resource_id, row.s, row.e).where(
        row.resource_id.in_(resources),
        row.state == "active",
        row.s < span.end,
        row.e > span.start,
        or_(row.expires_at.is_(None), row.expires_at > func.now()),
    )
    if except_owner is not None:
        query = query.where(row.owner_id != except_owner)
    found: dict[UUID, list[Minutes]] = defaultdict(list)
    for resource, start, end in await unit.session.execute(query.order_by(row.s)):
        found[resource].append(Interval(start, end))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a search or a booking is about: one visit type, some clinicians, perhaps a patient."""

    visit_type: VisitType
    clinician_ids: Sequence[ClinicianId]
    patient_id: PatientId | None = None
    except_owner: UUID | None = None


async def calendars(unit: Unit, asked: Asked, span: Minutes) -> dict[ClinicianId, Calendar]:
    """A calendar for each clinician with published hours that decides about every start in `span`. Two statements."""
    kind = asked.visit_type
    around = Interval(span.start - DAY, span.end + kind.minutes + DAY)
    taken = Interval(span.start - kind.buffer_before, span.end + kind.minutes + kind.buffer_after)
    resources: list[UUID] = [*asked.clinician_ids, *([asked.patient_id] if asked.patient_id else [])]
    found = await busy(unit, resources, taken, except_owner=asked.except_owner)
    return {
        clinician_id: Calendar(
            visit_type=kind,
            time_zone=published.time_zone,
            open=open_segments(published, around),
            busy=found.get(clinician_id, ()),
            patient_busy=found.get(asked.patient_id, ()) if asked.patient_id else (),
            now=to_minute_up(unit.now),
        )
        for clinician_id, published in (await weekly_hours(unit, asked.clinician_ids)).items()
    }


async def slots(
    unit: Unit,
    *,
    visit_type_id: VisitTypeId,
    clinician_ids: Sequence[ClinicianId],
    start: datetime,
    end: datetime,
    limit: int,
    patient_id: PatientId | None = None,
) -> list[Slot]:
    """The first free times in [start, end), earliest first; with a patient, only times the patient is free too."""
    kind = await visit_type(unit, visit_type_id)
    asked = Asked(visit_type=kind, clinician_ids=clinician_ids, patient_id=patient_id)
    earliest = max(to_minute_up(start), to_minute_up(unit.now) + kind.notice)
    latest = min(to_minute_up(end), to_minute_up(unit.now) + kind.horizon_days * DAY + 1)
    return await free_slots(unit, asked, Interval(earliest, max(earliest, latest)), limit)


async def free_slots(unit: Unit, asked: Asked, span: Minutes, limit: int) -> list[Slot]:
    """The first `limit` starts in `span` that `explain` says yes to."""
    found: list[Slot] = []
    for piece in horizons(span):
        for clinician_id, calendar in (await calendars(unit, asked, piece)).items():
            found += [_slot(clinician_id, start, asked.visit_type) for start in calendar.starts(piece)]
        if len(found) >= limit:
            break
    return first_slots(found, limit)


def _slot(clinician_id: ClinicianId, start: int, kind: VisitType) -> Slot:
    return Slot(clinician_id, to_instant(start), to_instant(start + kind.minutes))


def around_start(start: datetime) -> Minutes:
    """The span of one start."""
    return Interval(to_minute(start), to_minute(start) + 1)
