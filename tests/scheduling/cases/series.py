"""Kinds of cases about visits that repeat."""

from datetime import datetime, timedelta
from typing import Any

from telehealth.core.ids import ClinicianId
from telehealth.scheduling.booking.rules import VisitType
from tests.scheduling.cases import acts
from tests.scheduling.cases.answers import Answer, AtLeast
from tests.scheduling.cases.reading import Case, CaseFault
from tests.scheduling.cases.stage import Stage
from tests.scheduling.cases.words import SOME_DAY, at_clock, instant, stated

Found = dict[str, Any]
FIRST = at_clock("15:00")
A_DAY, A_WEEK = timedelta(days=1), timedelta(days=7)
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


async def _clinic(stage: Stage) -> tuple[ClinicianId, VisitType]:
    stage.at(FIRST - A_WEEK)
    return await stage.clinician(), await stage.kind()


async def _booked(stage: Stage, host: ClinicianId, kind: VisitType, **asked: Any) -> Answer:
    body = {
        "patient_id": str(await stage.patient()),
        "clinician_ids": [str(host)],
        "visit_type_id": str(kind.id),
        "local_start": f"{FIRST:%Y-%m-%dT%H:%M}",
        "time_zone": "UTC",
        **asked,
    }
    return await stage.ask("POST", "/v1/series", body)


async def book_series(stage: Stage, case: Case) -> Found:
    """Weekly visits, some of whose times are taken."""
    given = case.given
    host, kind = await _clinic(stage)
    conflicts = [int(each) for each in given.get("conflict_at", ())]
    for number in conflicts:
        await stage.arrange(kind, host, FIRST + (number - 1) * A_WEEK)
    rule = f"FREQ=WEEKLY;COUNT={int(given['occurrences'])}"
    answer = await _booked(stage, host, kind, rrule=rule, policy=str(given["policy"]))
    missed = answer.value["skipped"] if answer.well else answer.facts.get("details", ())
    named = [int(each["occurrence"]) for each in missed]
    return {
        "status": answer.status,
        "code": answer.code,
        "booked": await acts.count(stage, "SELECT count(*) FROM visit WHERE status = 'booked'"),
        "conflicts": named,
        "skipped": named,
        "alternatives_min": AtLeast(min((len(each["alternatives"]) for each in missed), default=0)),
    }


async def cancel_series(stage: Stage, case: Case) -> Found:
    """One visit of a series is called off."""
    given = case.given
    count, cancelled = int(given.get("occurrences", 4)), given["cancel"]
    host, kind = await _clinic(stage)
    answer = await _booked(stage, host, kind, rrule=f"FREQ=WEEKLY;COUNT={count}", policy="atomic")
    if not answer.well:
        raise CaseFault(f"the series could not be booked: {answer}")
    series, free_before = answer.value["id"], await _free(stage, host, kind, count)
    off = [int(each) for each in (cancelled if isinstance(cancelled, list) else [cancelled])]
    for number in off:
        body = {"reach": str(given.get("reach", "one")), "occurrence": number, "reason": "patient_request"}
        answer = await stage.ask("POST", f"/v1/series/{series}/cancel", body)
    visits = (await stage.ask("GET", f"/v1/series/{series}")).value["visits"]
    left = [int(each["occurrence"]) for each in visits if each["status"] == "booked"]
    freed = [each for each in await _free(stage, host, kind, count) if each not in free_before]
    gone = [number for number in range(1, count + 1) if number not in left]
    if freed != gone:
        raise CaseFault(f"free again are the times of {freed}")
    return {"status": answer.status, "booked": left, "freed": freed}


async def _free(stage: Stage, host: ClinicianId, kind: VisitType, count: int) -> list[int]:
    """The numbers of the weeks in which the time of the series is free."""
    return [
        number
        for number in range(1, count + 1)
        if await stage.offers(kind, FIRST + (number - 1) * A_WEEK, clinician_ids=(host,))
    ]


async def search_series(stage: Stage, case: Case) -> Found:
    """From which of some first times every visit is free."""
    given = case.given
    host, kind = await _clinic(stage)
    for text, weeks in given["busy_weeks"].items():
        for week in weeks:
            await stage.arrange(kind, host, _first(text) + (int(week) - 1) * A_WEEK)
    rule = f"FREQ=WEEKLY;COUNT={int(given['weekly'])}"
    offered = [each for each in given["candidates"] if await _is_found(stage, (host, kind), _first(str(each)), rule)]
    return {"offered": offered}


async def _is_found(stage: Stage, what: tuple[ClinicianId, VisitType], start: datetime, rrule: str) -> bool:
    host, kind = what
    body = {
        "patient_id": str(await stage.patient()),
        "clinician_ids": [str(host)],
        "visit_type_id": str(kind.id),
        "start": stated(start),
        "end": stated(start + timedelta(minutes=1)),
        "rrule": rrule,
        "time_zone": "UTC",
    }
    answer = await stage.ask("POST", "/v1/series/search", body)
    if not answer.well:
        raise CaseFault(f"the search was refused: {answer}")
    return start in [instant(each["starts"][0]) for each in answer.value["items"]]


def _first(text: str) -> datetime:
    """Such as "Tue 12:00", of the first week."""
    name, _, clock = text.partition(" ")
    if name[:3] not in WEEKDAYS:
        raise CaseFault(f"{text!r} names no weekday")
    monday = SOME_DAY - timedelta(days=SOME_DAY.weekday())
    return at_clock(clock, monday + timedelta(days=WEEKDAYS.index(name[:3])))


KINDS = {"book_series": book_series, "cancel_series": cancel_series, "search_series": search_series}
