"""The pages of one visit: the buttons of who gives it, the personal link. They work without scripts."""

from datetime import date
from uuid import UUID

from starlette.responses import Response

from telehealth.http.call import Call
from telehealth.http.credentials import GUEST_COOKIE, set_cookie
from telehealth.people import queries as people
from telehealth.visits.lifecycle import guests, service
from telehealth.visits.lifecycle.rules import LinkOver
from telehealth.visits.lifecycle.schemas import BirthForm


async def admit(call: Call, visit: UUID) -> Response:
    """Admit, then into the room."""
    await call.run(service.admit, visit)
    return call.redirect(f"/visits/{visit}")


async def end(call: Call, visit: UUID) -> Response:
    """Finish the visit; its note stays open in the room."""
    await call.run(service.end, visit)
    return call.redirect(f"/visits/{visit}")


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
