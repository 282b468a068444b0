"""Commands on availability: publish hours."""

from sqlalchemy import delete, insert
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.scheduling.availability.checks import check_hours
from telehealth.scheduling.availability.models import AvailabilityRuleRow, HoursRow
from telehealth.scheduling.availability.rules import WeeklyHours


async def publish_hours(
    unit: Unit, clinician_id: ClinicianId, hours: WeeklyHours, *, revision: int | None = None
) -> int:
    """Replace a clinician's weekly hours; visits already booked stay. Answers the new revision.

    A clinician publishes their own. Raises NotFound, InvalidHours; raises Stale when `revision` is given and is not the
    present one.
    """
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        raise NotFound
    check_hours(hours)
    values = {"time_zone": hours.time_zone, "published_at": unit.now}
    changed: int | None = await unit.session.scalar(
        upsert(HoursRow)
        .values(clinician_id=clinician_id, revision=1, **values)
        .on_conflict_do_update(index_elements=["clinician_id"], set_={**values, "revision": HoursRow.revision + 1})
        .returning(HoursRow.revision)
    )
    if changed is None or (revision is not None and changed != revision + 1):
        raise Stale
    await unit.session.execute(delete(AvailabilityRuleRow).where(AvailabilityRuleRow.clinician_id == clinician_id))
    if hours.rules:
        rows = [
            {
                "id": unit.new_id(),
                "clinician_id": clinician_id,
                "weekday": window.weekday,
                "start_minute": window.start,
                "end_minute": window.end,
            }
            for window in hours.rules
        ]
        await unit.session.execute(insert(AvailabilityRuleRow), rows)
    unit.audit("update", "hours", clinician_id)
    return changed
