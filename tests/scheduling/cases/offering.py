"""Kinds of cases about the waitlist: who is offered a time that came free, and who gets it."""

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId, PatientId, VisitTypeId, WaitlistEntryId
from telehealth.core.intervals import Interval
from telehealth.core.ports import Ports
from telehealth.people import service as people
from telehealth.people.licensing import Licence, Whereabouts
from telehealth.scheduling.availability.rules import to_minute
from telehealth.scheduling.booking.rules import VisitType
from telehealth.scheduling.waitlist import service as waitlist
from telehealth.scheduling.waitlist.rules import TIME_TO_ANSWER, Entry, FreeTime, OfferMode, place
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from tests.scheduling.cases import acts
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.stage import MINUTES, Stage
from tests.scheduling.cases.words import at_clock, clock_span, day, instant, on_day

Found = dict[str, Any]
A_DAY = timedelta(days=1)
NOON, SLOT = at_clock("12:00"), at_clock("15:00")
ROUNDS = 20


async def join(stage: Stage, kind: VisitType, who: str, **more: Any) -> str:
    """Put somebody on the waitlist, over HTTP; answers the entry."""
    body = {"patient_id": str(await stage.patient(who)), "visit_type_id": str(kind.id), **more}
    answer = await stage.ask("POST", "/v1/waitlist", body)
    if not answer.well:
        raise CaseFault(f"{who} could not join the waitlist: {answer}")
    return str(answer.value["id"])


async def deliver(stage: Stage) -> None:
    """Let everybody who listens hear what has happened, as the worker does."""
    work = Work(stage.unit_of_work, Ports({}), stage.moment)
    relay = Relay(read_catalogue().subscriptions)
    for _ in range(ROUNDS):
        if not await relay.sweep(work):
            return


async def open_offer(stage: Stage, entry: str) -> Mapping[str, Any] | None:
    """The offer that this entry can still answer."""
    found: Mapping[str, Any] | None = (await stage.ask("GET", f"/v1/waitlist/{entry}")).value["offer"]
    return found


async def accept(stage: Stage, offer: Mapping[str, Any]) -> Answer:
    return await stage.ask("POST", f"/v1/offers/{offer['id']}/accept")


async def _refill(stage: Stage, host: UUID, start: datetime, *, minutes: int = MINUTES, mode: OfferMode) -> Any:
    free = FreeTime(ClinicianId(host), start, start + timedelta(minutes=minutes))
    return await stage.run(waitlist.refill, SYSTEM, free, mode)


async def _one_free_time(stage: Stage, start: datetime = SLOT, slots: int = 1) -> tuple[ClinicianId, VisitType]:
    """A clinician who is open for so many visits and no more."""
    begins = to_minute(start) - to_minute(at_clock("00:00", start.date()))
    host = await stage.clinician(schedule=on_day([Interval(begins, begins + MINUTES * slots)], start.date()))
    return host, await stage.kind(grid=MINUTES)


async def told_in_words(stage: Stage, case: Case) -> Found:
    """Steps such as "offer p1 12:00" and "12:16 accept p2"; an offer that nobody answers goes to the next."""
    given = case.given
    steps = [_step(str(each)) for each in given["steps"]]
    minutes = int(given.get("ttl_min", 15))
    stage.at(min(at for at, _, _ in steps) - A_DAY)
    host, kind = await _one_free_time(stage)
    entries: dict[str, str] = {}
    for _, _, who in steps:
        if who not in entries:
            stage.at(stage.moment.now() + timedelta(seconds=1))
            entries[who] = await join(stage, kind, who)
    offers: dict[str, Mapping[str, Any]] = {}
    results: list[Answer] = []
    for at, act, who in steps:
        stage.at(at)
        if act == "offer":
            results.append(await _offered(stage, host, entries[who], minutes))
            if (found := await open_offer(stage, entries[who])) is not None:
                offers[who] = found
        elif who not in offers:
            raise CaseFault(f"{who} was never offered anything")
        else:
            results.append(await (accept(stage, offers[who]) if act == "accept" else _decline(stage, offers[who])))
    return {"results": results}


def _step(words: str) -> tuple[datetime, str, str]:
    parts = words.split()
    when = next((each for each in parts if ":" in each), None)
    rest = [each for each in parts if each != when]
    if when is None or len(rest) != 2 or rest[0] not in {"offer", "accept", "decline"}:
        raise CaseFault(f"{words!r} is no step that is known")
    return at_clock(when), rest[0], rest[1]


async def _decline(stage: Stage, offer: Mapping[str, Any]) -> Answer:
    return await stage.ask("POST", f"/v1/offers/{offer['id']}/decline")


async def _offered(stage: Stage, host: UUID, entry: str, minutes: int) -> Answer:
    """First by the sweep, as the time goes round; by hand to whoever has not got it then, or for so many minutes."""
    await stage.run(waitlist.expire_due)
    if timedelta(minutes=minutes) == TIME_TO_ANSWER:
        await deliver(stage)
    if (found := await open_offer(stage, entry)) is None:
        body = {"clinician_id": str(host), "start": SLOT.isoformat(), "minutes_to_answer": minutes}
        answer = await stage.ask("POST", f"/v1/waitlist/{entry}/offer", body)
        return Answer(answer.status, answer.code, word="sent" if answer.well else "")
    left = (instant(found["expires_at"]) - stage.moment.now()) / timedelta(minutes=1)
    return Answer(201, word="sent" if left == minutes else f"sent for {left:g} minutes")


async def accept_race(stage: Stage, case: Case) -> Found:
    """One time offered to several, who all accept at once."""
    given = case.given
    stage.at(NOON)
    host, kind = await _one_free_time(stage)
    entries = {str(who): await join(stage, kind, str(who)) for who in given["offers"]}
    await _refill(stage, host, SLOT, mode=OfferMode.BROADCAST)
    offers = [await open_offer(stage, each) for each in entries.values()]
    if None in offers:
        raise CaseFault("not everybody was offered the time")
    accepting = [each for each in offers if each is not None][: int(given["concurrent_accept"])]
    answers = await asyncio.gather(*(accept(stage, each) for each in accepting))
    losers = [(offer, answer) for offer, answer in zip(accepting, answers, strict=True) if not answer.well]
    told = []
    for offer, answer in losers:
        entry = (await stage.ask("GET", f"/v1/waitlist/{offer['entry_id']}")).value
        facts = {"keeps_position": entry["state"] == "waiting"}
        told.append(Answer(answer.status, answer.code, facts=facts))
    return {
        "booked": await acts.count(stage, "SELECT count(*) FROM visit WHERE status = 'booked'"),
        "loser": told[0] if told else None,
        "losers": told,
        "rejected_409": sum(each.status == 409 for each in told),
    }


async def promotion_race(stage: Stage, case: Case) -> Found:
    """The waitlist offers by itself and staff offer by hand, all at once; whoever is offered accepts at once."""
    given = case.given
    slots = int(given.get("slots", 1))
    stage.at(NOON)
    host, kind = await _one_free_time(stage, slots=slots)
    actors = [str(each) for each in given["actors"]]
    if not set(actors) <= {"auto", "staff"}:
        raise CaseFault(f"actors {actors} are not known")
    entries = [await join(stage, kind, f"p{number}") for number in range(max(len(actors), 2) * slots)]
    starts = [SLOT + timedelta(minutes=MINUTES * number) for number in range(slots)]
    moves: list[Any] = []
    by_hand = list(reversed(entries))
    for actor in actors:
        for start in starts:
            if actor == "auto":
                moves.append(_refill(stage, host, start, mode=OfferMode.EXCLUSIVE))
            else:
                body = {"clinician_id": str(host), "start": start.isoformat()}
                moves.append(stage.ask("POST", f"/v1/waitlist/{by_hand.pop(0)}/offer", body))
    await asyncio.gather(*moves)
    offers = [found for each in entries if (found := await open_offer(stage, each)) is not None]
    await asyncio.gather(*(accept(stage, each) for each in offers))
    return {"booked": await acts.count(stage, "SELECT count(*) FROM visit WHERE status = 'booked'")}


async def visibility(stage: Stage, case: Case) -> Found:
    """What everybody else sees of a time that is offered to somebody."""
    given = case.given
    stage.at(NOON)
    host, kind = await _one_free_time(stage)
    entry = await join(stage, kind, str(given["offer"]))
    await _refill(stage, host, SLOT, mode=OfferMode(str(given.get("mode", "exclusive"))))
    if await open_offer(stage, entry) is None:
        raise CaseFault("nothing was offered")
    return {"public_search": await stage.offers(kind, SLOT, clinician_ids=(host,))}


async def match(stage: Stage, case: Case) -> Found:
    """Whom a freed time suits, and why the others are passed over."""
    given = case.given
    freed = given["freed"]
    start, minutes = instant(freed["start"]), int(freed["minutes"])
    now = instant(given["now"]) if "now" in given else start - A_DAY
    stage.at(min(now, start) - timedelta(days=3))
    midnight = to_minute(at_clock("00:00", start.date()))
    span = Interval(to_minute(start) - midnight, to_minute(start) - midnight + minutes)
    host = await stage.clinician(schedule=on_day([span], start.date()))
    entries: dict[str, str] = {}
    for each in given["entries"]:
        stage.at(stage.moment.now() + timedelta(seconds=1))
        entries[str(each["id"])] = await _waits(stage, host, each, start)
    stage.at(now)
    mode = OfferMode(str(given.get("mode", "exclusive")))
    round_ = await _refill(stage, host, start, minutes=minutes, mode=mode)
    names = {entry: name for name, entry in entries.items()}
    offered = [names[str(each.entry_id)] for each in round_.offers]
    return {
        "offered_to": offered[0] if offered else None,
        "offered": offered,
        "skipped": {names[str(entry)]: str(why) for entry, why in round_.skipped.items()},
    }


async def _waits(stage: Stage, host: ClinicianId, each: Given, start: datetime) -> str:
    """One who waits; with a location the visit needs a licence there."""
    place_of = each.get("location")
    kind = await stage.kind(minutes=int(each.get("needs", MINUTES)), needs_licence=place_of is not None)
    patient_id = await stage.patient(str(each["id"]))
    if place_of is not None:
        await stage.run(people.attest, SYSTEM, patient_id, Whereabouts(str(place_of)))
    for held in each.get("clinician_licences", ()):
        await stage.run(people.add_licence, SYSTEM, Licence(host, str(held)))
    more: Found = {"min_lead_minutes": int(each.get("min_lead_min", 0)), "priority": int(each.get("prio", 0))}
    if "time_of_day" in each:
        span = clock_span(each["time_of_day"])
        more["wishes"] = [{"start": f"{span.start // 60:02}:{span.start % 60:02}", "end": _end(span.end)}]
    if "not_before" in each:
        more["first"] = day(each["not_before"]).isoformat()
    if "not_after" in each:
        more["last"] = day(each["not_after"]).isoformat()
    return await join(stage, kind, str(each["id"]), **more)


def _end(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


async def earlier_swap(stage: Stage, case: Case) -> Found:
    """Somebody with a visit accepts an earlier time; somebody else waits for what that gives up."""
    given = case.given
    has, earlier = (at_clock("15:00", day(given[each])) for each in ("patient_has", "accepts"))
    stage.at(min(has, earlier) - timedelta(days=5))
    host = await stage.clinician()
    kind = await stage.kind(grid=MINUTES)
    patient_id = await stage.patient()
    booked = await acts.book(stage, wish_for(kind, patient_id, has, [host]))
    if not booked.well:
        raise CaseFault(f"the later visit could not be booked: {booked}")
    entry = await join(stage, kind, "patient", visit_id=str(booked.value.id), clinician_ids=[str(host)])
    stage.at(stage.moment.now() + timedelta(minutes=1))
    other = await join(stage, kind, "somebody else", first=has.date().isoformat())
    await _refill(stage, host, earlier, mode=OfferMode.EXCLUSIVE)
    offer = await open_offer(stage, entry)
    if offer is None:
        raise CaseFault("the earlier time was not offered")
    answer = await accept(stage, offer)
    await deliver(stage)
    onward = await open_offer(stage, other)
    count = "SELECT count(*) FROM visit WHERE patient_id = :id AND status = 'booked'"
    began = "SELECT count(*) FROM visit WHERE patient_id = :id AND status = 'booked' AND starts_at = :at"
    return {
        "status": answer.status,
        "patient_visits": await acts.count(stage, count, id=patient_id),
        "visit_is_earlier": await acts.count(stage, began, id=patient_id, at=earlier) == 1,
        "freed_offered": onward is not None and instant(onward["start"]) == has,
    }


async def order(stage: Stage, case: Case) -> Found:
    """The order of the waitlist: by the rule, and as the list is shown when no two came at once."""
    given = case.given
    listed = [(str(each["id"]), int(each.get("prio", 0)), float(each.get("at", 0))) for each in given["entries"]]
    ids = {name: UUID(int=number) for number, name in enumerate(sorted(name for name, _, _ in listed), start=1)}
    entries = [_entry(ids[name], priority, at) for name, priority, at in listed]
    names = {found: name for name, found in ids.items()}
    by_rule = [names[each.id] for each in sorted(entries, key=place)]
    if len({at for _, _, at in listed}) == len(listed):
        stage.at(NOON - A_DAY)
        kind = await stage.kind()
        for name, priority, at in sorted(listed, key=lambda found: found[2]):
            stage.at(NOON + timedelta(minutes=at))
            await join(stage, kind, name, priority=priority)
        shown = (await stage.ask("GET", "/v1/waitlist")).value["items"]
        stored = [stage.name_of(each["patient_id"]) for each in shown]
        if stored != by_rule:
            return {"order": {"by the rule": by_rule, "stored": stored}}
    return {"order": by_rule}


def _entry(entry_id: UUID, priority: int, at: float) -> Entry:
    return Entry(
        id=WaitlistEntryId(entry_id),
        patient_id=PatientId(entry_id),
        visit_type_id=VisitTypeId(entry_id),
        joined_at=NOON + timedelta(minutes=at),
        priority=priority,
    )


KINDS = {"visibility": visibility, "match": match, "earlier_swap": earlier_swap, "order": order}
