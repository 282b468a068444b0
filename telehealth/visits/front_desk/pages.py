"""The front desk: from a name and a date of birth to a visit, and to all that may be done with it. Without scripts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import Refusal, Stale
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.problems import status_of
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people.rules import Patient
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import CalendarBusy, SlotRefused
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.schemas import FindForm
from telehealth.visits.front_desk import queries, service
from telehealth.visits.front_desk.forms import FRESH, REASONS, DeskQuery, OrderForm
from telehealth.visits.front_desk.rules import offered, waivable
from telehealth.visits.gates import queries as gates
from telehealth.visits.gates.rules import GatesClosed, NoSuchGate
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import WAITING, Command, JurisdictionMismatch, NotNow, Visit
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants.pages import first_box
from telehealth.visits.participants.rules import INVITABLE, Happened, Participant

EMPTY: Mapping[str, str] = FindForm().shown()
LAST = 2**31  # no visit has changed so often
REFUSED = (NotNow, Stale, SlotRefused, CalendarBusy, JurisdictionMismatch, GatesClosed, NoSuchGate)


# Finding


async def front_desk(call: Call) -> Response:
    """Find a patient's visits."""
    return call.render("desk.html", **_finding(await call.run(visits.reader)))


async def look_up(call: Call, body: FindForm) -> Response:
    """The patients of that name and birth date."""
    reader, today = await call.run(_today)
    born = body.birth_date(today)
    errors = [] if born else [FieldError(first_box(call), body.fault)]
    errors += [] if body.name.strip() else [FieldError("name", "required")]
    matches = None if errors or born is None else await call.run(people.find_patients, body.name, born)
    shown = {**_finding(reader), "form": body.shown(), "errors": errors, "matches": matches}
    return call.render("desk.html", status=422 if errors else 200, **shown)


async def patients_visits(call: Call, patient: UUID, query: DeskQuery) -> Response:
    """A patient's visits of today and ahead."""
    return call.render("desk.html", told=query.told, **await call.run(_listed, PatientId(patient)))


def _finding(reader: visits.Reader) -> dict[str, Any]:
    return {"me": reader, "patient": None, "form": EMPTY, "errors": [], "matches": None}


async def _today(unit: Unit) -> tuple[visits.Reader, Any]:
    reader = await visits.reader(unit)
    return reader, unit.now.astimezone(reader.time_zone).date()


async def _listed(unit: Unit, patient_id: PatientId) -> dict[str, Any]:
    reader = await visits.reader(unit)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    found = await queries.visits_of(unit, patient.id, (await visits.local_day(unit))[0])
    names = {each.id: each.name for each in await people.clinicians(unit)}
    rows = [
        {
            "id": visit.id,
            "starts_at": visit.starts_at,
            "status": visit.status,
            "clinician_name": names.get(visit.clinician_id, ""),
        }
        for visit in found
    ]
    return {**_finding(reader), "patient": _told_of(patient), "zone": reader.time_zone, "visits": rows}


def _told_of(patient: Patient) -> dict[str, Any]:
    told = ("id", "name", "birth_date", "language", "phone")
    return {name: getattr(patient, name) for name in told}


# One visit


async def visit_at_desk(call: Call, visit: UUID, query: DeskQuery) -> Response:
    """A visit, and everything that may be done with it now."""
    return await _page(call, visit, told=query.told)


async def act_at_desk(call: Call, visit: UUID, body: OrderForm) -> Response:
    """Give one command; when it cannot be given, say why and show what is possible now."""
    order, errors = body.read()
    if errors:
        return await _page(call, visit, typed=body.shown(), errors=errors)
    try:
        await call.run(service.give, visit, order)
    except REFUSED as refusal:
        return await _page(call, visit, typed=body.shown(), refused=refusal, seen=body.revision)
    lost = call.actor.role is Role.CLINICIAN and order.command is Command.HAND_OVER
    return call.redirect("/day" if lost else f"/visits/{visit}/desk?told={order.command}")


async def _page(
    call: Call,
    visit_id: UUID,
    *,
    told: str = "",
    typed: Mapping[str, Any] = FRESH,
    errors: Sequence[FieldError] = (),
    refused: Refusal | None = None,
    seen: int = LAST,
) -> Response:
    """`seen` is the revision that was shown to who was refused: what was done since then is told."""
    context = await call.run(_context, visit_id)
    return call.render(
        "desk_visit.html",
        status=status_of(refused) if refused else 422 if errors else 200,
        told=told,
        typed=typed,
        errors=list(errors),
        refused=refused.slug if refused else "",
        changed=[each for each in context["history"] if each["revision"] > seen],
        **context,
    )


async def _context(unit: Unit, visit_id: UUID) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, visit_id)
    role, standings = unit.actor.role, await gates.standings(unit, visit)
    names = {each.id: each.name for each in await people.clinicians(unit)}
    may = offered(visit, role, unit.now, standings)
    waivers = await gates.waivers(unit, visit)
    reader = await visits.reader(unit)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "now": unit.now,
        "patient": _told_of(await people.patient(unit, visit.patient_id)),
        "visit": await _shown(unit, visit, names),
        "may": may,
        "reasons": {command: REASONS[command] for command in may if command in REASONS},
        "heirs": await queries.heirs(unit, visit) if Command.HAND_OVER in may else [],
        "people": [_part(visit, each) for each in await participants.roster(unit, visit.id)],
        "gates": [
            {
                "gate": each.gate,
                "state": each.state,
                "by": waivers[each.gate].waived_by if each.gate in waivers else "",
                "reason": (waivers[each.gate].reason or "") if each.gate in waivers else "",
            }
            for each in standings
        ],
        "said": await appointments.said(unit, visit),
        "withdrawn": bool(await gates.withdrawn(unit, [visit.id])),
        "waivable": waivable(visit, role, unit.now, standings),
        "parts": [_happened(each) for each in await participants.history(unit, visit.id)],
        "history": [_told(entry, names) for entry in await queries.entries(unit, visit.id)],
    }


async def _shown(unit: Unit, visit: Visit, names: Mapping[ClinicianId, str]) -> dict[str, Any]:
    kind = await booking.visit_type(unit, visit.visit_type_id)
    own = ("id", "starts_at", "minutes", "status", "revision", "check", "misplaced", "waiting_since")
    return {
        **{name: getattr(visit, name) for name in own},
        "visit_type": kind.name,
        "clinician_name": names.get(visit.clinician_id, ""),
        "away": visit.away_since is not None,
        "waits": visit.status in WAITING,
        "open": visit.status in INVITABLE,
    }


def _part(visit: Visit, each: Participant) -> dict[str, Any]:
    shown = {"id": each.id, "name": each.name, "kind": each.kind, "state": each.state, "since": each.since}
    return {
        **shown,
        "locked": each.locked_until is not None,
        "resend": each.has_link and visit.status in INVITABLE,
    }


def _happened(each: Happened) -> dict[str, Any]:
    shown = {name: getattr(each, name) for name in ("at", "name", "kind", "step", "role")}
    return {**shown, "again": each.before is each.after}


def _told(entry: queries.Entry, names: Mapping[ClinicianId, str]) -> dict[str, Any]:
    """Who did it is a role; the name of who gives the visit from then on is shown, as everywhere."""
    told = {name: getattr(entry, name) for name in ("at", "revision", "command", "role", "cause", "after")}
    handed = entry.clinician_id if entry.command is Command.HAND_OVER else None
    moved = entry.starts_at if entry.command is Command.RESCHEDULE else None
    return {**told, "to": names.get(handed, "") if handed else "", "moved_to": moved}
