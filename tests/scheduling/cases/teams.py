"""Kinds of cases about who gives a visit: teams, pools, interpreters, whoever has the least to do."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import DAY, Rule
from telehealth.scheduling.booking.rules import RoleNeed, VisitType
from tests.scheduling.cases import acts
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.stage import ALL, MINUTES, Stage, kind_fields
from tests.scheduling.cases.words import (
    SOME_DAY,
    Schedule,
    at_clock,
    clock_span,
    day,
    instant,
    on_day,
    reading,
    schedule_of,
    stated,
)

Found = dict[str, Any]
POOL = "pool"
A_DAY = timedelta(days=1)


def free_on(texts: Any, on: date = SOME_DAY, zone: str = "UTC") -> Schedule:
    """Open at "HH:MM-HH:MM", one or several, on one date."""
    listed = [texts] if isinstance(texts, str) else texts
    return on_day([clock_span(each) for each in listed], on, zone)


def whole(on: date = SOME_DAY, zone: str = "UTC") -> Interval[datetime]:
    return Interval(at_clock("00:00", on, zone), at_clock("24:00", on, zone))


async def team_of(stage: Stage, free: Mapping[str, Any], on: date = SOME_DAY, zone: str = "UTC") -> list[ClinicianId]:
    return [await stage.clinician(name, free_on(texts, on, zone)) for name, texts in sorted(free.items())]


def clocks(starts: Sequence[datetime], schedule: Schedule | None = None) -> list[str]:
    zone = Schedule() if schedule is None else schedule
    return [reading(zone.resource(), each).partition("T")[2] for each in starts]


async def pool(stage: Stage, case: Case) -> Found:
    """One of a pool beside the clinician: who is free for the whole visit."""
    given = case.given
    stage.at(at_clock("00:00") - A_DAY)
    host = await stage.clinician("the clinician", free_on(given["clinician"]))
    for name, texts in sorted(given["pool"].items()):
        await stage.thing(name, "interpreter", free_on(texts), pools=[POOL])
    count = int(given.get("count", 1))
    kind = await stage.kind(roles=(RoleNeed("interpreter", POOL, count=count),), **kind_fields(given["visit"]))
    starts = await stage.starts(kind, whole(), clinician_ids=(host,))
    assigned = {}
    for number, start in enumerate(starts):
        wish = wish_for(kind, await stage.patient(acts.someone(number)), start, [host])
        answer = await acts.book(stage, wish)
        if not answer.well:
            raise CaseFault(f"{stated(start)} was offered and is refused: {answer}")
        chosen = await acts.beside(stage, answer.value.id)
        assigned[f"{start:%H:%M}"] = chosen[0] if count == 1 else sorted(chosen)
        await acts.cancel(stage, answer.value.id)
    return {"starts_local": clocks(starts), "assigned": assigned}


async def no_stitch(stage: Stage, case: Case) -> Found:
    """What any one of the clinicians can give alone."""
    given = case.given
    stage.at(at_clock("00:00") - A_DAY)
    members = await team_of(stage, given["clinicians"])
    kind = await stage.kind(**kind_fields(given["visit"]))
    return {"starts_local": clocks(await stage.starts(kind, whole(), clinician_ids=tuple(members)))}


async def round_robin(stage: Stage, case: Case) -> Found:
    """Who of several gives it."""
    given = case.given
    start = at_clock(given.get("start", "12:00"))
    if "fixed" in given:
        return await _fixed_and_pool(stage, given, start)
    members = []
    latest = start - A_DAY
    for name, about in sorted(given["clinicians"].items()):
        free = free_on(about["free"]) if "free" in about else free_on("00:00-24:00")
        members.append(await stage.clinician(name, free))
        latest = max(latest, await _give_past_visits(stage, members[-1], about, start))
    kind = await stage.kind(minutes=int(given.get("duration", MINUTES)))
    stage.at(min(latest + timedelta(minutes=1), start))
    wish = wish_for(kind, await stage.patient(), start, members)
    body = {"patient_id": str(wish.patient_id), "clinician_ids": [str(each) for each in members]}
    body |= {"visit_type_id": str(kind.id), "start": stated(start)}
    answer = await stage.ask("POST", "/v1/visits", body, Idempotency_Key="one")
    again = await stage.ask("POST", "/v1/visits", body, Idempotency_Key="one")
    if answer.value != again.value:
        return {"assigned": f"{_given_by(stage, answer)}, then {_given_by(stage, again)}"}
    return {"assigned": _given_by(stage, answer), "status": answer.status, "book_status": answer.status}


def _given_by(stage: Stage, answer: Answer) -> str | None:
    return stage.name_of(answer.value["visit"]["clinician_id"]) if answer.well else None


async def _give_past_visits(stage: Stage, member: ClinicianId, about: Given, start: datetime) -> datetime:
    """So many visits were given to them within the last 30 days, the last of them at a time that may be told."""
    count = int(about.get("booked_last_30d", about.get("load", 0)))
    last = instant(about["last"]) if about.get("last") else start - timedelta(days=5)
    kind = await stage.kind(minutes=5)
    for number in range(count):
        stage.at(last - timedelta(minutes=count - 1 - number))
        far = start + timedelta(days=30, minutes=5 * number)
        await stage.arrange(kind, member, far)
    return last


async def _fixed_and_pool(stage: Stage, given: Given, start: datetime) -> Found:
    """A clinician who is always there, with one of a pool of colleagues."""
    stage.at(at_clock("00:00") - A_DAY)
    hosts = await team_of(stage, given["fixed"])
    for name, texts in sorted(given["pool"].items()):
        await stage.clinician(name, free_on(texts), pools=[POOL])
    needs = (RoleNeed("clinician", POOL),)
    kind = await stage.kind(minutes=int(given.get("duration", MINUTES)), grid=30, roles=needs)
    offered = await stage.starts(kind, whole(), clinician_ids=tuple(hosts[:1]), also=tuple(hosts[1:]))
    wish = wish_for(kind, await stage.patient(), start, hosts[:1], also=tuple(hosts[1:]))
    answer = await acts.book(stage, wish)
    chosen = await acts.beside(stage, answer.value.id) if answer.well else []
    return {
        "offered": clocks(offered),
        "book_status": answer.status,
        "code": answer.code,
        "assigned": next((each for each in chosen if each in given["pool"]), None),
    }


async def continuity(stage: Stage, case: Case) -> Found:
    """A visit that a team gives is moved: who gives it then."""
    given = case.given
    original, start = str(given["original"]), at_clock(given["start"])
    before = SOME_DAY - A_DAY
    stage.at(at_clock("00:00", before) - A_DAY)
    members = []
    for name, texts in given["free"].items():
        free = free_on(texts)
        alone = (Rule(before.isoweekday(), 0, DAY, valid_from=before, valid_to=before),) if name == original else ()
        members.append(await stage.clinician(name, Schedule("UTC", (*free.rules, *alone))))
    if original not in stage.names:
        raise CaseFault(f"nothing is told of {original}")
    kind = await stage.kind(minutes=int(given.get("duration", MINUTES)))
    wish = wish_for(kind, await stage.patient(), at_clock("12:00", before), members)
    booked = await acts.book_as_staff(stage, wish)
    if _given_by(stage, booked) != original:
        raise CaseFault(f"the visit began with {_given_by(stage, booked)}")
    answer = await acts.move(stage, booked.value["visit"]["id"], start)
    assigned = stage.name_of(answer.value["clinician_id"]) if answer.well else None
    return {"assigned": assigned, "status": answer.status, "code": answer.code}


async def same_for_all(stage: Stage, case: Case) -> Found:
    """A property of searches: of display zones when these are listed, else of a team and its members."""
    return await (_team_is_union if "hosts" in case.given else _zones_do_not_matter)(stage, case)


async def _team_is_union(stage: Stage, case: Case) -> Found:
    given = case.given
    zone, on = str(given.get("tz", "UTC")), day(given.get("day", SOME_DAY.isoformat()))
    stage.at(at_clock("00:00", on, zone) - A_DAY)
    members = await team_of(stage, given["hosts"], on, zone)
    kind = await stage.kind(**kind_fields(given["visit"]))
    local = Schedule(zone)
    alone = {
        name: clocks(await stage.starts(kind, whole(on, zone), clinician_ids=(each,)), local)
        for name, each in zip(sorted(given["hosts"]), members, strict=True)
    }
    together = await stage.starts(kind, whole(on, zone), clinician_ids=tuple(members))
    return {"each_alone": alone, "team": clocks(together, local)}


async def _zones_do_not_matter(stage: Stage, case: Case) -> Found:
    """The same instants and the same counts, whatever zone they are shown in."""
    given = case.given
    span = Interval(instant(given["from"]), instant(given["to"]))
    stage.at(instant(given["now"]) if "now" in given else span.start - A_DAY)
    host = await stage.clinician(schedule=schedule_of(given["schedule"]))
    kind = await stage.kind(**kind_fields(given["visit"]))
    truth = [stated(each) for each in await stage.starts(kind, span, clinician_ids=(host,))]
    seen = [await _shown_in(stage, kind, host, span=span, zone=str(zone)) for zone in given["patient_tz"]]
    if not truth:
        raise CaseFault("nothing is free: that would be equal in any zone")
    return {"instants_equal": all(each == truth for each in seen)}


async def _shown_in(stage: Stage, kind: VisitType, host: UUID, *, span: Interval[datetime], zone: str) -> list[str]:
    """Every page of a search over HTTP that shows local times of the zone."""
    body: dict[str, Any] = {"visit_type_id": str(kind.id), "clinician_ids": [str(host)], "time_zone": zone}
    body |= {"start": stated(span.start), "end": stated(span.end), "limit": 200}
    found: list[str] = []
    while len(found) < ALL:
        page = (await stage.ask("POST", "/v1/slots/search", body)).value
        found += [stated(instant(each["start"])) for each in page["items"]]
        if page["next"] is None:
            break
        body["cursor"] = page["next"]
    return found


KINDS = {
    "pool": pool,
    "no_stitch": no_stitch,
    "round_robin": round_robin,
    "continuity": continuity,
    "property": same_for_all,
}
