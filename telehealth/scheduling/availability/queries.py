"""Hours as they were published."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select

from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.models import AvailabilityRuleRow, HoursRow
from telehealth.scheduling.availability.rules import Rule, WeeklyHours


@dataclass(frozen=True, slots=True)
class PublishedHours:
    """`revision` counts publications; 0 when nothing was ever published."""

    hours: WeeklyHours
    revision: int


async def hours(unit: Unit, clinician_id: UUID) -> PublishedHours | None:
    """A clinician's weekly hours; None when none were published yet."""
    row = await unit.session.get(HoursRow, clinician_id)
    if row is None:
        return None
    published = await weekly_hours(unit, [ClinicianId(clinician_id)])
    return PublishedHours(published[ClinicianId(clinician_id)], row.revision)


async def weekly_hours(unit: Unit, clinician_ids: Sequence[ClinicianId]) -> dict[ClinicianId, WeeklyHours]:
    """The weekly hours of those clinicians who published any. One statement."""
    rule = AvailabilityRuleRow
    rows = await unit.session.execute(
        select(HoursRow.clinician_id, HoursRow.time_zone, rule.weekday, rule.start_minute, rule.end_minute)
        .join(rule, rule.clinician_id == HoursRow.clinician_id, isouter=True)
        .where(HoursRow.clinician_id.in_(clinician_ids))
        .order_by(HoursRow.clinician_id, rule.weekday, rule.start_minute)
    )
    zones: dict[ClinicianId, str] = {}
    windows: dict[ClinicianId, list[Rule]] = defaultdict(list)
    for clinician_id, zone, weekday, start, end in rows:
        zones[ClinicianId(clinician_id)] = zone
        if weekday is not None:
            windows[ClinicianId(clinician_id)].append(Rule(weekday, start, end))
    return {each: WeeklyHours(zone, tuple(windows[each])) for each, zone in zones.items()}
