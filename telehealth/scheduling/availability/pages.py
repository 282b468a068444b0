"""The page on which clinicians publish when they can be booked. It works without scripts."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from telehealth.access import queries as access
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import ClinicianId
from telehealth.core.time import ZONES, parse_zone
from telehealth.db.unit import Unit
from telehealth.http.call import Call
from telehealth.http.schemas import FieldError
from telehealth.people import queries as people
from telehealth.scheduling.availability import queries, service
from telehealth.scheduling.availability.checks import InvalidDates, InvalidHours
from telehealth.scheduling.availability.forms import AwayForm, AwayGone, DayForm, DayGone, TripForm, TripGone
from telehealth.scheduling.availability.ports import KeptVisit, KeptVisits
from telehealth.scheduling.availability.queries import PublishedHours
from telehealth.scheduling.availability.rules import (
    CLINICIAN,
    Override,
    Resource,
    TimeOff,
    Travel,
    WeeklyHours,
    to_instant,
    zone_on,
)
from telehealth.scheduling.availability.schemas import HoursForm, HoursQuery, beyond_form, clock_time, hours_as_form

Errors = Sequence[FieldError]


@dataclass(frozen=True, slots=True)
class Agenda:
    """When one clinician can be booked, and what is booked beside that."""

    name: str
    published: PublishedHours
    resource: Resource
    away: Sequence[TimeOff]
    outside: Sequence[KeptVisit]
    today: date

    def zone_on(self, day: date) -> ZoneInfo:
        return parse_zone(zone_on(self.resource, day))


async def hours_page(call: Call, query: HoursQuery) -> Response:
    """When I can be booked: weekly hours, dates with other hours, time off, journeys."""
    return await _page(call, saved=query.saved)


async def save_hours(call: Call, body: HoursForm) -> Response:
    """Take the form; show it again with what is wrong in it."""
    hours, errors = body.read()
    if not errors:
        try:
            await call.run(_save, _own_id(call), hours)
        except InvalidHours as invalid:
            errors = [_error_of(invalid)]
        else:
            return _saved(call)
    return await _page(call, body.shown(), errors)


async def save_day(call: Call, body: DayForm) -> Response:
    """Have other hours on one date, or none."""
    override = body.read()
    if isinstance(override, Override):
        try:
            await call.run(service.put_override, _own_id(call), override)
        except InvalidHours as invalid:
            field = "day_from_b" if invalid.extras["fault"] == "overlap" else "day_date"
            override = [FieldError(field, str(invalid.extras["fault"]))]
        else:
            return _saved(call)
    return await _page(call, body.shown(), override)


async def drop_day(call: Call, body: DayGone) -> Response:
    """Have the weekly hours on that date again."""
    return await _removed(call, service.drop_override, body.day)


async def save_away(call: Call, body: AwayForm) -> Response:
    """Take time off. Visits already booked stay."""
    agenda = await call.run(_agenda, call.port(KeptVisits))
    away = body.read(agenda.zone_on)
    if isinstance(away, TimeOff):
        try:
            await call.run(service.add_time_off, _own_id(call), away)
        except InvalidDates as invalid:
            away = [FieldError("away_first", str(invalid.extras["fault"]))]
        else:
            return _saved(call)
    return await _page(call, body.shown(), away)


async def drop_away(call: Call, body: AwayGone) -> Response:
    """Be there after all."""
    return await _removed(call, service.remove_time_off, body.id)


async def save_trip(call: Call, body: TripForm) -> Response:
    """Have hours meant in another zone on some dates."""
    trip = body.read()
    if isinstance(trip, Travel):
        try:
            await call.run(_add_trip, _own_id(call), trip)
        except InvalidDates as invalid:
            fault = str(invalid.extras["fault"])
            trip = [FieldError("trip_first", "elsewhere" if fault == "overlap" else fault)]
        else:
            return _saved(call)
    return await _page(call, body.shown(), trip)


async def drop_trip(call: Call, body: TripGone) -> Response:
    """Stay in the usual zone."""
    return await _removed(call, _drop_trip, body.first)


async def published_hours(unit: Unit, clinician_id: ClinicianId) -> PublishedHours:
    """Raises NotFound; none in the clinician's own zone when nothing was published yet."""
    clinician = await people.clinician(unit, clinician_id)
    published = await queries.hours(unit, clinician_id)
    return published or PublishedHours(WeeklyHours(clinician.time_zone), 0)


async def resource_of(unit: Unit, clinician_id: ClinicianId) -> Resource:
    """Raises NotFound; one without any hours for a clinician who has published nothing yet."""
    clinician = await people.clinician(unit, clinician_id)
    try:
        return await queries.resource(unit, clinician_id)
    except NotFound:
        return Resource(id=clinician_id, kind=CLINICIAN, name="", time_zone=clinician.time_zone, version=service.NEVER)


async def _save(unit: Unit, clinician_id: ClinicianId, hours: WeeklyHours) -> int:
    """What the page does not show is kept."""
    before = await published_hours(unit, clinician_id)
    return await service.publish_hours(
        unit,
        clinician_id,
        replace(hours, rules=(*hours.rules, *beyond_form(before.hours))),
        revision=before.revision,
    )


async def _add_trip(unit: Unit, clinician_id: ClinicianId, trip: Travel) -> int:
    known = await resource_of(unit, clinician_id)
    return await service.set_travel(unit, clinician_id, [*known.travel, trip], version=known.version)


async def _drop_trip(unit: Unit, clinician_id: ClinicianId, first: date) -> int:
    known = await resource_of(unit, clinician_id)
    left = [each for each in known.travel if each.first != first]
    return await service.set_travel(unit, clinician_id, left, version=known.version)


async def _removed(call: Call, remove: Any, what: object) -> Response:
    """Who removes what is gone already has what they want."""
    with suppress(NotFound):
        await call.run(remove, _own_id(call), what)
    return _saved(call)


def _saved(call: Call) -> Response:
    return call.redirect("/hours?saved=1")


async def _page(
    call: Call, typed: Mapping[str, str] | None = None, errors: Errors = (), *, saved: bool = False
) -> Response:
    """`typed` is the one form that is shown again as it was."""
    agenda = await call.run(_agenda, call.port(KeptVisits))
    form = {**hours_as_form(agenda.published.hours), **FRESH, **(typed or {})}
    weekly = form["zone"]
    return call.render(
        "hours.html",
        status=422 if errors else 200,
        me={"name": agenda.name},
        form=form,
        zones=ZONES if weekly in ZONES else (weekly, *ZONES),
        saved=saved,
        errors=list(errors),
        **_dates(agenda),
    )


FRESH = {**DayForm().shown(), **AwayForm().shown(), **TripForm().shown()}


def _dates(agenda: Agenda) -> dict[str, Any]:
    """What is not over yet."""
    home = agenda.zone_on(agenda.today)
    return {
        "home": home,
        "days": [
            {"day": each.day, "windows": [(clock_time(w.start), clock_time(w.end % (24 * 60))) for w in each.windows]}
            for each in agenda.resource.overrides
            if each.day >= agenda.today
        ],
        "away": [shown for each in agenda.away if (shown := _absence(each, agenda))],
        "trips": [each for each in agenda.resource.travel if each.last >= agenda.today],
        "outside": agenda.outside,
    }


def _absence(away: TimeOff, agenda: Agenda) -> dict[str, Any] | None:
    if away.span is None:
        shown = {"first": away.first, "last": away.last, "start": None, "end": None}
        return {**shown, "id": away.id, "reason": away.reason} if away.last and away.last >= agenda.today else None
    start, end = to_instant(away.span.start), to_instant(away.span.end)
    first, last = (each.astimezone(agenda.zone_on(agenda.today)).date() for each in (start, end))
    shown = {"first": first, "last": last, "start": start, "end": end}
    return {**shown, "id": away.id, "reason": away.reason} if last >= agenda.today else None


def _error_of(invalid: InvalidHours) -> FieldError:
    fault = str(invalid.extras["fault"])
    return FieldError("zone", "invalid") if fault == "zone" else FieldError(f"from_{invalid.extras['weekday']}b", fault)


def _own_id(call: Call) -> ClinicianId:
    if call.actor.role is not Role.CLINICIAN or call.actor.person_id is None:
        raise NotFound
    return ClinicianId(call.actor.person_id)


async def _agenda(unit: Unit, kept: KeptVisits) -> Agenda:
    account, name = await access.own_account(unit)
    if account.person_id is None:
        raise NotFound
    clinician_id = ClinicianId(account.person_id)
    resource = await resource_of(unit, clinician_id)
    return Agenda(
        name,
        await published_hours(unit, clinician_id),
        resource,
        await queries.time_off(unit, clinician_id),
        await kept.outside_hours(unit, clinician_id),
        unit.now.astimezone(parse_zone(resource.time_zone)).date(),
    )
