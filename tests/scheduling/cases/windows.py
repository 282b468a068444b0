"""Kinds of cases about opening times: what the clock makes of weekly hours. By the pure rules, and as stored."""

from datetime import datetime, timedelta
from typing import Any

from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.recurrence.rules import expand
from tests.scheduling.cases.reading import Case, CaseFault
from tests.scheduling.cases.stage import FAR, Stage, busy_of, kind_fields
from tests.scheduling.cases.words import (
    day,
    instant,
    open_spans,
    reading,
    schedule_of,
    scope,
    stated,
    stated_spans,
    window_of_case,
)

Found = dict[str, Any]


async def windows(stage: Stage, case: Case) -> Found:
    """When a schedule is open: computed from the rules, and read back from PostgreSQL, which must be the same."""
    given = case.given
    schedule = schedule_of(given["schedule"]).with_holidays(given.get("holidays", ()))
    span = window_of_case(given)
    stage.before(instant(given["from"]))
    by_rules = open_spans(schedule.resource(), span)
    clinician_id = await stage.clinician(schedule=schedule)
    stored = open_spans(await stage.resource(clinician_id), span)
    if stored != by_rules:
        return {"windows_utc": [["stored", stated_spans(stored)], ["by the rules", stated_spans(by_rules)]]}
    return {"windows_utc": stated_spans(stored)}


async def slots(stage: Stage, case: Case) -> Found:
    """Every free start in a span, of the first schedule's clinician with all the others beside them."""
    given = case.given
    types: dict[str, Any] = {}
    listed = given["schedules"] if "schedules" in given else [given["schedule"]]
    named = [(str(each.get("id", number)), schedule_of(each, types)) for number, each in enumerate(listed)]
    span = window_of_case(given)
    now = instant(given["now"]) if "now" in given else instant(given["from"]) - timedelta(days=1)
    starts_at = [instant(each["start"]) for each in given.get("busy", ())]
    stage.before(min([now, *starts_at]))
    (first, host), *rest = named
    clinician_id = await stage.clinician(first, host)
    others = [await stage.thing(name, "resource", schedule) for name, schedule in rest]
    for each in given.get("busy", ()):
        each.ignoring("visit_type", "id", "status")
        taken, before, after = busy_of(each)
        name = str(each.get("resource", first))
        if name not in stage.names:
            raise CaseFault(f"nobody is called {name!r}")
        if name == first:
            await stage.busy(clinician_id, taken, before=before, after=after)
        else:
            await stage.away(stage.names[name], Interval(taken.start - before, taken.end + after))
    kind = await stage.kind(**_type_asked(case, types), **kind_fields(given["visit"]))
    stage.at(now)
    found = await stage.starts(kind, _instants(case), clinician_ids=(clinician_id,), also=tuple(others))
    resource = await stage.resource(clinician_id)
    local = [reading(resource, each) for each in found]
    utc = [stated(each) for each in found]
    ends = {"first_utc": utc[:1], "last_utc": utc[-1:], "first_local": local[:1], "last_local": local[-1:]}
    return {
        "starts_utc": utc,
        "starts_local": local,
        "count": len(found),
        "in_window": all(span.start <= to_minute(each) < span.end for each in found),
        **{name: each[0] if each else None for name, each in ends.items()},
    }


def _type_asked(case: Case, types: dict[str, Any]) -> dict[str, Any]:
    """The kind that is looked for, when rules are kept for kinds by name."""
    if "visit_type" not in case.given:
        return {}
    name = str(case.given["visit_type"])
    scope(name, types)
    return {"id": types[name], "code": name}


def _instants(case: Case) -> Interval[datetime]:
    return Interval(instant(case.given["from"]), instant(case.given["to"]))


async def query_range(stage: Stage, case: Case) -> Found:
    """A day of the patient, as the patient's page asks for it."""
    given = case.given
    zone = parse_zone(given["patient_tz"])
    midnight = datetime.combine(day(given["patient_day"]), datetime.min.time(), zone)
    span = Interval(midnight, midnight + timedelta(days=1))  # wall-clock arithmetic: the next local midnight
    stage.at(instant(given["now"]) if "now" in given else midnight - timedelta(days=2))
    clinician_id = await stage.clinician(schedule=schedule_of(given["schedule"]))
    kind = await stage.kind(**kind_fields(given["visit"]))
    body = {
        "visit_type_id": str(kind.id),
        "clinician_ids": [str(clinician_id)],
        "start": stated(span.start),
        "end": stated(span.end),
        "time_zone": zone.key,
        "limit": 200,
    }
    answer = await stage.ask("POST", "/v1/slots/search", body)
    local = [each["local_start"] for each in answer.value["items"]]
    utc = [each["start"] for each in answer.value["items"]]
    return {
        "count": len(local),
        "first_local": local[0] if local else None,
        "last_local": local[-1] if local else None,
        "starts_local": local,
        "starts_utc": utc,
    }


async def slots_last_day(stage: Stage, case: Case) -> Found:
    """The last start that is offered at all, whoever looks."""
    given = case.given
    now = instant(given["now"])
    given.ignoring("patient_tz")  # it is not asked for its opinion: dates are the clinician's
    stage.at(now)
    schedule = schedule_of(given["schedule"])
    clinician_id = await stage.clinician(schedule=schedule)
    kind = await stage.kind(**kind_fields(given["visit"]))
    found = await stage.starts(
        kind, Interval(now, now + timedelta(days=min(kind.horizon_days, FAR) + 5)), clinician_ids=(clinician_id,)
    )
    resource = await stage.resource(clinician_id)
    last = found[-1:]
    return {
        "last_start_utc": stated(last[0]) if last else None,
        "last_start_local": reading(resource, last[0]) if last else None,
    }


async def group_by_day(stage: Stage, case: Case) -> Found:
    """The same instants on two people's calendars, as the month view counts and the search reads them."""
    given = case.given
    starts = sorted(instant(each) for each in given["starts_utc"])
    stage.before(starts[0])
    clinician_id = await stage.clinician()
    kind = await stage.kind(minutes=1)
    found = {}
    for whose in ("patient", "clinician"):
        if f"{whose}_tz" in given:
            found[f"{whose}_days"] = await _by_day(
                stage, kind.id, clinician_id, starts=starts, zone=str(given[f"{whose}_tz"])
            )
    return found


async def _by_day(stage: Stage, kind_id: Any, clinician_id: Any, *, starts: list[datetime], zone: str) -> Found:
    days: dict[str, list[str]] = {}
    for start in starts:
        body = {
            "visit_type_id": str(kind_id),
            "clinician_ids": [str(clinician_id)],
            "start": stated(start),
            "end": stated(start + timedelta(minutes=1)),
            "time_zone": zone,
        }
        answer = await stage.ask("POST", "/v1/slots/search", body)
        (item,) = answer.value["items"]
        date, _, clock = item["local_start"].partition("T")
        days.setdefault(date, []).append(clock)
    return days


async def recurring(_: Stage, case: Case) -> Found:
    """The visits of a series."""
    given = case.given
    zone = parse_zone(given["tz"])
    found = expand(str(given["rrule"]), datetime.fromisoformat(given["dtstart_local"]), zone.key)
    return {
        "starts_utc": [stated(each.start) for each in found],
        "starts_local": [f"{each.start.astimezone(zone):%Y-%m-%dT%H:%M}" for each in found],
        "count": len(found),
    }


KINDS = {
    "windows": windows,
    "holiday": windows,
    "slots": slots,
    "query_range": query_range,
    "slots_last_day": slots_last_day,
    "group_by_day": group_by_day,
    "expand": recurring,
}
