"""Kinds of cases in which several do the same at once: truly at once, each on a connection of its own."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import to_instant, to_minute
from telehealth.scheduling.booking.rules import VisitType
from telehealth.visits.waiting_room import service, standings, waiting
from tests.scheduling.cases import acts, offering
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer, attempted
from tests.scheduling.cases.reading import Case, CaseFault
from tests.scheduling.cases.reserved import fill_session
from tests.scheduling.cases.stage import MINUTES, Stage, busy_of, kind_fields
from tests.scheduling.cases.words import at_clock

Found = dict[str, Any]
A_DAY = timedelta(days=1)
SESSIONS = "SELECT count(DISTINCT owner_id) FROM occupancy WHERE state = 'active' AND role = 'host'"
SEATS = "SELECT count(*) FROM occupancy WHERE state = 'active' AND role = 'seat'"


async def race(stage: Stage, case: Case) -> Found:
    """Told apart by what is done at once."""
    kinds = {
        "concurrent_books": _books,
        "concurrent_holds": _holds,
        "concurrent_accept": offering.accept_race,
        "actors": offering.promotion_race,
        "concurrent_next": _next,
    }
    for key, play in kinds.items():
        if key in case.given:
            return await play(stage, case)
    raise CaseFault("nothing that is done at once is known")


async def _books(stage: Stage, case: Case) -> Found:
    """So many patients book the same start: of one clinician, of a team, of a group."""
    given = case.given
    start = at_clock(given.get("start", "15:00"))
    sessions = [(busy_of(each)[0], int(each.get("taken", 0))) for each in given.get("sessions", ())]
    early = min([start, *(to_instant(span.start) for span, _ in sessions)])
    stage.at(early - A_DAY - A_DAY)
    team = [await stage.clinician(str(each)) for each in given.get("team", ["clinician"])]
    if not given.get("both_free", True):
        await stage.away(team[-1], Interval(to_minute(start), to_minute(start) + MINUTES))
    kind = await stage.kind(**kind_fields(given))
    for span, taken in sessions:
        await fill_session(stage, kind, team[0], to_instant(span.start), taken=taken)
    patients = [await stage.patient(acts.someone(number)) for number in range(int(given["concurrent_books"]))]
    wishes = [wish_for(kind, each, start, team) for each in patients]
    answers = await acts.at_once([partial(acts.book, stage, each) for each in wishes])
    return {**_counted(answers), **await _at_the_end(stage, kind, answers)}


def _counted(answers: Sequence[Answer]) -> Found:
    refused = sum(each.status == 409 for each in answers)
    went_well = sum(each.well for each in answers)
    return {
        "booked": went_well,
        "rejected_409": refused,
        "other_errors": len(answers) - went_well - refused,
    }


async def _at_the_end(stage: Stage, kind: VisitType, answers: Sequence[Answer]) -> Found:
    if kind.seats > 1:
        return {"sessions": await acts.count(stage, SESSIONS), "taken": await acts.count(stage, SEATS)}
    return {"distinct_clinicians": len({each.value.clinician_id for each in answers if each.well})}


async def _holds(stage: Stage, case: Case) -> Found:
    """So many patients hold the same start."""
    given = case.given
    start = at_clock(given.get("start", "15:00"))
    stage.at(start - A_DAY)
    host = await stage.clinician()
    kind = await stage.kind(**kind_fields(given))
    patients = [await stage.patient(acts.someone(number)) for number in range(int(given["concurrent_holds"]))]
    wishes = [wish_for(kind, each, start, [host]) for each in patients]
    answers = await acts.at_once([partial(acts.hold, stage, each) for each in wishes])
    counted = _counted(answers)
    return {**counted, "held": counted["booked"]}


async def _next(stage: Stage, case: Case) -> Found:
    """So many clinicians take the next of the queue."""
    given = case.given
    names = [str(each["id"]) if hasattr(each, "get") else str(each) for each in given["waiting"]]
    noon = at_clock("12:00")
    kind = await stage.kind()
    for number, name in enumerate(names):
        stage.at(noon + timedelta(seconds=number))
        patient_id = await stage.patient(name)
        await stage.run(waiting.enqueue, SYSTEM, patient_id=patient_id, visit_type_id=kind.id)
    stage.at(noon + timedelta(minutes=1))
    team = [await stage.clinician(f"clinician {number}") for number in range(int(given["concurrent_next"]))]
    asked = (attempted(stage.run(service.take_next, clinician_actor(each))) for each in team)
    taken = [stage.name_of(each.value.patient_id) for each in await asyncio.gather(*asked) if each.well]
    left = [stage.name_of(each.entry.patient_id) for each in await stage.run(standings.everyone, SYSTEM)]
    return {"taken": sorted(taken, key=names.index), "distinct": len(set(taken)) == len(taken), "left": left}


@dataclass(frozen=True)
class Someone:
    """Who waits in the queue, where."""

    id: str
    priority: int
    since: datetime
    place: str | None = None


def clinician_actor(clinician_id: ClinicianId) -> Actor:
    return Actor(clinician_id, Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=clinician_id)


KINDS = {"race": race}
