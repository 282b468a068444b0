"""The patient's page while they have a place in the queue and no visit yet: link, date of birth, place.

It works without scripts.
"""

from datetime import date
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.access.links import Locked, Mistaken
from telehealth.core.errors import NotFound
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.people import queries as people
from telehealth.visits.lifecycle.joining import OVERRUN
from telehealth.visits.lifecycle.rules import LinkOver
from telehealth.visits.lifecycle.schemas import BirthForm
from telehealth.visits.participants import guests as links
from telehealth.visits.participants.pages import identity_step
from telehealth.visits.waiting_room import attendance, guests, notices, standings, waiting
from telehealth.visits.waiting_room.schemas import EstimateView, PlaceView


async def wait(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await identity_step(call, BirthForm())


async def identify_waiting(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the place in the queue, or to the visit that has come of it."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await identity_step(call, body, error=body.fault)
    match await call.run(guests.identify, link, born):
        case links.Identified(secret=secret, max_age=max_age):
            return _entered(call, secret, max_age)
        case str(secret):
            return _entered(call, secret, int(OVERRUN.total_seconds()))
        case Mistaken(left):
            return await identity_step(call, body, error="mismatch", tries_left=left)
        case Locked():
            return await identity_step(call, body, error="locked")
        case links.Closed():
            raise LinkOver


def _entered(call: Call, secret: str, max_age: int) -> Response:
    response = call.redirect("/visit")
    set_cookie(response, GUEST_COOKIE, secret, max_age=max_age)
    return response


async def leave_own_place(call: Call) -> Response:
    """The patient does not want to wait any longer."""
    await call.run(_leave)
    return call.redirect("/visit")


async def read_own_place(call: Call, entry: UUID) -> PlaceView:
    """Where you stand, and about how long it takes; null when nobody can say."""
    standing = await call.run(standings.standing, entry)
    estimate = None if standing.estimate is None else EstimateView.model_validate(standing.estimate)
    return PlaceView(ahead=None if standing.position is None else standing.position - 1, estimate=estimate)


async def here(unit: Unit, entry_id: UUID) -> None:
    """Opening the page is being back, and being here. Raises NotFound."""
    entry = await standings.find(unit, entry_id, lock=True)
    if not entry.waits:
        return
    if entry.dropped_at is not None:
        await waiting.come_back(unit, entry_id)
    await attendance.note(unit, [entry.participant_id], unit.now + attendance.RELOADED)


async def own_place(unit: Unit, entry_id: UUID) -> dict[str, Any]:
    """What the page shows of an entry. Raises NotFound."""
    standing = await standings.standing(unit, entry_id)
    entry = standing.entry
    patient = await people.patient(unit, entry.patient_id)
    clinic = await people.clinic(unit)
    return {
        "preferred": patient.language,
        "zone": parse_zone(patient.time_zone),
        "clinic": clinic.name,
        "phone": clinic.phone or None,
        "stream": f"/v1/queue/{entry.id}/place/stream",
        "waits": entry.waits,
        "ahead": None if standing.position is None else standing.position - 1,
        "estimate": standing.estimate,
        "away": entry.dropped_at is not None,
        "told": await notices.told(unit, entry.id),
    }


async def _leave(unit: Unit) -> None:
    if unit.actor.visit_id is None:
        raise NotFound
    await waiting.leave(unit, unit.actor.visit_id)
