"""Another time for a visit, chosen at the desk. It works without scripts."""

from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import Refusal, Stale
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.problems import status_of
from telehealth.people import queries as people
from telehealth.people.jurisdictions import choices
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, Audience, CalendarBusy, SlotRefused
from telehealth.visits.appointments import service
from telehealth.visits.appointments.free_times import Reading, free_days
from telehealth.visits.front_desk.forms import MoveForm, MoveQuery
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import NotNow, Visit, VisitStatus


async def other_times(call: Call, visit: UUID, query: MoveQuery) -> Response:
    """Times at which a visit could take place instead."""
    return await _page(call, visit, query)


async def move_at_desk(call: Call, visit: UUID, body: MoveForm) -> Response:
    """Move the visit; if the time or the visit was taken meanwhile, say so and show what is free now."""
    try:
        await call.run(
            service.reschedule,
            visit,
            start=body.offer,
            revision=body.revision,
            clinician_ids=(ClinicianId(body.clinician),) if body.clinician else (),
            location=body.location,
        )
    except (SlotRefused, CalendarBusy, NotNow, Stale) as refusal:
        query = MoveQuery(clinician=body.clinician, location=body.location)
        return await _page(call, visit, query, refused=refusal)
    lost = call.actor.role is Role.CLINICIAN and body.clinician not in (None, call.actor.person_id)
    return call.redirect("/day" if lost else f"/visits/{visit}/desk?told=reschedule")


async def _page(call: Call, visit_id: UUID, query: MoveQuery, *, refused: Refusal | None = None) -> Response:
    context = await call.run(_context, visit_id, query)
    status = status_of(refused) if refused else 200
    return call.render("desk_times.html", status=status, refused=refused.slug if refused else "", **context)


async def _context(unit: Unit, visit_id: UUID, query: MoveQuery) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, visit_id)
    reader = await visits.reader(unit)
    kind = await booking.visit_type(unit, visit.visit_type_id)
    clinicians = [each for each in await people.clinicians(unit) if _may_give(unit, visit, each.id)]
    chosen = query.clinician or (visit.clinician_id if visit.team is None else None)
    place = await _place(unit, visit, query) if kind.needs_licence else None
    asked = Asked(
        visit_type_id=kind.id,
        clinician_ids=(ClinicianId(chosen),) if chosen else visit.team or (),
        also=visit.also,
        patient_id=visit.patient_id,
        jurisdiction=place["chosen"] or None if place else None,
        except_owner=visit.id,
        audience=Audience.STAFF,
    )
    may_move = visit.status is VisitStatus.BOOKED
    reading = Reading(reader.time_zone, query.day, visit.starts_at)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "patient_name": (await people.patient(unit, visit.patient_id)).name,
        "visit": {"id": visit.id, "starts_at": visit.starts_at, "revision": visit.revision},
        "clinicians": clinicians,
        "chosen": chosen or "",
        "anyone": visit.team is not None,
        "place": place,
        "free": await free_days(unit, kind, asked, reading) if may_move else None,
    }


def _may_give(unit: Unit, visit: Visit, clinician_id: ClinicianId) -> bool:
    """A clinician books with themselves."""
    if unit.actor.role is Role.CLINICIAN:
        return clinician_id == visit.clinician_id
    return not visit.team or clinician_id in visit.team


async def _place(unit: Unit, visit: Visit, query: MoveQuery) -> dict[str, Any]:
    told = query.location or await people.location_at(unit, visit.patient_id, unit.now) or visit.planned_location
    also = [*await people.licensed_jurisdictions(unit), *filter(None, [told])]
    return {"options": choices(also), "chosen": told or ""}
