"""Kinds of cases that are told step by step: holding, booking, moving, cancelling, looking."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import Actor
from telehealth.core.ids import ClinicianId, PatientId, VisitId
from telehealth.core.intervals import Interval
from telehealth.scheduling.booking.rules import Audience, VisitType
from tests.scheduling.cases import acts, offering
from tests.scheduling.cases.acts import wish_for
from tests.scheduling.cases.answers import Answer
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.stage import Stage, kind_fields
from tests.scheduling.cases.words import at_clock

Found = dict[str, Any]
A_DAY = timedelta(days=1)
ACTS = ("hold", "release", "confirm_hold", "book", "cancel", "reschedule", "search")
WHOLE = Interval(at_clock("00:00"), at_clock("24:00"))


@dataclass
class Told:
    """What has come of the steps so far: answers in order, the last of each act, and what everybody saw last."""

    kind: VisitType
    host: ClinicianId
    results: list[Answer] = field(default_factory=list)
    last: dict[str, Answer] = field(default_factory=dict)
    seen: dict[str, set[str]] = field(default_factory=dict)
    visits: dict[str, VisitId] = field(default_factory=dict)
    holds: dict[str, tuple[Actor, UUID]] = field(default_factory=dict)


async def sequence(stage: Stage, case: Case) -> Found:
    """Steps one after the other; without steps, a cancellation inside the notice."""
    given = case.given
    if "steps" not in given:
        return await _cancelled_late(stage, case)
    if any(isinstance(each, str) for each in given["steps"]):
        return await offering.told_in_words(stage, case)
    if given.get("sweeper", "stopped") not in {"stopped", "running"}:
        raise CaseFault(f"sweeper {given['sweeper']!r} is not known")
    stage.at(at_clock("08:00"))
    told = Told(await stage.kind(**kind_fields(given)), await stage.clinician())
    for step in given["steps"]:
        if "t" in step:
            stage.at(at_clock(step["t"]))
        await _play(stage, told, step)
    return _found(told, case)


async def _play(stage: Stage, told: Told, step: Given) -> None:
    act = next((each for each in ACTS if each in step), None)
    if act is None:
        raise CaseFault(f"{step.path} is no act that is known")
    who = str(step[act])
    if act == "search":
        asked = {"clinician_ids": (told.host,), "patient_id": await stage.patient(who)}
        found = await stage.starts(told.kind, WHOLE, **asked)
        told.seen[who] = {f"{each:%H:%M}" for each in found}
        return
    answer = await _done(stage, told, act, step)
    told.results.append(answer)
    told.last[act] = answer


async def _done(stage: Stage, told: Told, act: str, step: Given) -> Answer:
    who = str(step[act])
    patient_id = await stage.patient(who)
    match act:
        case "hold":
            session = str(step.get("session", ""))
            wish = wish_for(told.kind, patient_id, at_clock(step["slot"]), [told.host])
            answer = await acts.hold(stage, wish, seconds=int(step.get("ttl", 300)), session=session)
            if answer.well:
                told.holds[who] = (stage.acting(patient_id, session), answer.value.id)
        case "release":
            answer = await acts.release(stage, *told.holds[who])
        case "confirm_hold":
            actor, hold_id = told.holds[who]
            answer = await acts.book_held(stage, actor, patient_id, hold_id)
            _remember(told, who, answer)
        case "book":
            answer = await _booked(stage, told, step, patient_id)
            _remember(told, who, answer)
        case "cancel":
            answer = await acts.cancel(stage, told.visits[who])
        case _:
            answer = await acts.move(stage, told.visits[who], at_clock(step["to"]))
    return answer


async def _booked(stage: Stage, told: Told, step: Given, patient_id: PatientId) -> Answer:
    wish = wish_for(told.kind, patient_id, at_clock(step["slot"]), [told.host])
    return await acts.book(stage, wish)


def _remember(told: Told, who: str, answer: Answer) -> None:
    if answer.well:
        told.visits[who] = answer.value.id


def _found(told: Told, case: Case) -> Found:
    found: Found = {"results": told.results, **told.last}
    for key, wanted in case.expect.items():
        who, sees, slot = key.partition("_sees")
        if sees and who not in told.seen:
            raise CaseFault(f"{who} never looked")
        if sees and slot.startswith("_"):
            found[key] = _clock(slot[1:]) in told.seen[who]
        elif sees and isinstance(wanted, Mapping):
            found[key] = {each: _clock(str(each)) in told.seen[who] for each in wanted}
    return found


def _clock(text: str) -> str:
    return f"{at_clock(text):%H:%M}"


async def _cancelled_late(stage: Stage, case: Case) -> Found:
    """A visit is called off when it is too late for a patient to book its time: who is still offered it."""
    given = case.given
    start, cancel_at = at_clock(given["slot"]), at_clock(given["cancel_at"])
    kind_before = {"notice": int(given["notice_minutes"])}
    stage.at(start - A_DAY - timedelta(minutes=kind_before["notice"]))
    host = await stage.clinician()
    kind = await stage.kind(**kind_before)
    booked = await acts.book(stage, wish_for(kind, await stage.patient("who cancels"), start, [host]))
    entry = await offering.join(stage, kind, "who waits")
    stage.at(cancel_at)
    await acts.cancel(stage, booked.value.id)

    async def sees(audience: Audience) -> bool:
        return await stage.offers(kind, start, clinician_ids=(host,), audience=audience)

    patient, staff = await sees(Audience.PATIENT), await sees(Audience.STAFF)
    await offering.deliver(stage)
    return {
        "patient_search": patient,
        "staff_search": staff,
        "waitlist_offer": await offering.open_offer(stage, entry) is not None,
    }


KINDS = {"sequence": sequence}
