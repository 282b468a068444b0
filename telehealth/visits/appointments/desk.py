"""Booking by staff: find the patient, then a time, or let the patient choose one. The pages work without scripts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.time import ZONES, parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.people.jurisdictions import choices
from telehealth.people.rules import Clinician, Patient
from telehealth.scheduling.booking import queries as scheduling
from telehealth.scheduling.booking.rules import Asked, Audience, SlotRefused, VisitType
from telehealth.visits.appointments import self_booking, service
from telehealth.visits.appointments.forms import (
    ChosenTime,
    InvitationView,
    InviteToBook,
    OtherTime,
    SendInvitation,
    TimesQuery,
)
from telehealth.visits.appointments.free_times import Reading, free_days
from telehealth.visits.appointments.schemas import FindForm, NewPatientForm
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.rules import Visit
from telehealth.visits.participants.pages import first_box

EMPTY = {**NewPatientForm().shown(), "name": ""}
FRESH = {"other_day": "", "other_time": "", "other_reason": "", "other_clinician": ""}


@dataclass(frozen=True, slots=True)
class Desk:
    """Who books, and what day it is for them."""

    me: queries.Reader
    today: date

    @property
    def zone(self) -> ZoneInfo:
        return self.me.time_zone


@dataclass(frozen=True, slots=True)
class Retry:
    """The page again: the refusal's slug, or the form of a time of one's own as it was typed with what is wrong."""

    refused: str = ""
    form: Mapping[str, str] | None = None
    errors: Sequence[FieldError] = ()

    @property
    def status(self) -> int:
        return 422 if self.errors else 409 if self.refused else 200


AT_FIRST = Retry()


async def find(call: Call) -> Response:
    """Find the patient."""
    desk = await call.run(_desk)
    return _finding(call, desk, {"zone": desk.zone.key})


async def found(call: Call, body: FindForm) -> Response:
    """The patients of that name and birth date, or a form for a new one."""
    desk = await call.run(_desk)
    shown = {**body.shown(), "zone": desk.zone.key}
    born = body.birth_date(desk.today)
    errors = [] if born else [FieldError(first_box(call), body.fault)]
    errors += [] if body.name.strip() else [FieldError("name", "required")]
    if errors or born is None:
        return _finding(call, desk, shown, errors=errors)
    matches = await call.run(people.find_patients, body.name, born)
    given, _, family = body.name.strip().rpartition(" ")
    return _finding(call, desk, {**shown, "given_name": given, "family_name": family}, born=born, matches=matches)


async def register(call: Call, body: NewPatientForm) -> Response:
    """A new patient; then on to the times. Whose name and birth date are known is registered when staff say that this
    is somebody else: nobody becomes two patients by a double click.
    """
    desk = await call.run(_desk)
    born = body.birth_date(desk.today)
    values, errors = body.read(desk.today, first_box(call))
    if errors:
        named = await call.run(people.find_patients, body.name, born) if born else []
        return _finding(call, desk, _again(body, named), born=born, matches=named, errors=errors, alike=bool(named))
    made = await call.run(registration.register_unless_known, but=body.ruled_out, **values)
    if isinstance(made, Patient):
        return call.redirect(f"/book/{made.id}")
    return _finding(call, desk, _again(body, made), born=born, matches=made, alike=True)


def _again(body: NewPatientForm, named: Sequence[Patient]) -> dict[str, str]:
    """The form as it was typed. That it is somebody else stays said of these alone, and of nobody who came since."""
    told = {each.id for each in named}.issubset(body.ruled_out)
    return {**body.shown(), "another": body.another if told else ""}


async def times(call: Call, patient: UUID, query: TimesQuery) -> Response:
    """Free times for a patient, with one clinician or anyone."""
    return await _times(call, patient, query)


async def choose(call: Call, patient: UUID, body: ChosenTime) -> Response:
    """Book the time; if it cannot be had, say why and show what is free now."""
    wish = Wish(
        patient_id=PatientId(patient),
        visit_type_id=VisitTypeId(body.visit_type),
        start=body.offer,
        clinician_ids=() if body.clinician is None else (ClinicianId(body.clinician),),
        offered=True,
        location=body.location,
    )
    try:
        return await _appoint(call, wish)
    except SlotRefused as refused:
        day = body.offer.date() if 2000 <= body.offer.year < 2200 else None
        query = TimesQuery(visit_type=body.visit_type, clinician=body.clinician, location=body.location, day=day)
        return await _times(call, patient, query, Retry(refused.slug))


async def choose_other(call: Call, patient: UUID, body: OtherTime) -> Response:
    """Book a time of one's own over whatever is there, with a reason."""
    desk = await call.run(_desk)
    start, errors = body.read(desk.zone.key)
    query = TimesQuery(visit_type=body.visit_type, clinician=body.other_clinician, location=body.location)
    if errors or start is None or body.other_clinician is None:
        return await _times(call, patient, query, Retry(form=body.shown(), errors=errors))
    wish = Wish(
        patient_id=PatientId(patient),
        visit_type_id=VisitTypeId(body.visit_type),
        start=start,
        clinician_ids=(ClinicianId(body.other_clinician),),
        override=body.other_reason.strip(),
        location=body.location,
    )
    try:
        return await _appoint(call, wish)
    except SlotRefused as refused:
        return await _times(call, patient, query, Retry(refused.slug, body.shown()))


async def _appoint(call: Call, wish: Wish) -> Response:
    """Book it. Who presses twice, or loads the answer again, has booked once. Raises SlotRefused."""
    if again := await call.run(_booked_already, wish):
        return call.render("booked.html", **again)
    try:
        return call.render("booked.html", **await call.run(_book, wish, call.kit.public_url))
    except SlotRefused:
        if again := await call.run(_booked_already, wish):  # by the first press, while this one was on its way
            return call.render("booked.html", **again)
        raise


async def send_invitation(call: Call, patient: UUID, body: SendInvitation) -> Response:
    """Let the patient choose a time."""
    clinicians = [] if body.clinician is None else [ClinicianId(body.clinician)]
    sent = await call.run(
        self_booking.invite,
        patient_id=PatientId(patient),
        visit_type_id=VisitTypeId(body.visit_type),
        clinician_ids=clinicians,
    )
    shown = {"visit_type": body.visit_type, "clinician": body.clinician or "", "invited": sent.invitation.id}
    return call.redirect(f"/book/{patient}?{urlencode(shown)}")


async def invite_to_book(call: Call, body: InviteToBook) -> InvitationView:
    """Ask a patient to choose a time. The answer carries the link; the message carries it too."""
    made = await call.run(
        self_booking.invite,
        patient_id=PatientId(body.patient_id),
        visit_type_id=VisitTypeId(body.visit_type_id),
        clinician_ids=body.clinician_ids,
        valid_days=body.valid_days,
    )
    fields = {name: getattr(made.invitation, name) for name in InvitationView.model_fields if name != "link"}
    return InvitationView(**fields, link=f"{call.kit.public_url}{self_booking.LINK_PATH}{made.link_secret}")


def _finding(
    call: Call,
    desk: Desk,
    form: Mapping[str, str],
    *,
    born: date | None = None,
    matches: Sequence[Patient] | None = None,
    errors: Sequence[FieldError] = (),
    alike: bool = False,
) -> Response:
    return call.render(
        "book.html",
        status=422 if errors else 409 if alike else 200,
        me=desk.me,
        patient=None,
        form={**EMPTY, **form},
        zones=ZONES,
        born=born,
        matches=matches,
        errors=list(errors),
        alike=alike,
    )


async def _desk(unit: Unit) -> Desk:
    me = await queries.reader(unit)
    return Desk(me, unit.now.astimezone(me.time_zone).date())


async def _times(call: Call, patient: UUID, query: TimesQuery, retry: Retry = AT_FIRST) -> Response:
    context = await call.run(_free_times, PatientId(patient), query, call.kit.public_url)
    return call.render(
        "book.html",
        status=retry.status,
        refused=retry.refused,
        errors=list(retry.errors),
        other={**FRESH, **(retry.form or {})},
        **context,
    )


async def _free_times(unit: Unit, patient_id: PatientId, query: TimesQuery, public_url: str) -> dict[str, Any]:
    desk = await _desk(unit)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    kinds, clinicians = await scheduling.visit_types(unit), await _bookable(unit)
    kind = next((each for each in kinds if query.visit_type in (None, each.id)), None)
    chosen = [each for each in clinicians if each.id == query.clinician]
    if desk.me.role is Role.CLINICIAN:
        chosen = clinicians
    place = await _place(unit, patient, kind, query) if kind and kind.needs_licence else None
    free = None
    if kind and clinicians:
        asked = Asked(
            visit_type_id=kind.id,
            clinician_ids=[each.id for each in chosen],
            patient_id=patient_id,
            jurisdiction=place["chosen"] or None if place else None,
            audience=Audience.STAFF,
        )
        free = await free_days(unit, kind, asked, Reading(desk.zone, query.day))
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
        "anyone": desk.me.role is not Role.CLINICIAN,
        "chosen": {
            "visit_type": kind.id if kind else "",
            "clinician": chosen[0].id if chosen else "",
            "day": (query.day or (free.first if free else desk.today)).isoformat(),
        },
        "place": place,
        "free": free,
        "invited": await _invited(unit, patient, query, public_url),
        "press": unit.new_id(),
    }


async def _place(unit: Unit, patient: Patient, kind: VisitType, query: TimesQuery) -> dict[str, Any]:
    told = query.location or await people.location_at(unit, patient.id, unit.now)
    also = [*await people.licensed_jurisdictions(unit), *filter(None, [told])]
    return {"options": choices(also), "chosen": told or "", "needed": kind.needs_licence}


async def _invited(unit: Unit, patient: Patient, query: TimesQuery, public_url: str) -> dict[str, Any] | None:
    """What to tell of an invitation that has just been sent to this patient."""
    if query.invited is None:
        return None
    invitation, path = await self_booking.sent(unit, query.invited)
    if invitation.patient_id != patient.id:
        raise NotFound
    return {"mailed_to": patient.email, "expires_at": invitation.expires_at, "link": f"{public_url}{path}"}


async def _bookable(unit: Unit) -> list[Clinician]:
    clinicians = await people.clinicians(unit)
    own = unit.actor.role is Role.CLINICIAN
    return [each for each in clinicians if not own or each.id == unit.actor.person_id]


async def _book(unit: Unit, wish: Wish, public_url: str) -> dict[str, Any]:
    booked = await service.appoint(unit, wish)
    return await _booked(unit, booked.visit, f"{public_url}{queries.LINK_PATH}{booked.link_secret}")


async def _booked_already(unit: Unit, wish: Wish) -> dict[str, Any] | None:
    """What the same form has booked before."""
    visit = await service.booked_already(unit, wish)
    return None if visit is None else await _booked(unit, visit, None)


async def _booked(unit: Unit, visit: Visit, link: str | None) -> dict[str, Any]:
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
        "link": link,
        "mailed_to": patient.email,
    }
