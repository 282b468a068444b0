"""SELECTs over calendars: a clinician sees their own, staff sees everyone's, nobody sees an address."""

from uuid import UUID

from sqlalchemy import select

from telehealth.access.rules import digest
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.calendars.models import CalendarFeedRow, CalendarLinkRow
from telehealth.scheduling.calendars.rules import Alert, AlertCode, Feed, Link

MOST_ALERTING = 500


async def feeds(unit: Unit, clinician_id: ClinicianId) -> list[Feed]:
    """The outside calendars of one clinician, in the order they were added. Raises NotFound."""
    check_own(unit, clinician_id)
    await people.clinician(unit, clinician_id)
    return await feeds_of(unit, clinician_id)


async def feeds_of(unit: Unit, resource_id: UUID) -> list[Feed]:
    row = CalendarFeedRow
    found = await unit.session.scalars(
        select(row)
        .where(row.resource_id == resource_id)
        .order_by(row.created_at, row.id)
        .execution_options(populate_existing=True)
    )
    return [feed_of(each) for each in found]


async def attention(unit: Unit) -> list[Feed]:
    """The calendars staff has to look at: time is withheld, or something in one was not understood."""
    row = CalendarFeedRow
    query = select(row).order_by(row.resource_id, row.id)
    if unit.actor.role is Role.CLINICIAN:
        query = query.where(row.resource_id == unit.actor.person_id)
    found = (feed_of(each) for each in await unit.session.scalars(query))
    return [each for each in found if each.wants_attention(unit.now)][:MOST_ALERTING]


async def link(unit: Unit, clinician_id: ClinicianId) -> Link:
    """Whether the clinician has a calendar address of their own, and since when. Raises NotFound."""
    check_own(unit, clinician_id)
    await people.clinician(unit, clinician_id)
    row = await unit.session.get(CalendarLinkRow, clinician_id, populate_existing=True)
    return Link(None if row is None else row.created_at)


async def clinician_by_link(unit: Unit, secret: str) -> ClinicianId:
    """Whose calendar the secret opens. Raises NotFound."""
    row = CalendarLinkRow
    found = await unit.session.scalar(select(row.clinician_id).where(row.secret == digest(secret)))
    if found is None:
        raise NotFound
    return ClinicianId(found)


def check_own(unit: Unit, clinician_id: UUID) -> None:
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id != clinician_id:
        raise NotFound


def feed_of(row: CalendarFeedRow) -> Feed:
    return Feed(
        id=row.id,
        resource_id=row.resource_id,
        no=row.no,
        name=row.name,
        host=row.host,
        created_at=row.created_at,
        read_at=row.read_at,
        good_at=row.good_at,
        fault=row.fault,
        failures=row.failures,
        alerts=tuple(Alert(AlertCode(each["code"]), each["detail"]) for each in row.alerts),
    )
