"""The identity step of those who came without a time, before their place in the queue has become a visit, and after."""

from datetime import date

from sqlalchemy import select

from telehealth.access import guests as access
from telehealth.access.links import Locked, Passed, judge
from telehealth.access.rules import digest
from telehealth.db.unit import Unit
from telehealth.people import queries as people
from telehealth.visits.escalation import service as escalation
from telehealth.visits.lifecycle.joining import OVERRUN
from telehealth.visits.participants import guests
from telehealth.visits.waiting_room.events import QueueMoved
from telehealth.visits.waiting_room.models import QueueEntryRow
from telehealth.visits.waiting_room.standings import about, entry_of

LINK = "queue_link"


async def identify(unit: Unit, link_secret: str, birth_date: date) -> guests.Identification | str:
    """Whoever has the link and knows the date of birth gets a session for their place, and for the visit it becomes.

    Answers its secret, or why not. The step is that of `guests.identify_guest`, which goes on with it once there is a
    visit.
    """
    row = await unit.session.scalar(
        select(QueueEntryRow)
        .where(QueueEntryRow.link_hash == digest(link_secret))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if row is None or row.taken_at is not None:
        return await guests.identify_guest(unit, link_secret, birth_date)
    entry = entry_of(row)
    born = (await people.patient(unit, entry.patient_id)).birth_date
    answer = judge(unit, row, LINK, right=born == birth_date, patient_id=entry.patient_id)
    if isinstance(answer, Locked) and answer.begun and entry.waits:  # somebody should call them
        await escalation.entry_locked(unit, about(entry, unit.now))
    if not isinstance(answer, Passed):
        return answer
    if row.left_at is not None:
        return guests.Closed()
    row.verified_at = row.verified_at or unit.now
    unit.emit(QueueMoved(entry_id=entry.id))
    return await access.open_guest_session(
        unit,
        participant_id=entry.participant_id,
        visit_id=entry.id,
        person_id=entry.patient_id,
        until=unit.now + OVERRUN,
    )
