"""What patients and staff do in cases, each with its answer as HTTP would give it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.ids import ClinicianId, PatientId
from telehealth.db.unit import Unit
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.booking.rules import Audience, VisitType, Wanted
from telehealth.visits.appointments import service as appointments
from telehealth.visits.appointments.wishes import Wish
from telehealth.visits.lifecycle import steps
from telehealth.visits.lifecycle.rules import Command
from tests.scheduling.cases.answers import Answer, attempted, insisted
from tests.scheduling.cases.stage import CONNECTIONS, Stage
from tests.scheduling.cases.words import stated

OCCUPIED = "SELECT resource_id FROM occupancy WHERE owner_id = :owner AND state = 'active' AND role = 'resource'"


def wish_for(kind: VisitType, patient_id: PatientId, start: datetime, clinicians: Sequence[UUID], **more: Any) -> Wish:
    hosts = tuple(map(ClinicianId, clinicians))
    return Wish(patient_id=patient_id, visit_type_id=kind.id, start=start, clinician_ids=hosts, **more)


async def book(stage: Stage, wish: Wish) -> Answer:
    """By the patient, who is held to every rule. The value is the visit."""
    wish = replace(wish, audience=wish.audience or Audience.PATIENT)
    answer = await attempted(stage.run(appointments.appoint, stage.acting(wish.patient_id), wish), 201, "booked")
    return replace(answer, value=answer.value.visit) if answer.well else answer


async def arrange(stage: Stage, wish: Wish) -> Answer:
    """Whatever the rules: how things stand when the case begins."""
    wish = replace(wish, audience=Audience.STAFF, override="arranged")
    answer = await attempted(stage.run(appointments.appoint, SYSTEM, wish), 201, "booked")
    return replace(answer, value=answer.value.visit) if answer.well else answer


async def book_as_staff(stage: Stage, wish: Wish, **more: Any) -> Answer:
    """By the front desk over HTTP."""
    body = {
        "patient_id": str(wish.patient_id),
        "clinician_ids": [str(each) for each in wish.clinician_ids],
        "visit_type_id": str(wish.visit_type_id),
        "start": stated(wish.start),
        **more,
    }
    return await stage.ask("POST", "/v1/visits", body)


async def hold(stage: Stage, wish: Wish, *, seconds: int = 300, session: str = "") -> Answer:
    """By the patient. The value is the hold."""
    wanted = Wanted(
        visit_type_id=wish.visit_type_id,
        patient_id=wish.patient_id,
        start=wish.start,
        clinician_ids=wish.clinician_ids,
    )
    held = stage.run(booking.hold, stage.acting(wish.patient_id, session), wanted, seconds=seconds)
    return await attempted(held, 201, "held")


async def release(stage: Stage, actor: Actor, hold_id: UUID) -> Answer:
    return await attempted(stage.run(booking.release_hold, actor, hold_id), 204, "released")


async def book_held(stage: Stage, actor: Actor, patient_id: PatientId, hold_id: UUID) -> Answer:
    """Turn a hold into a visit, by the patient."""
    booked = stage.run(appointments.book_hold, actor, hold_id, patient_id=patient_id)
    answer = await attempted(booked, 201, "booked")
    return replace(answer, value=answer.value.visit) if answer.well else answer


async def move(stage: Stage, visit_id: object, start: datetime, **more: Any) -> Answer:
    """By the front desk over HTTP."""
    return await stage.ask("POST", f"/v1/visits/{visit_id}/reschedule", {"start": stated(start), **more})


async def cancel(stage: Stage, visit_id: object, reason: str = "patient_request") -> Answer:
    """By the front desk over HTTP."""
    return await stage.ask("POST", f"/v1/visits/{visit_id}/cancel", {"reason": reason})


async def missed(stage: Stage, visit_id: UUID) -> Answer:
    """The patient did not come, and the time is given back."""

    async def note(unit: Unit) -> None:
        await steps.change(unit, visit_id, Command.PATIENT_NO_SHOW, facts={"clinician_there": True})
        await booking.release(unit, visit_id)

    return await attempted(stage.run(note))


async def visit_now(stage: Stage, visit_id: object) -> Any:
    return (await stage.ask("GET", f"/v1/visits/{visit_id}")).value


async def beside(stage: Stage, owner_id: UUID) -> list[str]:
    """The names of whoever and whatever a visit has beside the clinician."""
    found = await stage.run(_beside, SYSTEM, owner_id)
    return [stage.name_of(each) for each in found]


async def _beside(unit: Unit, owner_id: UUID) -> Sequence[UUID]:
    return (await unit.session.scalars(text(OCCUPIED), {"owner": owner_id})).all()


async def at_once(asking: Sequence[Callable[[], Awaitable[Answer]]]) -> list[Answer]:
    """Everybody asks at the same time, as many as there are connections truly at once."""
    crowd = asyncio.Semaphore(CONNECTIONS)
    return list(await asyncio.gather(*(insisted(each, crowd) for each in asking)))


async def count(stage: Stage, statement: str, **values: object) -> int:
    """The number a statement answers."""
    return int(await stage.run(_count, SYSTEM, statement, values))


async def _count(unit: Unit, statement: str, values: dict[str, object]) -> Any:
    return (await unit.session.execute(text(statement), values)).scalar_one()


def someone(number: int) -> str:
    return f"p{number}"
