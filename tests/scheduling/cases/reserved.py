"""Kinds of cases about how many visits fit and for whom time is kept: caps, capacity, seats, reserved blocks."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import SYSTEM
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability.rules import Minutes, Rule, TimeOff, to_instant
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import VisitType
from tests.scheduling.cases import acts
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.bookings import had
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.stage import MINUTES, Stage, busy_of, kind_fields
from tests.scheduling.cases.words import (
    ALL_WEEK,
    SOME_DAY,
    Schedule,
    Types,
    at_clock,
    day,
    instant,
    rules_of,
    scope,
    stated,
    window_of_case,
)

Found = dict[str, Any]
A_DAY = timedelta(days=1)
LONG_BEFORE = timedelta(days=20)


async def caps(stage: Stage, case: Case) -> Found:
    """So many visits a day, or a week, on the clinician's own dates."""
    given = case.given
    zone = str(given.get("tz", "UTC"))
    rules = rules_of(given["rules"], {}) if "rules" in given else ALL_WEEK
    fields = kind_fields(given)
    if "reschedule" in given or any("start" not in each for each in given["booked"]):
        return await _moved_under_cap(stage, given, fields)
    spans = [busy_of(each)[0] for each in given["booked"]]
    early = min([to_instant(each.start) for each in spans] + [instant(each["start"]) for each in _asked(given)])
    stage.at(early - LONG_BEFORE)
    host = await stage.clinician(schedule=Schedule(zone, rules))
    length = spans[0].end - spans[0].start if spans else MINUTES
    kind = await stage.kind(**{"minutes": length, "grid": length, **fields})
    plain = await stage.kind(minutes=kind.minutes, grid=kind.grid)
    for each, span in zip(given["booked"], spans, strict=True):
        owner = await stage.arrange(kind, host, to_instant(span.start))
        await _brought_to(stage, owner, str(each.ignoring("id").get("status", "booked")))
    found: Found = {}
    for each in given.get("query_local_days", ()):
        whole = Interval(at_clock("00:00", day(each), zone), at_clock("24:00", day(each), zone))
        capped = await stage.starts(kind, whole, clinician_ids=(host,))
        free = await stage.starts(plain, whole, clinician_ids=(host,))
        found[str(each)] = "all" if capped and capped == free else [f"{stated(start)}" for start in capped]
    for each in _asked(given):
        wish = wish_for(kind, await stage.patient(), instant(each["start"]), [host])
        answer = await acts.book(stage, wish)
        found |= {"allowed": answer.well, "status": answer.status, "code": answer.code}
    return found


def _asked(given: Given) -> list[Given]:
    asked = given.get("ask", [])
    return [asked] if isinstance(asked, Given) else asked


async def _brought_to(stage: Stage, owner: UUID, status: str) -> None:
    if status in {"cancelled", "no_show_released"}:
        await stage.run(booking.release, SYSTEM, owner)
    elif status != "booked":
        raise CaseFault(f"status {status!r} is not known")


async def _moved_under_cap(stage: Stage, given: Given, fields: Found) -> Found:
    """Visits of one day, in various states; one more, or one of them moved on that day or to the next."""
    zone = str(given.get("tz", "UTC"))
    nine = at_clock("09:00", SOME_DAY, zone)
    stage.at(nine - LONG_BEFORE)
    rules = rules_of(given["rules"], {}) if "rules" in given else ALL_WEEK
    host = await stage.clinician(schedule=Schedule(zone, rules))
    capped = await stage.kind(**fields)
    visits = {}
    for number, each in enumerate(given["booked"]):
        start = nine + number * timedelta(hours=1)
        wish = wish_for(capped, await stage.patient(str(each["id"])), start, [host])
        booked = await acts.arrange(stage, wish)
        await had(stage, booked, str(each.get("status", "booked")))
        stage.at(nine - LONG_BEFORE)
        visits[str(each["id"])] = booked.value.id
    later = nine + timedelta(hours=6) + (timedelta() if given.get("same_day", True) else A_DAY)
    if "reschedule" in given:
        answer = await acts.move(stage, visits[str(given["reschedule"])], later)
    else:
        answer = await acts.book(stage, wish_for(capped, await stage.patient("one more"), later, [host]))
    return {"allowed": answer.well, "status": answer.status, "code": answer.code}


async def mix(stage: Stage, case: Case) -> Found:
    """Blocks that are kept for kinds of visits, for good or until some time before; `now` may be one or several."""
    given = case.given
    zone, on, types = str(given.get("tz", "UTC")), day(given["day"]), Types()
    rules = rules_of(given["rules"], types)
    name = str(given["visit_type"])
    scope(name, types)
    whole = Interval(at_clock("00:00", on, zone), at_clock("24:00", on, zone))
    stage.before(whole.start)
    host = await stage.clinician(schedule=Schedule(zone, rules))
    fields = kind_fields(given["visit"])
    for code, kind_id in types.items():
        await stage.kind(id=kind_id, code=code, **fields)
    moments = given["now"] if "now" in given else [stated(whole.start - A_DAY)]
    seen = []
    for each in [moments] if isinstance(moments, str) else moments:
        stage.at(instant(each))
        kind = await stage.kind(id=types[name], code=name, **fields)
        starts = await stage.starts(kind, whole, clinician_ids=(host,))
        seen.append([f"{each.astimezone(parse_zone(zone)):%H:%M}" for each in starts])
    return {"starts_local": seen[0], "starts_local_by_now": seen}


async def busy_scope(stage: Stage, case: Case) -> Found:
    """What is closed for some kinds of visit, and what is busy for all."""
    given, types = case.given, Types()
    asked = [(str(each["service"]), instant(each["start"])) for each in given["ask"]]
    for name, _ in asked:
        scope(name, types)
    away, booked = [], []
    for each in given["busy"]:
        span, before, after = busy_of(each)
        match each["kind"]:
            case "block":
                named = each["services"] if "services" in each else each.get("service")
                away.append(TimeOff(span=span, only=scope(named, types)))
            case "appointment" | "visit":
                each.ignoring("service")
                booked.append((span, before, after))
            case _:
                raise CaseFault(f"busy of kind {each['kind']!r} is not known")
    stage.before(min(start for _, start in asked))
    host = await stage.clinician(schedule=Schedule("UTC", ALL_WEEK, time_off=tuple(away)))
    kinds = {name: await stage.kind(id=kind_id, code=name, **kind_fields(given)) for name, kind_id in types.items()}
    for span, before, after in booked:
        await stage.busy(host, span, before=before, after=after)
    stage.at(min(start for _, start in asked) - A_DAY)
    return {"allowed": [await stage.offers(kinds[name], start, clinician_ids=(host,)) for name, start in asked]}


async def capacity(stage: Stage, case: Case) -> Found:
    return await (_part_of_a_provider if "providers" in case.given else _peak)(stage, case)


async def _peak(stage: Stage, case: Case) -> Found:
    """Whether one more fits beside the others at every moment."""
    given = case.given
    asked, before, after = busy_of(given["ask"])
    spans = [busy_of(each) for each in given["busy"]]
    stage.before(to_instant(min([asked.start, *(span.start for span, _, _ in spans)])))
    host = await stage.clinician(capacity=int(given["capacity"]))
    for span, early, late in spans:
        await stage.busy(host, span, before=early, after=late)
    kind = await stage.kind(minutes=asked.end - asked.start, buffer_before=before, buffer_after=after)
    start = to_instant(asked.start)
    stage.at(start - A_DAY)
    answer = await acts.book(stage, wish_for(kind, await stage.patient(), start, [host]))
    taken = [Interval(span.start - early, span.end + late) for span, early, late in spans]
    peak = peak_of([*taken, Interval(asked.start - before, asked.end + after)])
    return {"allowed": answer.well, "status": answer.status, "code": answer.code, "peak_after": peak}


def peak_of(spans: Sequence[Minutes]) -> int:
    """The most that go on at one moment."""
    return max((sum(each.start <= other.start < each.end for each in spans) for other in spans), default=0)


async def _part_of_a_provider(stage: Stage, case: Case) -> Found:
    """How many visits each start of an hour takes when only part of a provider, or more than one, is there."""
    given = case.given
    first, length = int(given["hour"]) * 60, int(given["duration"])
    percent = round(float(given["providers"]) * 100)
    rule = Rule(SOME_DAY.isoweekday(), first, first + 60, staffing=percent)
    stage.before(at_clock("00:00"))
    host = await stage.clinician(schedule=Schedule("UTC", (rule,)), capacity=max(-(-percent // 100), 1))
    kind = await stage.kind(minutes=length, grid=int(given.get("grid", length)))
    stage.at(at_clock("00:00") - A_DAY)
    found = {}
    for minute in range(first, first + 60 - length + 1, length):
        start, number = at_clock(f"{minute // 60:02}:{minute % 60:02}"), 0
        while True:
            patient_id = await stage.patient(f"{minute} {number}")
            if not (await acts.book(stage, wish_for(kind, patient_id, start, [host]))).well:
                break
            number += 1
        found[f"{start:%H:%M}"] = number
    return {"capacity_by_start": found, "total": sum(found.values())}


async def group_start(stage: Stage, case: Case) -> Found:
    """Group sessions that have begun to fill, and what is offered beside them."""
    given = case.given
    span = window_of_case(given)
    sessions = [(busy_of(each, int(given["duration"]))[0], int(each.get("taken", 0))) for each in given["sessions"]]
    early = to_instant(min([span.start, *(each.start for each, _ in sessions)]))
    stage.before(early)
    host = await stage.clinician()
    kind = await stage.kind(**kind_fields(given))
    for session, taken in sessions:
        await fill_session(stage, kind, host, to_instant(session.start), taken=taken)
    stage.at(early - A_DAY)
    found = await stage.search(kind, Interval(to_instant(span.start), to_instant(span.end)), clinician_ids=(host,))
    return {"offered": [{"start": stated(each.start), "seats_left": each.seats_left} for each in found]}


async def fill_session(stage: Stage, kind: VisitType, host: UUID, start: datetime, *, taken: int) -> None:
    """So many patients have a seat."""
    for number in range(taken):
        wish = wish_for(kind, await stage.patient(f"{start} {number}"), start, [host])
        answer = await acts.arrange(stage, wish)
        if not answer.well:
            raise CaseFault(f"seat {number + 1} could not be taken: {answer}")


KINDS = {
    "daily_cap": caps,
    "weekly_cap": caps,
    "visit_mix": mix,
    "release": mix,
    "busy_scope": busy_scope,
    "capacity": capacity,
    "group_start": group_start,
}
