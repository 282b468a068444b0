"""The page on which clinicians publish their weekly hours. It works without scripts."""

from collections.abc import Mapping
from dataclasses import replace

from starlette.responses import Response

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.core.time import ZONES
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries, service
from telehealth.scheduling.availability.checks import InvalidHours
from telehealth.scheduling.availability.queries import PublishedHours
from telehealth.scheduling.availability.rules import WeeklyHours
from telehealth.scheduling.availability.schemas import HoursForm, HoursQuery, beyond_form, hours_as_form


async def hours_page(call: Call, query: HoursQuery) -> Response:
    """My weekly hours."""
    name, published = await call.run(_own_hours)
    return _hours_form(call, name, hours_as_form(published.hours), saved=query.saved)


async def save_hours(call: Call, body: HoursForm) -> Response:
    """Take the form; show it again with what is wrong in it."""
    hours, errors = body.read()
    if not errors:
        try:
            await call.run(_save, _own_id(call), hours)
        except InvalidHours as invalid:
            errors = [_error_of(invalid)]
        else:
            return call.redirect("/hours?saved=1")
    name, _ = await call.run(_own_hours)
    return _hours_form(call, name, body.shown(), errors=errors)


async def published_hours(unit: Unit, clinician_id: ClinicianId) -> PublishedHours:
    """Raises NotFound; none in the clinician's own zone when nothing was published yet."""
    clinician = await people.clinician(unit, clinician_id)
    published = await queries.hours(unit, clinician_id)
    return published or PublishedHours(WeeklyHours(clinician.time_zone), 0)


async def _save(unit: Unit, clinician_id: ClinicianId, hours: WeeklyHours) -> int:
    """What the page does not show is kept."""
    before = await published_hours(unit, clinician_id)
    return await service.publish_hours(
        unit,
        clinician_id,
        replace(hours, rules=(*hours.rules, *beyond_form(before.hours))),
        revision=before.revision,
    )


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


def _own_id(call: Call) -> ClinicianId:
    if call.actor.role is not Role.CLINICIAN or call.actor.person_id is None:
        raise NotFound
    return ClinicianId(call.actor.person_id)


async def _own_hours(unit: Unit) -> tuple[str, PublishedHours]:
    account, name = await access.own_account(unit)
    if account.person_id is None:
        raise NotFound
    return name, await published_hours(unit, ClinicianId(account.person_id))
