"""The pages of visits: the board, the personal link. They work without scripts."""

from datetime import date
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.people import queries as people
from telehealth.people.rules import Patient
from telehealth.scheduling.calendars import queries as calendars
from telehealth.scheduling.calendars.rules import FeedState
from telehealth.visits import guests, queries, service
from telehealth.visits.ports import DueFollowUp, FollowUps
from telehealth.visits.rules import LinkOver, Visit, VisitStatus
from telehealth.visits.schemas import BirthForm

TIMES_SHOWN, DAYS_SHOWN = 80, 14


async def front_door(call: Call) -> Response:
    """To the board; a guest to their visit."""
    return call.redirect("/visit" if call.actor.role is Role.PATIENT else "/day")


# The board


async def day(call: Call) -> Response:
    """Today's visits and what is due."""
    return call.render("day.html", **await call.run(_day, call.port(FollowUps)))


async def admit(call: Call, visit: UUID) -> Response:
    """Admit, then into the room."""
    await call.run(service.admit, visit)
    return call.redirect(f"/visits/{visit}")


async def end(call: Call, visit: UUID) -> Response:
    """Finish the visit; its note stays open in the room."""
    await call.run(service.end, visit)
    return call.redirect(f"/visits/{visit}")


async def _day(unit: Unit, follow_ups: FollowUps) -> dict[str, Any]:
    reader = await queries.reader(unit)
    board = await queries.board(unit, await queries.local_day(unit))
    due = await follow_ups.wanted(unit)
    named = {visit.patient_id for visit in board.visits} | {task.patient_id for task in due}
    patients = await people.patients(unit, named)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "now": unit.now,
        "stream": "/v1/board/stream",
        "visits": [_row(visit, patients[visit.patient_id]) for visit in board.visits],
        "follow_ups": [_task(task, patients[task.patient_id]) for task in due],
        "calendars": await _calendars(unit),
    }


async def _calendars(unit: Unit) -> list[dict[str, Any]]:
    """The outside calendars somebody has to look at."""
    feeds = await calendars.attention(unit)
    names = {each.id: each.name for each in await people.clinicians(unit)} if feeds else {}
    return [
        {
            "id": feed.id,
            "name": feed.name,
            "clinician_name": names.get(ClinicianId(feed.resource_id), ""),
            "withheld": feed.state(unit.now) is FeedState.WITHHELD,
        }
        for feed in feeds
    ]


def _row(visit: Visit, patient: Patient) -> dict[str, Any]:
    return {
        "id": visit.id,
        "starts_at": visit.starts_at,
        "patient_name": patient.name,
        "language": patient.language,
        "status": visit.status,
        "waiting_since": visit.waiting_since if visit.status is VisitStatus.READY else None,
        "check": visit.check,
        "misplaced": visit.licensed_there is False,
    }


def _task(task: DueFollowUp, patient: Patient) -> dict[str, Any]:
    return {
        "id": task.id,
        "visit_id": task.visit_id,
        "title": task.title,
        "due_at": task.due_at,
        "patient_name": patient.name,
    }


# The personal link


async def join(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await identity_step(call, BirthForm())


async def identify(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the visit."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await identity_step(call, body, error="incomplete")
    match await call.run(guests.identify_guest, link, born):
        case guests.Identified(secret=secret, max_age=max_age):
            response = call.redirect("/visit")
            set_cookie(response, GUEST_COOKIE, secret, max_age=max_age)
            return response
        case guests.Mistaken(left):
            return await identity_step(call, body, error="mismatch", tries_left=left)
        case guests.Locked():
            return await identity_step(call, body, error="locked")
        case guests.Closed():
            raise LinkOver


async def identity_step(
    call: Call,
    form: BirthForm,
    *,
    error: str | None = None,
    tries_left: int | None = None,
    choosing: bool = False,
) -> Response:
    """The page that asks for the date of birth, before a visit or before choosing its time."""
    clinic = await call.run(people.clinic)
    status = {None: 200, "locked": 429}.get(error, 422)
    return call.render(
        "join.html",
        status=status,
        form=form.shown(),
        error=error,
        tries_left=tries_left,
        phone=clinic.phone or None,
        clinic=clinic.name,
        choosing=choosing,
    )


def first_box(call: Call) -> str:
    """The box of a date of birth that comes first where the reader is."""
    return f"birth_{call.locale.date_order[0]}"
