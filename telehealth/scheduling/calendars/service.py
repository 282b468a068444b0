"""Commands on calendars: add one and remove it, what reading it came to, and the secret address of one's own."""

from dataclasses import asdict
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from telehealth.access.rules import digest, new_secret
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries as availability_queries
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.calendars import queries
from telehealth.scheduling.calendars.models import CalendarFeedRow, CalendarLinkRow
from telehealth.scheduling.calendars.rules import (
    LEASE,
    MOST_FEEDS,
    WHOLE_EVERY,
    Errand,
    Failed,
    Feed,
    Outcome,
    TooManyCalendars,
    Unchanged,
    feed_address,
    next_read,
    verified_until,
)

AT_ONCE = 8  # calendars read side by side


async def add_feed(unit: Unit, clinician_id: ClinicianId, *, name: str, address: str) -> Feed:
    """Keep the clinician's own time free of what is in this calendar. Nobody books themselves in until it was read.

    Raises NotFound, UnfitAddress, TooManyCalendars.
    """
    queries.check_own(unit, clinician_id)
    url = feed_address(address)
    await availability.verify(unit, clinician_id, unit.now)  # locks the resource: two calendars get two numbers
    taken = {each.no for each in await queries.feeds_of(unit, clinician_id)}
    if len(taken) >= MOST_FEEDS:
        raise TooManyCalendars(most=MOST_FEEDS)
    feed_id = unit.new_id()
    row = CalendarFeedRow(
        id=feed_id,
        resource_id=clinician_id,
        no=next(no for no in range(MOST_FEEDS) if no not in taken),
        name=name,
        host=urlsplit(url).hostname or "",
        address=unit.vault.seal(("calendar_feed", "address", feed_id), url),
        created_at=unit.now,
        due_at=unit.now,
        failures=0,
        alerts=[],
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "calendar_feed", feed_id)
    return queries.feed_of(row)


async def remove_feed(unit: Unit, clinician_id: ClinicianId, feed_id: UUID) -> None:
    """Forget the calendar and give back what it closed. Raises NotFound."""
    queries.check_own(unit, clinician_id)
    row = CalendarFeedRow
    gone = delete(row).where(row.id == feed_id, row.resource_id == clinician_id).returning(row.no)
    no = await unit.session.scalar(gone)
    if no is None:
        raise NotFound
    await booking.close_external(unit, clinician_id, no, [])
    await _verify(unit, clinician_id)
    unit.audit("delete", "calendar_feed", feed_id)


async def claim_due(unit: Unit) -> list[Errand]:
    """Calendars to read now; each is ours until its lease ends."""
    row = CalendarFeedRow
    query = select(row).where(row.due_at <= unit.now).order_by(row.due_at).limit(AT_ONCE)
    due = (await unit.session.scalars(query.with_for_update(skip_locked=True))).all()
    for each in due:
        each.due_at = unit.now + LEASE
    return [await _errand(unit, each) for each in due]


async def _errand(unit: Unit, row: CalendarFeedRow) -> Errand:
    resource = await availability_queries.resource(unit, row.resource_id)
    fresh = row.whole_at is not None and unit.now < row.whole_at + WHOLE_EVERY and row.version == resource.version
    return Errand(
        feed_id=row.id,
        resource=resource,
        url=unit.vault.open(("calendar_feed", "address", row.id), row.address),
        at=unit.now,
        etag=row.etag if fresh else None,
        modified=row.modified if fresh else None,
    )


async def settle(unit: Unit, errand: Errand, outcome: Outcome) -> None:
    """What the trip came to. A calendar that was removed meanwhile changes nothing."""
    query = select(CalendarFeedRow).where(CalendarFeedRow.id == errand.feed_id).with_for_update()
    row = await unit.session.scalar(query.execution_options(populate_existing=True))
    if row is None:
        return
    row.read_at = unit.now
    if isinstance(outcome, Failed):
        row.fault, row.failures = outcome.fault, row.failures + 1
    else:
        row.fault, row.failures, row.good_at = None, 0, errand.at
        row.etag, row.modified = outcome.etag or errand.etag, outcome.modified or errand.modified
    row.due_at = next_read(unit.now, row.failures)
    if not isinstance(outcome, Failed | Unchanged):
        row.whole_at, row.version = errand.at, errand.resource.version
        row.etag, row.modified = outcome.etag, outcome.modified
        row.alerts = [asdict(alert) for alert in outcome.busy.alerts]
        await booking.close_external(unit, row.resource_id, row.no, outcome.busy.times)
    await unit.session.flush()
    await _verify(unit, row.resource_id)


async def _verify(unit: Unit, resource_id: UUID) -> None:
    """Say until when all calendars of the resource are known. Looks at them after its row is locked: a calendar that
    is being added at the same time is seen.
    """
    await availability.verify(unit, resource_id, unit.now)
    feeds = await queries.feeds_of(unit, resource_id)
    await availability.verify(unit, resource_id, verified_until(feeds, unit.now))


async def open_link(unit: Unit, clinician_id: ClinicianId) -> str:
    """The secret of a new calendar address; the one before opens nothing any more. Raises NotFound."""
    queries.check_own(unit, clinician_id)
    await people.clinician(unit, clinician_id)
    secret = new_secret()
    values = {"secret": digest(secret), "created_at": unit.now}
    statement = upsert(CalendarLinkRow).values(clinician_id=clinician_id, **values)
    await unit.session.execute(statement.on_conflict_do_update(index_elements=["clinician_id"], set_=values))
    unit.audit("create", "calendar_link", clinician_id)
    return secret


async def close_link(unit: Unit, clinician_id: ClinicianId) -> None:
    """The address opens nothing any more. Raises NotFound."""
    queries.check_own(unit, clinician_id)
    row = CalendarLinkRow
    gone = delete(row).where(row.clinician_id == clinician_id).returning(row.clinician_id)
    if await unit.session.scalar(gone) is None:
        raise NotFound
    unit.audit("delete", "calendar_link", clinician_id)
