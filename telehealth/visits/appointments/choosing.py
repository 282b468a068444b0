"""Patients choose a time: another one for their visit, or one they were invited to choose. It works without scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.access.links import Locked, Mistaken
from telehealth.core.errors import Stale
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.core.time import ZONES, parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.credentials import INVITED_COOKIE, set_cookie
from telehealth.people import queries as people
from telehealth.people.jurisdictions import choices
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, SlotRefused, VisitType
from telehealth.visits.appointments import self_booking, service
from telehealth.visits.appointments.forms import ChosenQuery, MovedTime, OwnTime, OwnTimesQuery
from telehealth.visits.appointments.free_times import Reading, free_days
from telehealth.visits.appointments.wishes import Invitation, InvitationOver, able
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import NotNow, Visit, VisitStatus
from telehealth.visits.lifecycle.schemas import BirthForm
from telehealth.visits.participants import service as participants
from telehealth.visits.participants.guests import Closed
from telehealth.visits.participants.pages import identity_step

Context = dict[str, Any]
FURTHEST = timedelta(days=3660)  # nobody means a later one


@dataclass(frozen=True, slots=True)
class Question:
    """What a patient chooses a time for. `now` is the visit's present time, when it has one."""

    kind: VisitType
    asked: Asked
    home: ZoneInfo
    language: str
    now: datetime | None = None


# Another time for one's visit


async def own_times(call: Call, query: OwnTimesQuery) -> Response:
    """Times at which the visit could take place instead."""
    return call.render("choose.html", **await call.run(_own_times, query))


async def asked_to_move(call: Call, query: ChosenQuery) -> Response:
    """The time that was chosen beside the present one: it is moved only by a press there."""
    return await own_times(call, query) if query.offer is None else await _question(call, query, query.offer)


async def move_own(call: Call, body: MovedTime, query: OwnTimesQuery) -> Response:
    """Move the visit from what was shown. If somebody was quicker, show what is free now, or how it stands."""
    if body.was is None or "who" not in body.model_fields_set:
        return call.redirect(f"/visit/times/chosen?{query.again(offer=body.offer.isoformat())}")
    try:
        await call.run(_move_own, body.offer, body.was, body.who)
    except (SlotRefused, NotNow) as refused:
        context = await call.run(_own_times, query)
        return call.render("choose.html", status=409, **{**context, "refused": refused.slug})
    except Stale:
        return await _question(call, query, body.offer, moved=True)
    return call.redirect("/visit?moved=1")


async def _question(call: Call, query: OwnTimesQuery, offer: datetime, *, moved: bool = False) -> Response:
    found = await call.run(_asked_to_move, query, offer)
    if found is None:
        return call.render("choose.html", status=409, **{**await call.run(_own_times, query), "refused": "slot-taken"})
    return call.render("move.html", status=409 if moved else 200, moved=moved, **found)


async def _asked_to_move(unit: Unit, query: OwnTimesQuery, offer: datetime) -> Context | None:
    """None when the time is not to be had, or the visit not to be moved."""
    visit, question = await _own_question(unit)
    possible = visit.status is VisitStatus.BOOKED and offer - unit.now < FURTHEST
    free = possible and await booking.search(unit, question.asked, Interval(offer, offer + timedelta(minutes=1)), 1)
    if not free or offer == visit.starts_at:
        return None
    clinic = await people.clinic(unit)
    return {
        "preferred": question.language,
        "now": visit.starts_at,
        "then": offer,
        "zone": _zone(question, query),
        "visit_type": {"name": question.kind.name, "minutes": question.kind.minutes},
        "clinician": await _named(unit, question.asked),
        "who": service.one_clinician(visit),
        "times": f"/visit/times?{query.again()}",
        "query": query.shown(offer=offer.isoformat()),
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }


async def _own_question(unit: Unit) -> tuple[Visit, Question]:
    await participants.require_booking(unit)
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    patient = await people.patient(unit, visit.patient_id)
    kind = await booking.visit_type(unit, visit.visit_type_id)
    told = await people.whereabouts(unit, patient.id)
    asked = Asked(
        visit_type_id=kind.id,
        clinician_ids=able(visit),
        also=visit.also,
        patient_id=patient.id,
        jurisdiction=None if told else visit.planned_location,
        except_owner=visit.id,
    )
    return visit, Question(kind, asked, parse_zone(patient.time_zone), patient.language, visit.starts_at)


async def _own_times(unit: Unit, query: OwnTimesQuery) -> Context:
    visit, question = await _own_question(unit)
    may_move = visit.status is VisitStatus.BOOKED
    cancelled = visit.status is VisitStatus.CANCELLED
    return {**await _choice(unit, question, query, open_now=may_move), "place": None, "cancelled": cancelled}


async def _move_own(unit: Unit, start: datetime, was: datetime, who: ClinicianId | None) -> Visit:
    await participants.require_booking(unit)
    return await service.move_from(unit, own_visit_id(unit), was=was, who=who, start=start)


# A time one was invited to choose


async def invitation(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await identity_step(call, BirthForm(), leads_to="times")


async def identify_invited(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the times."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await identity_step(call, body, error=body.fault, leads_to="times")
    match await call.run(self_booking.identify, link, born):
        case self_booking.Recognised(secret=secret, max_age=max_age):
            response = call.redirect("/times")
            set_cookie(response, INVITED_COOKIE, secret, max_age=max_age)
            return response
        case Mistaken(left):
            return await identity_step(call, body, error="mismatch", tries_left=left, leads_to="times")
        case Locked():
            return await identity_step(call, body, error="locked", leads_to="times")
        case Closed():
            return await _over(call)


async def invited_times(call: Call, query: OwnTimesQuery) -> Response:
    """Free times for whoever was invited to choose one; once chosen, the visit that came of it."""
    return await _invited_page(call, query)


async def choose_invited(call: Call, body: OwnTime, query: OwnTimesQuery) -> Response:
    """Book the time; if somebody was quicker, show what is free now."""
    try:
        await call.run(self_booking.choose, _secret(call), body.offer, location=query.location)
    except SlotRefused as refused:
        return await _invited_page(call, query, refused=refused.slug)
    except InvitationOver:
        return await _over(call)
    return call.redirect("/times")


async def _invited_page(call: Call, query: OwnTimesQuery, *, refused: str = "") -> Response:
    try:
        template, context = await call.run(_invited, _secret(call), query, call.kit.public_url)
    except InvitationOver:
        return await _over(call)
    return call.render(template, status=409 if refused else 200, **{**context, "refused": refused})


async def _over(call: Call) -> Response:
    """The cookie is gone or the invitation is over: the link of the newest message leads back, or the clinic helps."""
    clinic = await call.run(people.clinic)
    return call.render("chosen.html", status=410, visit=None, clinic=clinic.name, phone=clinic.phone or None)


def _secret(call: Call) -> str:
    return call.request.cookies.get(INVITED_COOKIE, "")


async def _invited(unit: Unit, secret: str, query: OwnTimesQuery, public_url: str) -> tuple[str, Context]:
    acting, invited = await self_booking.opened(unit, secret)
    patient = await people.patient(acting, invited.patient_id)
    if invited.visit_id is not None:
        visit = await self_booking.chosen(acting, invited.visit_id)
        return "chosen.html", {**await _chosen(acting, visit, public_url), "preferred": patient.language}
    kind = await booking.visit_type(acting, invited.visit_type_id)
    place = await _place(acting, invited, query) if kind.needs_licence else None
    asked = Asked(
        visit_type_id=kind.id,
        clinician_ids=invited.clinician_ids,
        patient_id=invited.patient_id,
        jurisdiction=place["chosen"] or None if place else None,
    )
    question = Question(kind, asked, parse_zone(patient.time_zone), patient.language)
    return "choose.html", {**await _choice(acting, question, query), "place": place}


async def _place(unit: Unit, invited: Invitation, query: OwnTimesQuery) -> Mapping[str, Any]:
    told = query.location or await people.location_at(unit, invited.patient_id, unit.now)
    also = [*await people.licensed_jurisdictions(unit), *filter(None, [told])]
    return {"options": choices(also), "chosen": told or ""}


async def _chosen(unit: Unit, visit: Visit, public_url: str) -> Context:
    clinician = await people.clinician(unit, visit.clinician_id)
    patient = await people.patient(unit, visit.patient_id)
    clinic = await people.clinic(unit)
    return {
        "visit": {"starts_at": visit.starts_at, "minutes": visit.minutes, "clinician_name": clinician.name},
        "stands": visit.status is not VisitStatus.CANCELLED,
        "zone": parse_zone(patient.time_zone),
        "there": parse_zone(visit.time_zone),
        "link": f"{public_url}{await self_booking.link_to(unit, visit)}",
        "mailed_to": patient.email,
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }


async def _choice(unit: Unit, question: Question, query: OwnTimesQuery, *, open_now: bool = True) -> Context:
    zone = _zone(question, query)
    clinic = await people.clinic(unit)
    reading = Reading(zone, query.day, question.now)
    return {
        "preferred": question.language,
        "visit_type": {"name": question.kind.name, "minutes": question.kind.minutes},
        "clinician": await _named(unit, question.asked),
        "now": question.now,
        "zone": zone,
        "query": query.shown(),
        "zones": ZONES if zone.key in ZONES else (zone.key, *ZONES),
        "free": await free_days(unit, question.kind, question.asked, reading) if open_now else None,
        "refused": "",
        "cancelled": False,
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }


def _zone(question: Question, query: OwnTimesQuery) -> ZoneInfo:
    return parse_zone(query.zone) if query.zone in ZONES else question.home


async def _named(unit: Unit, asked: Asked) -> str:
    """The clinician's name when it can be only this one."""
    if len(asked.clinician_ids) != 1:
        return ""
    return (await people.clinician(unit, ClinicianId(asked.clinician_ids[0]))).name
