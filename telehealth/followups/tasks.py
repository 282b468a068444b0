"""Follow-up tasks fall due by themselves: a sweep over rows, every second. Events make them, or find them needless."""

import asyncio
from datetime import timedelta

from telehealth.db.unit import Unit
from telehealth.followups import cosigning, keeping
from telehealth.followups.parts import TaskKind
from telehealth.followups.ports import FollowUpSpeed
from telehealth.people.events import SupervisorsReplaced
from telehealth.tasks.work import Work, subscription, sweep
from telehealth.visits.gates.events import IntakeCompleted
from telehealth.visits.lifecycle.events import (
    ClinicianMissed,
    PatientLeft,
    PatientMissed,
    VisitBooked,
    VisitCorrected,
    VisitFailed,
    VisitMarkedAsError,
)

SERVES_FOR = timedelta(seconds=2)  # a sweep's share of a worker: the house's other sweeps wait for it
LOOK_EVERY = 0.05  # seconds, while tasks fall due


async def fire_due(work: Work) -> int:
    """Take on tasks whose time has come, and those whose time comes meanwhile, until there are none; answers how many.

    After its share of a worker the next sweep goes on.
    """
    speed = work.port(FollowUpSpeed).factor
    total, until = 0, work.clock.now() + SERVES_FOR
    while work.clock.now() < until and (moved := await work.run(keeping.fire, speed=speed)):
        total += moved
        if moved < keeping.BATCH:
            await asyncio.sleep(LOOK_EVERY)
    return total


async def rebooked(unit: Unit, event: VisitBooked) -> None:
    await keeping.recheck_of(unit, event.patient_id, TaskKind.REBOOK)


async def answered(unit: Unit, event: IntakeCompleted) -> None:
    await keeping.recheck_of(unit, event.patient_id, TaskKind.QUESTIONNAIRE)


async def mistaken(unit: Unit, event: VisitMarkedAsError) -> None:
    await keeping.recheck_visit(unit, event.visit_id)


async def corrected(unit: Unit, event: VisitCorrected) -> None:
    await keeping.recheck_visit(unit, event.visit_id)


async def patient_missed(unit: Unit, event: PatientMissed) -> None:
    await keeping.ended_badly(unit, event.visit_id, "patient_no_show")


async def clinician_missed(unit: Unit, event: ClinicianMissed) -> None:
    await keeping.ended_badly(unit, event.visit_id, "provider_no_show")


async def left_unseen(unit: Unit, event: PatientLeft) -> None:
    await keeping.ended_badly(unit, event.visit_id, "left_unseen")


async def incomplete(unit: Unit, event: VisitFailed) -> None:
    await keeping.ended_badly(unit, event.visit_id, "incomplete")


async def supervisors_replaced(unit: Unit, event: SupervisorsReplaced) -> None:
    await cosigning.ask_others(unit, event.clinician_id)


SUBSCRIPTIONS = (
    subscription(VisitBooked, rebooked),
    subscription(IntakeCompleted, answered),
    subscription(VisitMarkedAsError, mistaken),
    subscription(VisitCorrected, corrected),
    subscription(PatientMissed, patient_missed),
    subscription(ClinicianMissed, clinician_missed),
    subscription(PatientLeft, left_unseen),
    subscription(VisitFailed, incomplete),
    subscription(SupervisorsReplaced, supervisors_replaced),
)
SWEEPS = (sweep("followups.fire_due", fire_due, every=1.0),)
