"""The queue's page for staff, and what they tell those who wait. It works without scripts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people.jurisdictions import choices
from telehealth.people.rules import Patient
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import LocationRequired
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle.rules import VisitStatus
from telehealth.visits.participants.pages import first_box
from telehealth.visits.waiting_room import notices, service, standings, waiting
from telehealth.visits.waiting_room.queue import AlreadyQueued, NobodyWaits, NotWaiting, Standing
from telehealth.visits.waiting_room.schemas import (
    FindToQueue,
    LateForm,
    LateView,
    NextForm,
    PutInQueue,
    QueuePageQuery,
    SayLate,
    SayToPatient,
    TellForm,
)

EMPTY: Mapping[str, str] = FindToQueue().shown()
PLAIN = QueuePageQuery()


async def queue_page(call: Call, query: QueuePageQuery) -> Response:
    """Who waits without a time, next first."""
    return await _queue(call, query)


async def call_next(call: Call, body: NextForm) -> Response:
    """The clinician's next patient, then into the room; the same press again leads to the same patient."""
    try:
        visit = await call.run(service.take_next, VisitTypeId(body.visit_type) if body.visit_type else None)
    except NobodyWaits:
        return call.redirect("/queue?told=nobody")
    return call.redirect(f"/visits/{visit.id}")


async def find_to_queue(call: Call, body: FindToQueue) -> Response:
    """The patients of that name and birth date, to be put into the queue."""
    reader = await call.run(visits.reader)
    born = body.birth_date((await call.run(_now)).astimezone(reader.time_zone).date())
    errors = [] if born else [FieldError(first_box(call), body.fault)]
    errors += [] if body.name.strip() else [FieldError("name", "required")]
    if errors or born is None:
        return await _queue(call, form=body.shown(), errors=errors)
    matches = await call.run(people.find_patients, body.name, born)
    return await _queue(call, form=body.shown(), matches=matches)


async def put_in_queue(call: Call, patient: UUID, body: PutInQueue) -> Response:
    """Let them wait for whoever is free; the page then shows their personal link."""
    try:
        queued = await call.run(
            waiting.enqueue,
            patient_id=PatientId(patient),
            visit_type_id=VisitTypeId(body.visit_type),
            jurisdiction=body.location or None,
            priority=int(body.urgent == "on"),
        )
    except AlreadyQueued:
        return call.redirect("/queue?told=already")
    except LocationRequired:
        return call.redirect("/queue?told=where")
    return call.redirect(f"/queue?entry={queued.standing.entry.id}")


async def take_off_queue(call: Call, entry: UUID) -> Response:
    """They do not wait any longer."""
    await call.run(waiting.leave, entry)
    return call.redirect("/queue?told=left")


async def tell_queued(call: Call, entry: UUID, body: TellForm) -> Response:
    """A message to who waits in the queue."""
    return call.redirect(f"/queue?told={await _told(call, entry, body)}")


async def tell_waiting(call: Call, visit: UUID, body: TellForm) -> Response:
    """A message to who waits for their visit."""
    page = f"/visits/{visit}/desk" if body.back == "visit" else "/day"
    return call.redirect(f"{page}?told={await _told(call, visit, body)}")


async def run_late(call: Call, body: LateForm) -> Response:
    """A clinician is late, and whoever waits for them hears of it."""
    await call.run(_late, ClinicianId(body.clinician) if body.clinician else None, body.minutes)
    return call.redirect("/day?told=late")


async def say_late(call: Call, clinician: UUID, body: SayLate) -> LateView:
    """Tell everyone who waits for this clinician, and whose visit begins soon, by how much it is late."""
    return LateView(minutes=body.minutes, told=await call.run(notices.say_late, ClinicianId(clinician), body.minutes))


async def say_to_waiting(call: Call, visit: UUID, body: SayToPatient) -> None:
    """A message to who waits for this visit; it stands on their page at once."""
    await call.run(notices.say, visit, code=body.code, words=body.words.strip())


async def say_to_queued(call: Call, entry: UUID, body: SayToPatient) -> None:
    """A message to who waits in the queue; it stands on their page at once."""
    await call.run(notices.say, entry, code=body.code, words=body.words.strip())


async def _told(call: Call, subject: UUID, body: TellForm) -> str:
    """What the page says then: that it stands there, or that nobody waits there any more."""
    try:
        await call.run(_tell, subject, body)
    except NotWaiting:
        return "gone"
    return "message"


async def _now(unit: Unit) -> Any:
    return unit.now


async def _tell(unit: Unit, subject: UUID, body: TellForm) -> None:
    words = body.words.strip()
    await notices.say(unit, subject, code=None if words else body.code, words=words)


async def _late(unit: Unit, clinician_id: ClinicianId | None, minutes: int) -> None:
    own = unit.actor.person_id if unit.actor.role is Role.CLINICIAN else None
    clinician_id = clinician_id or (None if own is None else ClinicianId(own))
    if clinician_id is None:
        raise NotFound
    await notices.say_late(unit, clinician_id, minutes)


async def _queue(
    call: Call,
    query: QueuePageQuery = PLAIN,
    *,
    form: Mapping[str, str] = EMPTY,
    matches: Sequence[Patient] | None = None,
    errors: Sequence[FieldError] = (),
) -> Response:
    context = await call.run(_context, query, call.kit.public_url)
    return call.render(
        "queue.html",
        status=422 if errors else 200,
        told=query.told,
        form=form,
        matches=matches,
        errors=list(errors),
        **context,
    )


async def _context(unit: Unit, query: QueuePageQuery, public_url: str) -> dict[str, Any]:
    line = await standings.everyone(unit)
    patients = await people.patients(unit, {each.entry.patient_id for each in line})
    kinds = await booking.visit_types(unit)
    names = {kind.id: kind.name for kind in kinds}
    reader = await visits.reader(unit)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "now": unit.now,
        "press": unit.new_id(),
        "stream": "/v1/queue/stream",
        "visit_types": kinds,
        "place": {"options": choices(await people.licensed_jurisdictions(unit)), "chosen": ""},
        "entries": [_row(each, patients[each.entry.patient_id], names) for each in line],
        "link": f"{public_url}{await waiting.link_of(unit, query.entry)}" if query.entry else None,
        "patient": await _chosen(unit, PatientId(query.patient)) if query.patient else None,
        "late": await lateness(unit),
    }


async def _chosen(unit: Unit, patient_id: PatientId) -> Patient:
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    return patient


async def lateness(unit: Unit) -> dict[str, Any]:
    """What the buttons of running late show: a clinician's own, or for the desk all clinicians to choose from."""
    if unit.actor.role is Role.CLINICIAN and unit.actor.person_id is not None:
        own = await notices.late_of(unit, ClinicianId(unit.actor.person_id))
        return {"minutes": own.minutes if own else 0, "clinicians": []}
    return {"minutes": 0, "clinicians": await people.clinicians(unit)}


def _row(standing: Standing, patient: Patient, names: Mapping[VisitTypeId, str]) -> dict[str, Any]:
    entry = standing.entry
    return {
        "id": entry.id,
        "position": standing.position,
        "patient_name": patient.name,
        "language": patient.language,
        "visit_type": names.get(entry.visit_type_id, ""),
        "jurisdiction": entry.jurisdiction,
        "urgent": entry.priority > 0,
        "came_at": entry.came_at,
        "here": entry.verified_at is not None and entry.dropped_at is None,
        "gone": entry.dropped_at is not None,
        "estimate": standing.estimate,
        "status": VisitStatus.READY,
    }
