"""Kinds of cases about booking and moving one visit."""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import DAY, WeeklyHours, to_instant, to_minute
from telehealth.scheduling.booking.rules import VisitType
from telehealth.visits.appointments.kept import VisitsOutsideHours
from tests.scheduling.cases import acts
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer, AtLeast
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.stage import MINUTES, Stage, busy_of, kind_fields
from tests.scheduling.cases.words import (
    ALWAYS,
    Schedule,
    at_clock,
    clock,
    daily,
    hours_text,
    instant,
    local_date,
    rules_of,
    stated,
)

Found = dict[str, Any]
A_DAY = timedelta(days=1)
REASON = "arranged by telephone"


async def book(stage: Stage, case: Case) -> Found:
    """A start that is posted directly, whatever a search would have shown."""
    given = case.given
    start = at_clock(given["start"] if "start" in given else given["book"])
    first_only = given.get("policy") == "first_slot_only"
    if "policy" in given and not first_only:
        raise CaseFault(f"policy {given['policy']!r} is not known")
    offered = [clock(each) for each in given.get("offered", ())]
    hours = daily(min(offered), DAY) if offered else ALWAYS
    now = instant(given["now"]) if "now" in given else start - A_DAY
    stage.before(now)
    clinician_id = await stage.clinician(schedule=hours)
    for each in given.get("busy", ()):
        taken, before, after = busy_of(each)
        await stage.busy(clinician_id, taken, before=before, after=after)
    fields = kind_fields(given.get("visit", Given({}, "given.visit"))) | kind_fields(given)
    kind = await stage.kind(first_of_day_only=first_only, **fields)
    stage.at(now)
    found: Found = {}
    if offered:
        whole = Interval(at_clock("00:00", start.date()), at_clock("24:00", start.date()))
        seen = await stage.starts(kind, whole, clinician_ids=(clinician_id,))
        if [each.hour * 60 + each.minute for each in seen] != offered:
            raise CaseFault(f"offered are {[stated(each) for each in seen]}")
    posted = [
        await _posted(stage, kind, clinician_id, start=start, who=str(who))
        for who in _listed(given.get("as", "patient"))
    ]
    many = isinstance(given.get("as"), list)
    found["status"] = posted if many else posted[0].status
    found["code"] = [each.code for each in posted] if many else posted[0].code
    found["alternatives_min"] = AtLeast(len(posted[0].facts.get("alternatives", ())))
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


async def _posted(stage: Stage, kind: VisitType, clinician_id: ClinicianId, *, start: datetime, who: str) -> Answer:
    """By a patient, or by staff, who may give a reason for setting the rules aside."""
    name, _, why = who.partition("+")
    wish = wish_for(kind, await stage.patient(f"{who} {start}"), start, [clinician_id])
    if name == "patient" and not why:
        return await acts.book(stage, wish)
    if name == "staff" and why in {"", "reason"}:
        return await acts.book_as_staff(stage, wish, **({"override": REASON} if why else {}))
    raise CaseFault(f"{who!r} is nobody who books")


async def override(stage: Stage, case: Case) -> Found:
    """Staff book over something, and say why."""
    given = case.given
    asked = given["staff_override"]
    start = instant(asked["start"])
    stage.before(start)
    clinician_id = await stage.clinician()
    for each in given.get("busy", ()):
        taken, before, after = busy_of(each)
        await stage.busy(clinician_id, taken, before=before, after=after)
    kind = await stage.kind(**kind_fields(given))
    stage.at(start - A_DAY)
    why = asked.get("reason") or ""
    wish = wish_for(kind, await stage.patient(), start, [clinician_id])
    answer = await acts.book_as_staff(stage, wish, override=str(why))
    visit = answer.value["visit"] if answer.well else {}
    kept = "SELECT count(*) FROM visit WHERE id = CAST(:id AS uuid) AND override IS NOT NULL"
    noted = "SELECT count(*) FROM audit_event WHERE entity_id = CAST(:id AS uuid) AND actor_id IS NOT NULL"
    audited = visit and all([await acts.count(stage, each, id=visit["id"]) for each in (kept, noted)])
    searched = {
        f"search_contains_{each}": await stage.offers(kind, at_clock(each, start.date()), clinician_ids=(clinician_id,))
        for key in case.expect
        if key.startswith("search_contains_")
        for each in [key.removeprefix("search_contains_")]
    }
    return {
        "status": answer.status,
        "code": answer.code,
        "overbooked": bool(visit and visit["overbooked"]),
        "audit": bool(audited),
        **searched,
    }


async def overbook_rule(stage: Stage, case: Case) -> Found:
    """How many visits the no-show rule lets staff book over others, without any reason given."""
    given = case.given
    starts = [at_clock(each) for each in given["session"]]
    length = min((late - early for early, late in pairwise(starts)), default=timedelta(minutes=30))
    length = timedelta(minutes=int(given["duration"])) if "duration" in given else length
    opened = Interval(to_minute(starts[0]), to_minute(max(starts) + length))
    midnight = to_minute(at_clock("00:00"))
    stage.before(starts[0])
    clinician_id = await stage.clinician(schedule=daily(opened.start - midnight, opened.end - midnight))
    kind = await stage.kind(
        minutes=length // timedelta(minutes=1),
        overbook_limit=int(given["limit"]),
        overbook_threshold=round(float(given["threshold"]) * 100),
    )
    for start, chance in zip(starts, given["p_noshow"], strict=True):
        await stage.arrange(kind, clinician_id, start, risk=round(float(chance) * 100))
    stage.at(starts[0] - A_DAY)
    extras = 0
    for attempt in range(2 * len(starts) + int(given["limit"])):
        patient_id = await stage.patient(acts.someone(attempt))
        wish = wish_for(kind, patient_id, starts[attempt % len(starts)], [clinician_id])
        extras += (await acts.book_as_staff(stage, wish)).well
    return {"extra_allowed": extras, "after_one": max(extras - 1, 0)}


async def stale_offer(stage: Stage, case: Case) -> Found:
    """The hours change between a search and the booking of what it found."""
    given = case.given
    start = at_clock(given["book"])
    stage.at(start - A_DAY)
    clinician_id = await stage.clinician(schedule=hours_text(given["search"]))
    kind = await stage.kind(**kind_fields(given))
    body = {
        "visit_type_id": str(kind.id),
        "clinician_ids": [str(clinician_id)],
        "start": stated(start),
        "end": stated(start + timedelta(minutes=1)),
    }
    found = await stage.ask("POST", "/v1/slots/search", body)
    if not found.value["items"]:
        raise CaseFault(f"{given['book']} was not offered before the change")
    changed = hours_text(given["change"])
    await stage.run(availability.publish_hours, SYSTEM, clinician_id, WeeklyHours(changed.time_zone, changed.rules))
    offer = found.value["items"][0]["offer"]
    answer = await stage.ask("POST", "/v1/visits", {"patient_id": str(await stage.patient()), "offer": offer})
    return {
        "status": answer.status,
        "code": answer.code,
        "alternatives_min": AtLeast(len(answer.facts.get("alternatives", ()))),
    }


async def reschedule(stage: Stage, case: Case) -> Found:
    """Move one visit; other clock times in the case say what is taken."""
    given = case.given
    asked = given["visit"]
    fields = {"minutes": MINUTES} | (kind_fields(asked) if isinstance(asked, Given) else {})
    start = at_clock(asked["start"] if isinstance(asked, Given) else asked)
    there = at_clock(given["to"])
    stage.before(min(start, there))
    clinician_id = await stage.clinician()
    kind = await stage.kind(**fields)
    stage.at(min(start, there) - A_DAY)
    visit = (await acts.book(stage, wish_for(kind, await stage.patient(), start, [clinician_id]))).value
    for each in given:
        if each not in {"visit", "to", "busy"} and given[each] == "taken":
            await stage.arrange(kind, clinician_id, at_clock(each))
    for each in given.get("busy", ()):
        taken, before, after = busy_of(each)
        await stage.busy(clinician_id, taken, before=before, after=after)
    answer = await acts.move(stage, visit.id, there)
    after_all = await acts.visit_now(stage, visit.id)
    began = instant(after_all["starts_at"])
    same_way = ":" in str(given["to"]) and len(str(given["to"])) <= 8
    return {
        "status": answer.status,
        "code": answer.code,
        "visit_start": f"{began:%H:%M}" if same_way else stated(began),
        "status_of_visit": after_all["status"],
        "same_visit": after_all["id"] == str(visit.id),
    }


async def confirm_race(stage: Stage, case: Case) -> Found:
    """Requests for times, confirmed by staff all at once."""
    given = case.given
    same = bool(given.get("same_slot", True))
    noon = at_clock("15:00")
    stage.at(noon - A_DAY)
    clinician_id = await stage.clinician()
    kind = await stage.kind()
    requested = {}
    for number, each in enumerate(given["pending"]):
        start = noon if same else noon + number * timedelta(hours=1)
        wish = wish_for(kind, await stage.patient(str(each["id"])), start, [clinician_id])
        answer = await acts.book_as_staff(stage, wish, request=True)
        requested[str(each["id"])] = answer.value["visit"]["id"]
    paths = [f"/v1/visits/{requested[str(each)]}/confirm" for each in given["concurrent_confirm"]]
    answers = await acts.at_once([partial(stage.ask, "POST", each) for each in paths])
    losers = [each for each in answers if not each.well]
    found: Found = {"booked": len(answers) - len(losers), "rejected_409": sum(each.status == 409 for each in losers)}
    found["other"] = losers[0] if losers else None
    found["others"] = losers
    return found


async def search_after_write(stage: Stage, case: Case) -> Found:
    """What has just been booked is in nobody's next search."""
    given = case.given
    start = at_clock(given["book"])
    if given.get("then_search_within_ms", 0) < 0:
        raise CaseFault("a search cannot come before the booking")
    stage.at(start - A_DAY)
    clinician_id = await stage.clinician()
    kind = await stage.kind()
    if not await stage.offers(kind, start, clinician_ids=(clinician_id,)):
        raise CaseFault("the time was not free to begin with")
    booked = await acts.book(stage, wish_for(kind, await stage.patient(), start, [clinician_id]))
    if not booked.well:
        raise CaseFault(f"the time could not be booked: {booked}")
    seen = [
        await stage.offers(kind, start, clinician_ids=(clinician_id,), patient_id=each)
        for each in (None, await stage.patient("another"))
    ]
    return {"contains": any(seen)}


async def idempotency(stage: Stage, case: Case) -> Found:
    """The same request over and over, one after the other and all at once."""
    given = case.given
    start = at_clock("15:00")
    stage.at(start - A_DAY)
    clinician_id = await stage.clinician()
    kind = await stage.kind()
    patient_id = await stage.patient()
    same = given.get("body", "same") == "same"

    async def post(number: int) -> Answer:
        at = start if same else start + number * timedelta(hours=1)
        wish = wish_for(kind, patient_id, at, [clinician_id])
        body = {
            "patient_id": str(wish.patient_id),
            "clinician_id": str(clinician_id),
            "visit_type_id": str(kind.id),
            "start": stated(at),
        }
        return await stage.ask("POST", "/v1/visits", body, Idempotency_Key=str(given["key"]))

    count = int(given["requests"])
    await stage.ask("GET", "/v1/visit-types")  # signs in, once
    at_once = await asyncio.gather(*(post(number) for number in range(count)))
    again = [await post(number) for number in range(count)] if same else []
    ids = {each.value["visit"]["id"] for each in [*at_once, *again] if each.well}
    return {
        "appointments": await acts.count(stage, "SELECT count(*) FROM visit"),
        "status": sorted(each.status for each in at_once),
        "same_id": len(ids) == 1,
    }


async def atomic_book(stage: Stage, case: Case) -> Found:
    """A visit that needs several: everybody is taken, or nobody is."""
    given = case.given
    names = [str(each) for each in given["resources"]]
    start = at_clock(given["start"])
    span = Interval(to_minute(start), to_minute(start) + MINUTES)
    stage.before(start)
    clinician_id = await stage.clinician(names[0])
    others = [await stage.thing(name) for name in names[1:]]
    for name in names:
        if given.get(f"{name}_busy"):
            await stage.away(stage.names[name], span)
    stage.at(start - A_DAY)
    kind = await stage.kind()
    wish = wish_for(kind, await stage.patient(), start, [clinician_id], also=tuple(others))
    answer = await acts.book(stage, wish)
    conflicts = [stage.name_of(each) for each in answer.facts.get("conflicts", ())]
    taken = "SELECT count(*) FROM occupancy WHERE resource_id = :id AND state = 'active' AND kind = 'visit'"
    occupied = {f"{name}_occupied": await acts.count(stage, taken, id=stage.names[name]) > 0 for name in names}
    return {
        "status": answer.status,
        "code": answer.code,
        "conflicts": conflicts or ([names[0]] if answer.code == "slot_taken" else []),
        **occupied,
    }


async def patient_conflict(stage: Stage, case: Case) -> Found:
    """A patient with visits asks for others, one after the other."""
    given = case.given
    asked = [(str(each["clinician"]), busy_of(each)[0]) for each in given["ask"]]
    early = min(to_instant(span.start) for _, span in asked)
    stage.before(early)
    patient_id = await stage.patient()
    for each in given["patient_visits"]:
        span, before, after = busy_of(each)
        clinician_id = await stage.clinician(str(each["clinician"]))
        kind = await stage.kind(minutes=span.end - span.start, buffer_before=before, buffer_after=after)
        wish = wish_for(kind, patient_id, to_instant(span.start), [clinician_id])
        await had(stage, await acts.book(stage, wish), str(each.get("status", "booked")))
    answers = []
    stage.at(early - A_DAY)
    for name, span in asked:
        kind = await stage.kind(minutes=span.end - span.start)
        wish = wish_for(kind, patient_id, to_instant(span.start), [await stage.clinician(name)])
        answers.append(await acts.book(stage, wish))
    return {"results": answers}


async def had(stage: Stage, booked: Answer, status: str) -> None:
    """Brings a booked visit to the status a case says it has."""
    if not booked.well:
        raise CaseFault(f"what the case begins with could not be booked: {booked}")
    match status:
        case "booked" | "confirmed":
            return
        case "cancelled":
            answer = await acts.cancel(stage, booked.value.id)
        case "no_show" | "no_show_released" | "patient_no_show":
            stage.at(booked.value.starts_at + timedelta(minutes=20))
            answer = await acts.missed(stage, booked.value.id)
            stage.before(booked.value.starts_at)
        case _:
            raise CaseFault(f"status {status!r} is not known")
    if not answer.well:
        raise CaseFault(f"the visit could not become {status}: {answer}")


async def rule_change(stage: Stage, case: Case) -> Found:
    """New hours: what is booked stays and is flagged, what is offered follows the new hours."""
    given = case.given
    zone = str(given.get("tz", "UTC"))
    booked = [(str(each["id"]), busy_of(each)[0]) for each in given["booked"]]
    early = to_instant(min(span.start for _, span in booked))
    stage.at(early - timedelta(days=2))
    before = Schedule(zone, rules_of(given["rule_before"], {}))
    after = Schedule(zone, rules_of(given["rule_after"], {}))
    clinician_id = await stage.clinician(schedule=before)
    visits = {}
    for name, span in booked:
        kind = await stage.kind(minutes=span.end - span.start)
        wish = wish_for(kind, await stage.patient(name), to_instant(span.start), [clinician_id])
        answer = await acts.book(stage, wish)
        if not answer.well:
            raise CaseFault(f"{name} could not be booked under the first rules: {answer}")
        visits[name] = answer.value.id
    await stage.run(availability.publish_hours, SYSTEM, clinician_id, WeeklyHours(zone, after.published()))
    noon = at_clock("12:00", local_date(early, zone), zone)
    midnight = at_clock("24:00", local_date(early, zone), zone)
    kind = await stage.kind(grid=15)
    offered = await stage.starts(kind, Interval(noon, midnight), clinician_ids=(clinician_id,))
    outside = {each.id for each in await stage.run(VisitsOutsideHours().outside_hours, SYSTEM, clinician_id)}
    found: Found = {"offered_after_noon": [stated(each) for each in offered]}
    for name, visit_id in visits.items():
        now = await acts.visit_now(stage, visit_id)
        found[f"{name}_status"] = now["status"]
        found[f"{name}_flag"] = "outside_hours" if visit_id in outside else None
    return found


KINDS = {
    "book": book,
    "override": override,
    "overbook_rule": overbook_rule,
    "stale_offer": stale_offer,
    "reschedule": reschedule,
    "confirm_race": confirm_race,
    "search_after_write": search_after_write,
    "idempotency": idempotency,
    "atomic_book": atomic_book,
    "patient_conflict": patient_conflict,
    "rule_change": rule_change,
}
