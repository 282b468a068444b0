"""Patients who come by the personal link of what they are asked: the date of birth says that it is them."""

from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select

from telehealth.access import guests as access
from telehealth.access.links import Locked, Mistaken, Passed, judge, unknown
from telehealth.access.rules import digest
from telehealth.core.ids import PatientId
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.monitoring import queries
from telehealth.monitoring.models import RequestRow
from telehealth.people import queries as people
from telehealth.visits.participants import queries as participants

LINK = "monitoring_link"
LONGEST_LOOK = timedelta(hours=2)  # how long one passing of the identity step is good for


@dataclass(frozen=True, slots=True)
class Recognised:
    """It is them: `secret` and `max_age` (seconds) are for the cookie of a session of their visit. Who is asked to do
    something finds it on the page of all that is asked of them: there is no `request_id`.
    """

    request_id: UUID | None
    secret: str
    max_age: int


@dataclass(frozen=True, slots=True)
class Over:
    """It is them, and the time to answer is over; or, of what was `to_do`, somebody has seen to it."""

    to_do: bool


async def identify(unit: Unit, link_secret: str, birth_date: date) -> Recognised | Mistaken | Locked | Over:
    """The identity step, as of a visit's own link: a wrong try is answered, and the link stays valid."""
    row = await unit.session.scalar(
        select(RequestRow)
        .where(RequestRow.link_hash == digest(link_secret))
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    own = None if row is None else await participants.patients_own(unit, row.visit_id, row.patient_id)
    if row is None or own is None:
        return unknown(unit, LINK)
    born = (await people.patient(unit, PatientId(row.patient_id))).birth_date
    answer = judge(unit, row, LINK, right=born == birth_date, patient_id=row.patient_id)
    if not isinstance(answer, Passed):
        return answer
    request = queries.request_of(row)
    if unit.now >= await queries.closes_at(unit, request):
        to_do = request.form_id is None  # which may be said to be done late
        if not to_do or request.task_id is None or await followups.is_closed(unit, request.task_id):
            return Over(to_do)
    secret = await access.open_guest_session(
        unit,
        participant_id=own,
        visit_id=request.visit_id,
        person_id=request.patient_id,
        until=unit.now + LONGEST_LOOK,
    )
    return Recognised(request.id if request.form_id else None, secret, int(LONGEST_LOOK.total_seconds()))
