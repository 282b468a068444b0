"""The questions of these tests: blood pressure, with thresholds; and a visit whose patient is asked them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries as followups
from telehealth.followups import service as tasks_of
from telehealth.followups.parts import FollowUp, Priority, TaskKind, TaskStatus, Whose, Wish
from telehealth.monitoring import queries, service
from telehealth.monitoring.rules import Comparison, Content, Request, Threshold
from telehealth.visits.appointments.service import Booked
from tests.kit.clinic import Clinic, book, guest_of, open_clinic

CODE = "blood-pressure"
MIN, MAX = (f"http://hl7.org/fhir/StructureDefinition/{name}Value" for name in ("min", "max"))


def number(link: str, text: str, least: int, most: int, **more: Any) -> dict[str, Any]:
    bounds = [{"url": MIN, "valueInteger": least}, {"url": MAX, "valueInteger": most}]
    return {"linkId": link, "type": "integer", "text": text, "required": True, "extension": bounds, **more}


RESOURCE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "status": "active",
    "title": "Blood pressure",
    "_title": {
        "extension": [
            {
                "url": "http://hl7.org/fhir/StructureDefinition/translation",
                "extension": [
                    {"url": "lang", "valueCode": "es"},
                    {"url": "content", "valueString": "Tensión arterial"},
                ],
            }
        ]
    },
    "item": [
        number("systolic", "Upper value (mmHg)", 50, 280, code=[{"system": "http://loinc.org", "code": "8480-6"}]),
        number("diastolic", "Lower value (mmHg)", 30, 200),
        {"linkId": "dizzy", "type": "boolean", "text": "Are you dizzy?"},
    ],
}
HIGH = Threshold(item="systolic", comparison=Comparison.ABOVE, value=180, words="Call: very high blood pressure")
RAISED = Threshold(
    item="systolic",
    comparison=Comparison.ABOVE,
    value=150,
    priority=Priority.ROUTINE,
    owner=Whose.CLINICIAN,
    words="Look at the dose",
)
DIZZY = Threshold(
    item="dizzy",
    comparison=Comparison.EQUALS,
    value=True,
    owner=Whose.DESK,
    kind=TaskKind.REBOOK,
    words="Offer a visit",
)
CONTENT = Content(resource=RESOURCE, thresholds=(RAISED, HIGH, DIZZY))
WELL = {"systolic": "128", "diastolic": "82", "dizzy": "false"}
HIGH_ANSWERS = {"systolic": "192", "diastolic": "110", "dizzy": "true"}
DAILY = Wish(kind=TaskKind.QUESTIONNAIRE, questionnaire=CODE, due_in="1d", repeat="FREQ=DAILY;COUNT=3")


@dataclass(frozen=True)
class Ward:
    """Rosa has a visit; `phone` is she after the identity step of its link."""

    unit_of_work: UnitOfWork
    clock: FixedClock
    clinic: Clinic
    booked: Booked
    phone: Actor

    async def plan(self, wish: Wish = DAILY) -> list[FollowUp]:
        return await self.unit_of_work.run(tasks_of.plan, self.clinic.clinician_actor, self.booked.visit.id, wish)

    async def asked(self, task: FollowUp) -> Request:
        """At the time at which the task is due; the clock goes there."""
        self.clock.advance(max(task.due_at - self.clock.now(), timedelta()))
        await self.unit_of_work.run(service.ask, SYSTEM, task.id)
        request = await self.unit_of_work.run(queries.request_for, SYSTEM, task.id)
        assert request is not None
        return request

    async def answer(self, request: Request, answers: dict[str, str]) -> None:
        await self.unit_of_work.run(service.answer, self.phone, request.id, answers)

    async def tasks(self) -> list[FollowUp]:
        mine = self.booked.visit.id
        return await self.unit_of_work.run(followups.follow_ups, SYSTEM, statuses=list(TaskStatus), visit_id=mine)

    async def task(self, task_id: UUID) -> FollowUp:
        return await self.unit_of_work.run(followups.follow_up, SYSTEM, task_id)


async def open_ward(unit_of_work: UnitOfWork, clock: FixedClock) -> Ward:
    async def begin(unit: Unit) -> tuple[Clinic, Booked]:
        clinic = await open_clinic(unit)
        await service.publish(unit, CODE, CONTENT, version=0)
        return clinic, await book(unit, clinic)

    clinic, booked = await unit_of_work.run(begin, SYSTEM)
    return Ward(unit_of_work, clock, clinic, booked, await guest_of(unit_of_work, booked))
