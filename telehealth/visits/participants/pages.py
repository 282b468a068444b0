"""The pages of those who take part: the personal link, a companion's page, and who is invited. All without scripts."""

from datetime import date
from typing import Any, Literal
from uuid import UUID

from starlette.responses import Response

from telehealth.access.links import Locked, Mistaken
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound, Refusal, Stale
from telehealth.core.ids import ParticipantId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.visits.lifecycle import queries as visits
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.parts import (
    BY_PATIENT,
    EXPECTED,
    NO_SENDERS,
    ParticipantKind,
    Step,
    StepRefused,
    allowed,
)
from telehealth.visits.lifecycle.queries import own_visit_id
from telehealth.visits.lifecycle.rules import LinkOver
from telehealth.visits.lifecycle.schemas import BirthForm
from telehealth.visits.participants import guests, queries, service
from telehealth.visits.participants.rules import (
    Companion,
    NoAuthority,
    NotToBeInvited,
    Participant,
    TooManyInvited,
    attendance_of,
)
from telehealth.visits.participants.schemas import KINDS, CompanionForm, InviteForm, NameForm, PeopleQuery, ResendForm

NOT_INVITED = (NotToBeInvited, TooManyInvited)
CHANGED = (NotFound, Stale, StepRefused, NotToBeInvited)  # since the page was shown; of a stranger it stays absent

# The personal link


async def join(call: Call, link: str) -> Response:  # noqa: ARG001 -- every link looks the same until the date is given
    """The identity step. Opening it changes nothing: mail scanners and previews open links too."""
    return await identity_step(call, BirthForm())


async def identify(call: Call, link: str, body: BirthForm) -> Response:
    """Check the date of birth; then to the visit."""
    born = body.birth_date(date.max)  # a day to come is nobody's birth date either
    if born is None:
        return await identity_step(call, body, error=body.fault)
    return await _answered(call, body, await call.run(guests.identify_guest, link, born))


async def join_by_name(call: Call, link: str) -> Response:  # noqa: ARG001 -- likewise
    """The identity step of a companion."""
    return await identity_step(call, NameForm())


async def identify_by_name(call: Call, link: str, body: NameForm) -> Response:
    """Check the name they were invited by; then to their page."""
    if not body.name.strip():
        return await identity_step(call, body, error="incomplete")
    return await _answered(call, body, await call.run(guests.identify_by_name, link, body.name))


async def _answered(call: Call, form: BirthForm | NameForm, answer: guests.Identification) -> Response:
    match answer:
        case guests.Identified(secret=secret, max_age=max_age, page=page):
            response = call.redirect(page)
            set_cookie(response, GUEST_COOKIE, secret, max_age=max_age)
            return response
        case Mistaken(left):
            return await identity_step(call, form, error="mismatch", tries_left=left)
        case Locked():
            return await identity_step(call, form, error="locked")
        case guests.Closed():
            raise LinkOver


async def identity_step(
    call: Call,
    form: BirthForm | NameForm,
    *,
    error: str | None = None,
    tries_left: int | None = None,
    leads_to: Literal["visit", "times", "questions"] = "visit",
) -> Response:
    """The page that asks for the date of birth, or a companion for their name, before it shows anything."""
    clinic = await call.run(people.clinic)
    status = {None: 200, "locked": 429}.get(error, 422)
    return call.render(
        "join.html",
        status=status,
        form=form.model_dump(),
        error=error,
        tries_left=tries_left,
        phone=clinic.phone or None,
        clinic=clinic.name,
        leads_to=leads_to,
        by_name=isinstance(form, NameForm),
    )


def first_box(call: Call) -> str:
    """The box of a date of birth that comes first where the reader is."""
    return f"birth_{call.locale.date_order[0]}"


# A companion's page


async def attend(call: Call) -> Response:
    """Wait, be let in, done. Opening it inside the join window is coming."""
    if call.actor.elsewhere:
        return await elsewhere(call)
    return call.render("attend.html", **await call.run(_attend))


async def leave(call: Call) -> Response:
    """Go; the page stays, with the way back."""
    await call.run(service.leave)
    return call.redirect("/attend")


async def come_back(call: Call) -> Response:
    """Wait again."""
    await call.run(service.come_back)
    return call.redirect("/attend")


async def _attend(unit: Unit) -> dict[str, Any]:
    participant, visit = await service.attend(unit)
    unit.audit("read", "visit", visit.id, patient_id=visit.patient_id)
    clinic = await people.clinic(unit)
    return {
        "preferred": participant.language,
        "clinic": clinic.name,
        "phone": clinic.phone or None,
        "zone": parse_zone(clinic.time_zone),
        "visit": {
            "id": visit.id,
            "starts_at": visit.starts_at,
            "opens_at": visit.opens_at,
            "clinician_name": (await people.clinician(unit, visit.clinician_id)).name,
        },
        "stage": attendance_of(participant.state, visit, unit.now),
        "sends": participant.kind not in NO_SENDERS,
    }


async def elsewhere(call: Call) -> Response:
    """On the device they have left: the visit goes on where they opened their link last."""
    return call.render("elsewhere.html", **await call.run(_elsewhere))


async def _elsewhere(unit: Unit) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    clinic = await people.clinic(unit)
    theirs = await queries.participants_of(unit, visit.id)
    own = next((each for each in theirs if each.id == unit.actor.id and not each.acts_as_patient), None)
    language = own.language if own else (await people.patient(unit, visit.patient_id)).language
    return {"preferred": language, "clinic": clinic.name, "phone": clinic.phone or None}


# Who is invited: the patient's page


async def own_companions(call: Call, query: PeopleQuery) -> Response:
    """Whom the patient has invited to their visit, and a form for one more."""
    return await _own_page(call, CompanionForm(), invited=await call.run(_own_invited, query.invited))


async def invite_companion(call: Call, body: InviteForm) -> Response:
    """Invite a relative, a carer or an interpreter; their link is shown then, and sent when there is an address."""
    companion, errors = body.read()
    if companion is None:
        return await _own_page(call, body, errors=errors)
    try:
        invited = await call.run(_invite_own, companion)
    except NOT_INVITED as refusal:
        return await _own_page(call, body, refused=refusal)
    return call.redirect(f"/visit/people?invited={invited.participant.id}")


async def withdraw_companion(call: Call, participant: UUID) -> Response:
    """Take an invitation back."""
    await call.run(_withdraw_own, participant)
    return call.redirect("/visit/people")


async def _own_page(
    call: Call,
    form: CompanionForm,
    *,
    errors: list[FieldError] | None = None,
    refused: Refusal | None = None,
    invited: service.Invited | None = None,
) -> Response:
    return call.render(
        "companions.html",
        status=409 if refused else 422 if errors else 200,
        **await call.run(_own_companions),
        **_form(call, form, errors=errors, refused=refused, invited=invited),
    )


def _form(
    call: Call,
    form: CompanionForm,
    *,
    errors: list[FieldError] | None,
    refused: Refusal | None,
    invited: service.Invited | None,
) -> dict[str, Any]:
    link = f"{call.kit.public_url}{invited.link}" if invited and invited.link else ""
    told = {"name": invited.participant.name, "email": invited.participant.email, "link": link} if invited else None
    return {"form": form.shown(), "errors": errors or [], "refused": refused.slug if refused else "", "invited": told}


async def _own_companions(unit: Unit) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, own_visit_id(unit))
    patient = await people.patient(unit, visit.patient_id)
    clinic = await people.clinic(unit)
    theirs = await queries.companions(unit, visit.id)
    return {
        "preferred": patient.language,
        "clinic": clinic.name,
        "phone": clinic.phone or None,
        "people": [_shown(each, Role.PATIENT) for each in theirs],
        "kinds": [kind.value for kind in ParticipantKind if kind in BY_PATIENT],
        "press": unit.new_id(),
    }


async def _own_invited(unit: Unit, participant_id: UUID | None) -> service.Invited | None:
    if participant_id is None or await queries.invited_by(unit, participant_id) != unit.actor.id:
        return None
    return await _invited(unit, own_visit_id(unit), participant_id)


async def _invite_own(unit: Unit, companion: Companion) -> service.Invited:
    return await service.invite(unit, own_visit_id(unit), companion)


async def _withdraw_own(unit: Unit, participant_id: UUID) -> None:
    await service.revoke(unit, own_visit_id(unit), participant_id)


# Who is invited: the page of staff


async def people_page(call: Call, visit: UUID, query: PeopleQuery) -> Response:
    """Everyone who takes part in a visit, and a form for one more."""
    invited = await call.run(_invited, visit, query.invited)
    return await _staff_page(call, visit, CompanionForm(), invited=invited)


async def invite_on_page(call: Call, visit: UUID, body: InviteForm) -> Response:
    """Invite one more; their link is shown then, and sent when there is an address."""
    companion, errors = body.read()
    if companion is None:
        return await _staff_page(call, visit, body, errors=errors)
    try:
        invited = await call.run(service.invite, visit, companion)
    except (*NOT_INVITED, NoAuthority) as refusal:
        return await _staff_page(call, visit, body, refused=refusal)
    return call.redirect(f"/visits/{visit}/people?invited={invited.participant.id}")


async def resend_on_page(call: Call, visit: UUID, participant: UUID, body: ResendForm) -> Response:
    """Send the personal link again; it is shown too. Not to somebody whom a colleague has put out meanwhile."""
    try:
        invited = await call.run(service.resend, visit, participant, shown=body.state)
    except CHANGED:
        return await _staff_page(call, visit, CompanionForm(), stale=True)
    return await _staff_page(call, visit, CompanionForm(), invited=invited)


async def let_in_on_page(call: Call, visit: UUID, participant: UUID) -> Response:
    """Let a companion in, and back to the room."""
    try:
        await call.run(service.admit, visit, participant)
    except CHANGED:
        return await _staff_page(call, visit, CompanionForm(), stale=True)
    return call.redirect(f"/visits/{visit}")


async def put_out_on_page(call: Call, visit: UUID, participant: UUID) -> Response:
    """Put somebody out, or take the invitation back from who has not come."""
    try:
        await call.run(service.put_out, visit, participant)
    except CHANGED:
        return await _staff_page(call, visit, CompanionForm(), stale=True)
    return call.redirect(f"/visits/{visit}/people")


async def _staff_page(
    call: Call,
    visit_id: UUID,
    form: CompanionForm,
    *,
    errors: list[FieldError] | None = None,
    refused: Refusal | None = None,
    invited: service.Invited | None = None,
    stale: bool = False,
) -> Response:
    return call.render(
        "people.html",
        status=409 if refused or stale else 422 if errors else 200,
        stale=stale,
        **await call.run(_people, visit_id),
        **_form(call, form, errors=errors, refused=refused, invited=invited),
    )


async def _people(unit: Unit, visit_id: UUID) -> dict[str, Any]:
    visit = await lifecycle.open_visit(unit, visit_id)
    reader = await visits.reader(unit)
    patient = await people.patient(unit, visit.patient_id)
    return {
        "me": reader,
        "zone": reader.time_zone,
        "visit": {"id": visit.id, "starts_at": visit.starts_at, "patient_name": patient.name},
        "people": [_shown(each, unit.actor.role) for each in await queries.roster(unit, visit.id)],
        "kinds": [kind.value for kind in ParticipantKind if kind in KINDS],
        "press": unit.new_id(),
    }


async def _invited(unit: Unit, visit_id: UUID, participant_id: UUID | None) -> service.Invited | None:
    """What to tell of somebody who has just been invited, until they come."""
    if participant_id is None:
        return None
    theirs = {each.id: each for each in await queries.companions(unit, visit_id) if each.state in EXPECTED}
    found = theirs.get(ParticipantId(participant_id))
    if found is None:
        return None
    return service.Invited(found, await queries.link_of(unit, found.id) if found.has_link else "")


def _shown(each: Participant, role: Role) -> dict[str, Any]:
    steps = allowed(each.state, role, each.circumstances())
    return {
        "id": each.id,
        "name": each.name,
        "kind": each.kind,
        "state": each.state,
        "since": each.since,
        "locked": each.locked_until is not None,
        "resend": each.has_link and role is not Role.PATIENT,
        "let_in": Step.ADMIT in steps,
        "put_out": each.companion and (Step.REVOKE in steps or Step.REMOVE in steps),
    }
