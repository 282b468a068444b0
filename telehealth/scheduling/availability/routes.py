"""The ways in to availability: hours."""

from collections.abc import Mapping
from uuid import UUID

from starlette.responses import Response

from telehealth.access import queries as access
from telehealth.core.actors import Role, Scope
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId
from telehealth.core.time import ZONES
from telehealth.db.unit import Unit
from telehealth.http.call import Call, Reply
from telehealth.http.operation import operation, page
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries, service
from telehealth.scheduling.availability.checks import InvalidHours
from telehealth.scheduling.availability.queries import PublishedHours
from telehealth.scheduling.availability.rules import WeeklyHours
from telehealth.scheduling.availability.schemas import Hours, HoursForm, HoursQuery, hours_as_form


async def read_hours(call: Call, clinician: UUID) -> Reply[Hours]:
    """A clinician's weekly hours; none in the clinician's own zone when nothing was published yet."""
    published = await call.run(_hours, ClinicianId(clinician))
    return Reply(Hours.of(published.hours), headers={"ETag": f'"{published.revision}"'})


async def publish_hours(call: Call, clinician: UUID, body: Hours) -> Reply[Hours]:
    """Replace your weekly hours. Visits already booked stay. If-Match guards against a change made elsewhere."""
    revision = await call.run(service.publish_hours, ClinicianId(clinician), body.weekly(), revision=_if_match(call))
    return Reply(Hours.of(body.weekly()), headers={"ETag": f'"{revision}"'})


async def hours_page(call: Call, query: HoursQuery) -> Response:
    """My weekly hours."""
    name, published = await call.run(_own_hours)
    return _hours_form(call, name, hours_as_form(published.hours), saved=query.saved)


async def save_hours(call: Call, body: HoursForm) -> Response:
    """Take the form; show it again with what is wrong in it."""
    hours, errors = body.read()
    if not errors:
        try:
            await call.run(service.publish_hours, _own_id(call), hours)
        except InvalidHours as invalid:
            errors = [_error_of(invalid)]
        else:
            return call.redirect("/hours?saved=1")
    name, _ = await call.run(_own_hours)
    return _hours_form(call, name, body.shown(), errors=errors)


def _hours_form(
    call: Call, name: str, form: Mapping[str, str], *, errors: list[FieldError] | None = None, saved: bool = False
) -> Response:
    zones = ZONES if form["zone"] in ZONES else (form["zone"], *ZONES)
    return call.render(
        "hours.html",
        status=422 if errors else 200,
        me={"name": name},
        form=form,
        zones=zones,
        saved=saved,
        errors=errors or [],
    )


def _error_of(invalid: InvalidHours) -> FieldError:
    fault = str(invalid.extras["fault"])
    return FieldError("zone", "invalid") if fault == "zone" else FieldError(f"from_{invalid.extras['weekday']}b", fault)


def _if_match(call: Call) -> int | None:
    """The revision in If-Match, none when it is absent or `*`. Raises Stale for a tag that was never ours."""
    tag = call.header("if-match")
    if tag is None or tag == "*":
        return None
    digits = tag.strip('"')
    if not digits.isdecimal() or len(digits) > 9:
        raise Stale
    return int(digits)


def _own_id(call: Call) -> ClinicianId:
    if call.actor.role is not Role.CLINICIAN or call.actor.person_id is None:
        raise NotFound
    return ClinicianId(call.actor.person_id)


async def _hours(unit: Unit, clinician_id: ClinicianId) -> PublishedHours:
    clinician = await people.clinician(unit, clinician_id)
    published = await queries.hours(unit, clinician_id)
    return published or PublishedHours(WeeklyHours(clinician.time_zone), 0)


async def _own_hours(unit: Unit) -> tuple[str, PublishedHours]:
    account, name = await access.own_account(unit)
    if account.person_id is None:
        raise NotFound
    return name, await _hours(unit, ClinicianId(account.person_id))


OPERATIONS = (
    operation("GET", "/v1/clinicians/{clinician:uuid}/hours", read_hours, needs=Scope.CLINICIANS_READ),
    operation(
        "PUT",
        "/v1/clinicians/{clinician:uuid}/hours",
        publish_hours,
        needs=Scope.HOURS_WRITE,
        errors=(InvalidHours, Stale),
    ),
)
PAGES = (
    page("GET", "/hours", hours_page, needs=Scope.HOURS_WRITE),
    page("POST", "/hours", save_hours, needs=Scope.HOURS_WRITE),
)
