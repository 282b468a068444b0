"""The pages of visits: the board, booking, the personal link. They work without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import ZONES, parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.people.rules import Clinician, Patient
from telehealth.scheduling.booking import queries as scheduling
from telehealth.scheduling.booking.rules import Asked, SlotRefused
from telehealth.scheduling.calendars import queries as calendars
from telehealth.scheduling.calendars.rules import FeedState
from telehealth.visits import guests, queries, service
from telehealth.visits.ports import DueFollowUp, FollowUps
from telehealth.visits.rules import LinkOver, Visit, VisitStatus
from telehealth.visits.schemas import BirthForm, ChosenTime, FindForm, NewPatientForm, TimesQuery

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


# Booking

EMPTY = {**NewPatientForm().shown(), "name": ""}


@dataclass(frozen=True, slots=True)
class Desk:
    """Who books, and what day it is for them."""

    me: queries.Reader
    today: date

    @property
    def zone(self) -> ZoneInfo:
        return self.me.time_zone


async def find(call: Call) -> Response:
    """Find the patient."""
    desk = await call.run(_desk)
    return _finding(call, desk, {"zone": desk.zone.key})


async def found(call: Call, body: FindForm) -> Response:
    """The patients of that name and birth date, or a form for a new one."""
    desk = await call.run(_desk)
    shown = {**body.shown(), "zone": desk.zone.key}
    born = body.birth_date(desk.today)
    errors = [] if born else [FieldError(_first_box(call), "incomplete")]
    errors += [] if body.name.strip() else [FieldError("name", "required")]
    if errors or born is None:
        return _finding(call, desk, shown, errors=errors)
    matches = await call.run(people.find_patients, body.name, born)
    given, _, family = body.name.strip().rpartition(" ")
    return _finding(call, desk, {**shown, "given_name": given, "family_name": family}, matches=matches)


async def register(call: Call, body: NewPatientForm) -> Response:
    """A new patient; then on to the times."""
    desk = await call.run(_desk)
    values, errors = body.read(desk.today, _first_box(call))
    if errors:
        return _finding(call, desk, body.shown(), matches=[], errors=errors)
    patient = await call.run(registration.register_patient, **values)
    return call.redirect(f"/book/{patient.id}")


async def times(call: Call, patient: UUID, query: TimesQuery) -> Response:
    """Free times for a patient."""
    return await _times(call, patient, query)


async def choose(call: Call, patient: UUID, body: ChosenTime) -> Response:
    """Book the time; if it has just gone, show what is free now."""
    try:
        booked = await call.run(
            service.book,
            patient_id=PatientId(patient),
            clinician_id=ClinicianId(body.clinician),
            visit_type_id=VisitTypeId(body.visit_type),
            start=body.offer,
        )
    except SlotRefused:
        day = body.offer.date() if 2000 <= body.offer.year < 2200 else None
        query = TimesQuery(visit_type=body.visit_type, clinician=body.clinician, day=day)
        return await _times(call, patient, query, taken=True)
    return call.render("booked.html", **await call.run(_booked, booked, call.kit.public_url))


def _finding(
    call: Call,
    desk: Desk,
    form: Mapping[str, str],
    *,
    matches: Sequence[Patient] | None = None,
    errors: Sequence[FieldError] = (),
) -> Response:
    return call.render(
        "book.html",
        status=422 if errors else 200,
        me=desk.me,
        patient=None,
        form={**EMPTY, **form},
        zones=ZONES,
        matches=matches,
        errors=list(errors),
    )


def _first_box(call: Call) -> str:
    return f"birth_{call.locale.date_order[0]}"


async def _desk(unit: Unit) -> Desk:
    me = await queries.reader(unit)
    return Desk(me, unit.now.astimezone(me.time_zone).date())


async def _times(call: Call, patient: UUID, query: TimesQuery, *, taken: bool = False) -> Response:
    context = await call.run(_free_times, PatientId(patient), query)
    return call.render("book.html", status=409 if taken else 200, taken=taken, errors=[], **context)


async def _free_times(unit: Unit, patient_id: PatientId, query: TimesQuery) -> dict[str, Any]:
    desk = await _desk(unit)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    kinds, clinicians = await scheduling.visit_types(unit), await _bookable(unit)
    kind = _picked(kinds, query.visit_type)
    clinician = _picked(clinicians, query.clinician)
    first = max(query.day or desk.today, desk.today)
    days = None
    if kind and clinician:
        asked = Asked(visit_type_id=kind.id, clinician_ids=[clinician.id], patient_id=patient_id)
        days = await _days(unit, asked, first, desk.zone)
    return {
        "me": desk.me,
        "zone": desk.zone,
        "patient": {
            "id": patient.id,
            "name": patient.name,
            "birth_date": patient.birth_date,
            "zone": parse_zone(patient.time_zone),
        },
        "visit_types": kinds,
        "clinicians": clinicians,
        "chosen": {
            "visit_type": kind.id if kind else "",
            "clinician": clinician.id if clinician else "",
            "day": first.isoformat(),
        },
        "days": days,
    }


async def _bookable(unit: Unit) -> list[Clinician]:
    clinicians = await people.clinicians(unit)
    own = unit.actor.role is Role.CLINICIAN
    return [each for each in clinicians if not own or each.id == unit.actor.person_id]


def _picked(things: Sequence[Any], wanted: UUID | None) -> Any:
    return next((each for each in things if wanted in (None, each.id)), None)


async def _days(unit: Unit, asked: Asked, first: date, zone: ZoneInfo) -> list[dict[str, Any]]:
    start, _ = queries.whole_day(first, zone)
    slots = await scheduling.search(unit, asked, Interval(start, start + timedelta(days=DAYS_SHOWN)), TIMES_SHOWN)
    return [
        {"day": day, "times": [{"start": slot.start, "offer": slot.start.isoformat()} for slot in group]}
        for day, group in groupby(slots, key=lambda slot: slot.start.astimezone(zone).date())
    ]


async def _booked(unit: Unit, booked: service.Booked, public_url: str) -> dict[str, Any]:
    visit = booked.visit
    desk = await _desk(unit)
    patient = await people.patient(unit, visit.patient_id)
    clinician = await people.clinician(unit, visit.clinician_id)
    return {
        "me": desk.me,
        "zone": desk.zone,
        "patient_zone": parse_zone(patient.time_zone),
        "visit": {
            "id": visit.id,
            "starts_at": visit.starts_at,
            "minutes": visit.minutes,
            "patient_name": patient.name,
            "clinician_name": clinician.name,
        },
        "link": f"{public_url}{queries.LINK_PATH}{booked.link_secret}",
        "mailed_to": patient.email,
    }


# The personal link


async def join(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await _identity_step(call, BirthForm())


async def identify(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the visit."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await _identity_step(call, body, error="incomplete")
    match await call.run(guests.identify_guest, link, born):
        case guests.Identified(secret=secret, max_age=max_age):
            response = call.redirect("/visit")
            set_cookie(response, GUEST_COOKIE, secret, max_age=max_age)
            return response
        case guests.Mistaken(left):
            return await _identity_step(call, body, error="mismatch", tries_left=left)
        case guests.Locked():
            return await _identity_step(call, body, error="locked")
        case guests.Closed():
            raise LinkOver


async def _identity_step(
    call: Call, form: BirthForm, *, error: str | None = None, tries_left: int | None = None
) -> Response:
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
    )
