"""The patient's one page: where they are, the device check, the waiting room, the call. It works without scripts."""

from typing import Any

from starlette.responses import Response

from telehealth.core.errors import NotFound
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.people import queries as people
from telehealth.people.jurisdictions import choices
from telehealth.visits.gates import queries as gates
from telehealth.visits.gates.rules import GatesClosed, to_prepare
from telehealth.visits.gates.service import make_ready
from telehealth.visits.lifecycle import check_in
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.guests import PREPARED
from telehealth.visits.lifecycle.joining import Stage, may_call_off, stage_of
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit, VisitStatus
from telehealth.visits.lifecycle.schemas import AttestLocation
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service as company
from telehealth.visits.participants.pages import elsewhere
from telehealth.visits.waiting_room import attendance, notices, standings
from telehealth.visits.waiting_room.own_place import here, own_place
from telehealth.visits.waiting_room.schemas import OwnVisitQuery


async def own_visit(call: Call, query: OwnVisitQuery) -> Response:
    """Prepare, check, wait, talk, done. Opening it inside the join window is arriving."""
    try:
        if call.actor.elsewhere:
            return await elsewhere(call)
        found = await call.run(_own_visit)
    except NotFound:  # no visit yet: a place in the queue
        return call.render("place.html", **await call.run(_own_place))
    if found["stage"] is Stage.CHECK and found["to_prepare"]:
        return call.redirect("/visit/prepare")
    return call.render("visit.html", moved=bool(query.moved), **found)


async def ready(call: Call) -> Response:
    """Into the waiting room without scripts: nothing could be checked."""
    try:
        await call.run(_ready_unchecked)
    except GatesClosed:
        return call.redirect("/visit/prepare")
    return call.redirect("/visit")


async def say_where(call: Call, body: AttestLocation) -> Response:
    """Say where you are, then into the waiting room without scripts; the page says so when that is not possible."""
    visit = await call.run(_attest, body.jurisdiction)
    return call.redirect("/visit") if visit.misplaced else await ready(call)


async def _own_visit(unit: Unit) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    if visit.status is VisitStatus.BOOKED and stage_of(visit, unit.now) is Stage.CHECK:
        visit = await lifecycle.arrive(unit, visit.id)
    visit = await lifecycle.back(unit, visit.id) if visit.away_since is not None else visit
    if unit.actor.id is not None:
        counts_for = PREPARED if visit.status is VisitStatus.ARRIVED else attendance.RELOADED
        await attendance.note(unit, [unit.actor.id], unit.now + counts_for)
    patient = await people.patient(unit, visit.patient_id)
    clinician = await people.clinician(unit, visit.clinician_id)
    clinic = await people.clinic(unit)
    return {
        "preferred": patient.language,
        "visit": {
            "id": visit.id,
            "starts_at": visit.starts_at,
            "minutes": visit.minutes,
            "clinician_name": clinician.name,
        },
        "zone": parse_zone(patient.time_zone),
        "phone": clinic.phone or None,
        "clinic": clinic.name,
        "emergency": clinic.emergency,
        "opens_at": visit.opens_at,
        "stage": stage_of(visit, unit.now),
        "place": await _place(unit, visit),
        "to_prepare": bool(to_prepare(await gates.standings(unit, visit))),
        "intake": await gates.is_asked(unit, visit),
        "agreed": await gates.last_given(unit, visit) is not None,
        "readable": unit.actor.id is not None and (await participants.participant(unit, unit.actor.id)).reads(unit.now),
        **await _waiting_on(unit, visit),
        **await _ways_out(unit, visit),
    }


async def _ways_out(unit: Unit, visit: Visit) -> dict[str, bool]:
    """What the patient's side may still change by themselves."""
    may_book = await company.may_book(unit)
    return {
        "movable": may_book and visit.status is VisitStatus.BOOKED,
        "cancellable": may_book and may_call_off(visit, unit.actor.role, unit.now),
    }


async def _own_place(unit: Unit) -> dict[str, Any]:
    entry_id = own_visit_id(unit)
    await here(unit, entry_id)
    context = await own_place(unit, entry_id)
    return {**context, "emergency": (await people.clinic(unit)).emergency}


async def _waiting_on(unit: Unit, visit: Visit) -> dict[str, Any]:
    """What the patient is told while they wait, and how long it takes."""
    late = await notices.late_of(unit, visit.clinician_id)
    minutes = late.minutes if late else 0
    waits = visit.status is VisitStatus.READY
    return {
        "late": minutes if visit.status in notices.TO_BE_TOLD else 0,
        "told": await notices.told(unit, visit.id) if visit.status in notices.TO_BE_TOLD else [],
        "estimate": await standings.estimate_of(unit, visit, late=minutes) if waits else None,
    }


async def _place(unit: Unit, visit: Visit) -> dict[str, Any] | None:
    """What the page asks about where the patient is; None when it need not ask."""
    place = await check_in.place_of(unit, visit)
    if not place.needed:
        return None
    chosen = place.told or place.expected or ""
    also = [*await people.licensed_jurisdictions(unit), *filter(None, [chosen])]
    return {"options": choices(also), "chosen": chosen, "misplaced": visit.misplaced}


async def _attest(unit: Unit, jurisdiction: str) -> Visit:
    return await lifecycle.attest_location(unit, own_visit_id(unit), jurisdiction)


async def _ready_unchecked(unit: Unit) -> None:
    visit_id = own_visit_id(unit)
    visit = await lifecycle.record_check(unit, visit_id, DeviceCheck.WAIVED, cause="no-scripts")
    if visit.status is VisitStatus.ARRIVED:
        await make_ready(unit, visit_id)
