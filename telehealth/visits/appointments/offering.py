"""The ways in to the waitlist that lead to a visit: join, accept, the patient's answer by link, the staff's pages."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.access.links import Locked, Mistaken
from telehealth.core.errors import Overloaded, Refusal
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.people.rules import Clinician, Patient
from telehealth.scheduling.booking import queries as booking
from telehealth.scheduling.booking.rules import Asked, Audience, SlotRefused
from telehealth.scheduling.waitlist import guests
from telehealth.scheduling.waitlist import queries as waitlist
from telehealth.scheduling.waitlist import service as waiting
from telehealth.scheduling.waitlist.rules import Entry, Offer, OfferGone, OfferState
from telehealth.scheduling.waitlist.schemas import EntryView, JoinWaitlist, WishView
from telehealth.scheduling.waitlist.service import Time
from telehealth.visits.appointments import offers
from telehealth.visits.appointments.answers import (
    AcceptedView,
    AnswerForm,
    OfferedTime,
    OfferQuery,
    ToldQuery,
    WaitForm,
)
from telehealth.visits.appointments.schemas import FindForm
from telehealth.visits.lifecycle import queries
from telehealth.visits.lifecycle.rules import NotNow
from telehealth.visits.lifecycle.schemas import BirthForm, VisitView

TIMES_SHOWN, DAYS_SHOWN = 80, 14
STATUS = {"expired": 410, "gone": 409}
Context = dict[str, Any]


# For programs


async def join_waitlist(call: Call, body: JoinWaitlist) -> EntryView:
    """Put a patient on the waitlist, for a new visit or to come earlier than a visit they have."""
    return EntryView.of(await call.run(_join, body))


async def accept_offer(call: Call, offer: UUID) -> AcceptedView:
    """Accept for the patient: the time becomes a visit, or the visit they have moves to it."""
    try:
        accepted, now = await call.run(_accept, offer)
    except (OfferGone, NotNow):
        await call.run_once_undone(waiting.give_up, offer)
        raise
    link = f"{call.kit.public_url}{queries.LINK_PATH}{accepted.link_secret}" if accepted.link_secret else None
    return AcceptedView(visit=VisitView.of(accepted.visit, call.actor.role, now), link=link)


async def _join(unit: Unit, asked: JoinWaitlist) -> Entry:
    patient_id, kind = PatientId(asked.patient_id), VisitTypeId(asked.visit_type_id)
    return await offers.join(unit, patient_id, kind, asked.terms(), visit_id=asked.visit_id)


async def _accept(unit: Unit, offer_id: UUID) -> tuple[offers.Accepted, datetime]:
    return await offers.accept(unit, offer_id), unit.now


# The patient's answer


async def offered(call: Call, secret: str) -> Response:
    """What is offered, and two buttons. Opening it answers nothing: mail scanners and previews open links too."""
    return await _offer_page(call, secret, BirthForm())


async def answer(call: Call, secret: str, body: AnswerForm) -> Response:
    """Check the date of birth, then take the time or say no."""
    born = body.birth_date(date.max)
    if born is None:
        return await _offer_page(call, secret, body, error=body.fault, status=422)
    match await call.run(guests.identify, secret, born):
        case Mistaken(left):
            return await _offer_page(call, secret, body, error="mismatch", tries_left=left, status=422)
        case Locked():
            return await _offer_page(call, secret, body, error="locked", status=429)
        case guests.Known():
            return await _answered(call, secret, body)


async def _accepted(call: Call, secret: str) -> tuple[str | None, str | None]:
    """The link of a new visit; or why the patient cannot have what they accepted, and then it goes on to the next."""
    try:
        return await call.run(_accept_own, secret), None
    except (OfferGone, NotNow) as refusal:
        await call.run(_give_up_own, secret)
        return None, refusal.__cause__.slug if isinstance(refusal.__cause__, SlotRefused) else None


async def _answered(call: Call, secret: str, form: AnswerForm) -> Response:
    link = why = None
    try:
        if form.answer == "accept":
            link, why = await _accepted(call, secret)
        else:
            await call.run(_decline_own, secret)
    except Overloaded:  # nothing was answered, and the page must not look as if it had been
        raise
    except Refusal:  # over, or somebody was quicker: the page says which, in the patient's language
        pass
    return await _offer_page(call, secret, BirthForm(), after={"link": link, "why": why})


async def _offer_page(
    call: Call,
    secret: str,
    form: BirthForm,
    *,
    error: str | None = None,
    tries_left: int | None = None,
    status: int = 0,
    after: Context | None = None,
) -> Response:
    """`after` is what an answer of the patient's own has come to."""
    context = await call.run(_offer_context, secret, known=after is not None)
    told = 200 if after is None else STATUS.get(context["stage"], 200)
    return call.render(
        "offer.html",
        status=status or told,
        error=error,
        tries_left=tries_left,
        form={name: form.shown()[name] for name in BirthForm.model_fields},
        **context,
        **(after or {"link": None, "why": None}),
    )


async def _offer_context(unit: Unit, secret: str, *, known: bool) -> Context:
    offer, entry = await guests.offered(unit, secret)
    patient = await people.patient(unit, offer.patient_id)
    clinician = await people.clinician(unit, offer.clinician_id)
    clinic = await people.clinic(unit)
    lapsed = offer.state is OfferState.OPEN and await waitlist.is_over(unit, offer.id)
    return {
        "preferred": patient.language,
        "stage": (OfferState.EXPIRED if lapsed else offer.state).value,
        "offer": offer,
        "zone": parse_zone(patient.time_zone),
        "their_zone": parse_zone(clinician.time_zone),
        "instead_of": entry.earlier_than,
        "clinician": clinician.name if known else "",
        "clinic": clinic.name,
        "phone": clinic.phone or None,
    }


async def _accept_own(unit: Unit, secret: str) -> str | None:
    offer, entry = await guests.offered(unit, secret)
    accepted = await offers.accept(await offers.as_patient(unit, offer, entry), offer.id)
    return f"{queries.LINK_PATH}{accepted.link_secret}" if accepted.link_secret else None


async def _give_up_own(unit: Unit, secret: str) -> None:
    offer, _ = await guests.offered(unit, secret)
    await waiting.give_up(unit, offer.id)


async def _decline_own(unit: Unit, secret: str) -> None:
    offer, entry = await guests.offered(unit, secret)
    await waiting.decline(await offers.as_patient(unit, offer, entry), offer.id)


# The staff's pages


async def waitlist_page(call: Call, query: ToldQuery) -> Response:
    """Who waits for a time, in the order of their turn."""
    return await _listed(call, {**BirthForm().shown(), "name": ""}, told=query.told)


async def find_to_wait(call: Call, body: FindForm) -> Response:
    """The patients of that name and birth date."""
    born, errors = body.birth_date(date.max), []
    if born is None:
        errors.append(FieldError(f"birth_{call.locale.date_order[0]}", body.fault))
    if not body.name.strip():
        errors.append(FieldError("name", "required"))
    if errors or born is None:
        return await _listed(call, body.shown(), errors=errors)
    return await _listed(call, body.shown(), matches=await call.run(people.find_patients, body.name, born))


async def wait_form(call: Call, patient: UUID) -> Response:
    """What a patient waits for."""
    return await _wait_form(call, patient, WaitForm())


async def put_on_waitlist(call: Call, patient: UUID, body: WaitForm) -> Response:
    """On the list; then back to it."""
    asked, errors = body.read(patient)
    if asked is None:
        return await _wait_form(call, patient, body, errors=errors)
    await call.run(_join, asked)
    return call.redirect("/waitlist?told=joined")


async def times_to_offer(call: Call, wait: UUID, query: OfferQuery) -> Response:
    """Free times that one who waits may be offered out of turn."""
    return await _times_to_offer(call, wait, query)


async def offer_by_hand(call: Call, wait: UUID, body: OfferedTime) -> Response:
    """Offer the time; if it has just gone, show what is free now."""
    try:
        await call.run(waiting.promote, wait, Time(ClinicianId(body.clinician), body.offer))
    except Refusal as refusal:
        if refusal.kind.value not in {"conflict", "invalid"}:
            raise
        return await _times_to_offer(call, wait, OfferQuery(clinician=body.clinician), told=refusal.slug)
    return call.redirect("/waitlist?told=offered")


async def take_off_waitlist(call: Call, wait: UUID) -> Response:
    """Off the list; an open offer goes to the next."""
    await call.run(waiting.withdraw, wait)
    return call.redirect("/waitlist?told=withdrawn")


async def _listed(
    call: Call,
    form: Mapping[str, str],
    *,
    matches: Sequence[Patient] | None = None,
    errors: Sequence[FieldError] = (),
    told: str | None = None,
) -> Response:
    context = await call.run(_list_context)
    status = 422 if errors else 200
    return call.render(
        "waitlist.html", status=status, form=form, matches=matches, errors=list(errors), told=told, **context
    )


async def _list_context(unit: Unit) -> Context:
    me = await queries.reader(unit)
    entries = await waitlist.waiting(unit)
    open_offers = await waitlist.open_offers(unit, entries)
    patients = await people.patients(unit, {each.patient_id for each in entries})
    names = {each.id: each.name for each in await people.clinicians(unit)}
    kinds = {each.id: each.name for each in await booking.visit_types(unit)}
    return {
        "me": me,
        "zone": me.time_zone,
        "entries": [
            {
                **_row(each, patients[each.patient_id], names),
                "visit_type": kinds.get(each.visit_type_id, ""),
                "offer": _open_offer(open_offers.get(each.id), names),
            }
            for each in entries
        ],
    }


def _row(entry: Entry, patient: Patient, names: Mapping[ClinicianId, str]) -> Context:
    return {
        "id": entry.id,
        "patient_name": patient.name,
        "clinicians": sorted(names.get(each, "") for each in entry.clinician_ids),
        "first": entry.first,
        "last": entry.last,
        "wishes": [WishView.of(each) for each in entry.wishes],
        "zone": parse_zone(patient.time_zone),
        "joined_at": entry.joined_at,
        "priority": entry.priority,
        "instead_of": entry.earlier_than,
    }


def _open_offer(offer: Offer | None, names: Mapping[ClinicianId, str]) -> Context | None:
    if offer is None:
        return None
    name = names.get(offer.clinician_id, "")
    return {"start": offer.start, "expires_at": offer.expires_at, "clinician_name": name}


async def _wait_form(call: Call, patient: UUID, form: WaitForm, *, errors: Sequence[FieldError] = ()) -> Response:
    context = await call.run(_wait_context, PatientId(patient))
    status = 422 if errors else 200
    return call.render("waitlist_add.html", status=status, form=form.shown(), errors=list(errors), **context)


async def _wait_context(unit: Unit, patient_id: PatientId) -> Context:
    me = await queries.reader(unit)
    patient = await people.patient(unit, patient_id)
    unit.audit("read", "patient", patient.id, patient_id=patient.id)
    return {
        "me": me,
        "now": unit.now,
        "zone": me.time_zone,
        "patient": _shown(patient),
        "visit_types": await booking.visit_types(unit),
        "clinicians": await _bookable(unit),
        "visits": await offers.movable(unit, patient.id),
    }


def _shown(patient: Patient) -> Context:
    return {
        "id": patient.id,
        "name": patient.name,
        "birth_date": patient.birth_date,
        "zone": parse_zone(patient.time_zone),
    }


async def _times_to_offer(call: Call, wait: UUID, query: OfferQuery, *, told: str | None = None) -> Response:
    context = await call.run(_offerable, wait, query)
    return call.render("waitlist_offer.html", status=409 if told else 200, told=told, **context)


async def _offerable(unit: Unit, entry_id: UUID, query: OfferQuery) -> Context:
    me = await queries.reader(unit)
    entry = await waitlist.entry(unit, entry_id)
    clinicians = [each for each in await _bookable(unit) if not entry.clinician_ids or each.id in entry.clinician_ids]
    clinician = next((each for each in clinicians if query.clinician in (None, each.id)), None)
    zone, before = me.time_zone, entry.earlier_than
    today = unit.now.astimezone(zone).date()
    first = max(query.day or today, today)
    days = await _days(unit, _asked(entry, clinician), (first, zone), before) if clinician else None
    return {
        "me": me,
        "zone": zone,
        "patient": _shown(await people.patient(unit, entry.patient_id)),
        "entry": entry,
        "clinicians": clinicians,
        "chosen": {"clinician": clinician.id if clinician else "", "day": first.isoformat()},
        "days": days,
    }


def _asked(entry: Entry, clinician: Clinician) -> Asked:
    return Asked(
        visit_type_id=entry.visit_type_id,
        clinician_ids=(clinician.id,),
        patient_id=entry.patient_id,
        audience=Audience.WAITLIST,
        booking=True,
    )


async def _days(unit: Unit, asked: Asked, day: tuple[date, ZoneInfo], before: datetime | None) -> list[Context]:
    """Free times from a local day on, those before an instant if one is given."""
    start, _ = queries.whole_day(*day)
    end = start + timedelta(days=DAYS_SHOWN)
    span = Interval(start, max(start, min(end, before or end)))
    slots = await booking.search(unit, asked, span, TIMES_SHOWN)
    return [
        {"day": local, "times": [{"start": slot.start, "offer": slot.start.isoformat()} for slot in group]}
        for local, group in groupby(slots, key=lambda slot: slot.start.astimezone(day[1]).date())
    ]


async def _bookable(unit: Unit) -> list[Clinician]:
    clinicians = await people.clinicians(unit)
    own = unit.actor.person_id
    return [each for each in clinicians if unit.actor.role.value != "clinician" or each.id == own]
