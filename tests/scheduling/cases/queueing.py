"""Kinds of cases about the queue of those who came without a time: by the rules, and as PostgreSQL keeps it."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from telehealth.core.actors import SYSTEM
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import service as people
from telehealth.people.licensing import Licence
from telehealth.visits.lifecycle.models import OpenDoorsRow
from telehealth.visits.waiting_room import service, standings, waiting
from telehealth.visits.waiting_room.estimates import Server, turns
from telehealth.visits.waiting_room.queue import AGEING, in_order, since_after_return
from tests.scheduling.cases.answers import attempted
from tests.scheduling.cases.races import Someone, clinician_actor
from tests.scheduling.cases.reading import Case, Given
from tests.scheduling.cases.stage import Stage
from tests.scheduling.cases.words import at_clock

Found = dict[str, Any]
NOW = at_clock("12:00")


async def fairness(stage: Stage, case: Case) -> Found:
    """Who is next of those who have waited so long. The database keeps the house's own bound for ageing."""
    given = case.given
    ageing = timedelta(minutes=given["ageing_min"]) if "ageing_min" in given else AGEING
    people_waiting = [_someone(each) for each in given["waiting"]]
    ordered = [each.id for each in in_order(people_waiting, NOW, ageing)]
    if ageing == AGEING and ordered:
        await _enqueue(stage, people_waiting)
        taken = await _next(stage, await stage.clinician())
        if taken != ordered[0]:
            return {"next": f"{ordered[0]} by the rule, {taken} stored"}
    return {"next": ordered[0] if ordered else None, "order": ordered}


async def licence(stage: Stage, case: Case) -> Found:
    """Who is next for a clinician with those licences, and who stays first in the queue."""
    given = case.given
    people_waiting = [_someone(each, minutes=len(given["waiting"]) - n) for n, each in enumerate(given["waiting"])]
    await _enqueue(stage, people_waiting)
    clinician_id = await stage.clinician()
    await hold_licences(stage, clinician_id, given["clinician"])
    taken = await _next(stage, clinician_id)
    line = await stage.run(standings.everyone)
    left = [stage.name_of(each.entry.patient_id) for each in line]
    return {"next": taken, "head": left[0] if left else None, "left": left}


async def hold_licences(stage: Stage, clinician_id: ClinicianId, given: Any) -> None:
    """Jurisdictions, or a mapping of them to the dates of validity."""
    for place in given:
        about = given[place] if isinstance(given, Given) else None
        first, last = (_date(about, word) for word in ("valid_from", "valid_to"))
        await stage.run(people.add_licence, SYSTEM, Licence(clinician_id, str(place), first, last))


def _date(about: Any, word: str) -> date | None:
    return date.fromisoformat(about[word]) if about and about.get(word) else None


def _someone(each: Any, *, minutes: int = 0) -> Someone:
    if not isinstance(each, Given):
        return Someone(str(each), 0, NOW - timedelta(minutes=minutes))
    waited = timedelta(minutes=each.get("waited_min", minutes))
    return Someone(str(each["id"]), int(each.get("prio", 0)), NOW - waited, each.get("at"))


async def _enqueue(stage: Stage, people_waiting: list[Someone]) -> None:
    stage.at(NOW - timedelta(days=1))
    kind = await stage.kind()
    for each in sorted(people_waiting, key=lambda found: found.since):
        stage.at(each.since)
        patient_id = await stage.patient(each.id)
        await stage.run(
            waiting.enqueue,
            SYSTEM,
            patient_id=patient_id,
            visit_type_id=kind.id,
            jurisdiction=each.place,
            priority=each.priority,
        )
    stage.at(NOW)


async def _next(stage: Stage, clinician_id: ClinicianId) -> str | None:
    answer = await attempted(stage.run(service.take_next, clinician_actor(clinician_id)))
    return stage.name_of(answer.value.patient_id) if answer.well else None


INSTANT = 1e-9  # minutes: who has no time left with a patient is free now, and not longer with them than anyone


async def estimate(_: Stage, case: Case) -> Found:
    """Where every patient takes the same time, there is one answer."""
    given = case.given
    mean = given["mean_service"]
    servers = [Server(mean - max(each, INSTANT)) for each in given["remaining"]]
    drawn = turns(servers, (mean,), int(given["position"]))
    return {"estimate_min": round(drawn[-1][0], 6) if drawn and drawn[-1][0] == drawn[-1][-1] else None}


async def reconnect(stage: Stage, case: Case) -> Found:
    """Whether who comes back keeps the place: by the rule, and on PostgreSQL with somebody behind them."""
    given = case.given
    dropped = at_clock(given["drop"])
    returns = given["return"] if isinstance(given["return"], list) else [given["return"]]
    kept: list[Any] = []
    for number, each in enumerate(returns):
        back = at_clock(each)
        by_rule = since_after_return(NOW - timedelta(days=1), dropped, back) < dropped
        stored = await _keeps_place(stage, dropped, back, str(number))
        kept.append(by_rule if by_rule is stored else f"{by_rule} by the rule, {stored} stored")
    return {"position_kept": kept if isinstance(given["return"], list) else kept[0]}


async def _keeps_place(stage: Stage, dropped: datetime, back: datetime, name: str) -> bool:
    stage.at(dropped - timedelta(minutes=10))
    kind = await stage.kind()
    entries = []
    for who in (f"first {name}", f"second {name}"):
        queued = await stage.run(waiting.enqueue, SYSTEM, patient_id=await stage.patient(who), visit_type_id=kind.id)
        entries.append(queued.standing.entry.id)
        stage.at(dropped - timedelta(minutes=5))
    stage.at(dropped)
    await stage.run(waiting.drop, SYSTEM, entries[0])
    stage.at(back)
    await stage.run(_come_back, SYSTEM, entries[0])
    return (await stage.run(standings.standing, SYSTEM, entries[0])).position == 1


async def _come_back(unit: Unit, entry_id: UUID) -> None:
    """To a house that was open all the while: what its own process noted jumped with the time of the case."""
    open_now = {"open_since": NOW - timedelta(days=1), "seen_open_at": unit.now}
    doors = insert(OpenDoorsRow).values(id=1, **open_now)
    await unit.session.execute(doors.on_conflict_do_update(index_elements=[OpenDoorsRow.id], set_=open_now))
    await waiting.come_back(unit, entry_id)


KINDS = {"fairness": fairness, "licence": licence, "estimate": estimate, "reconnect": reconnect}
