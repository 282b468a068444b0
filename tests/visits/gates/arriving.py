"""A patient on the day of the visit, a text to agree to and three questions of which one hangs on another."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from telehealth.core.actors import SYSTEM, Actor
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.visits.gates import service
from telehealth.visits.lifecycle import service as lifecycle
from telehealth.visits.lifecycle.rules import DeviceCheck, Visit
from tests.kit.clinic import TUESDAY_NINE, Clinic, book, guest_of, open_clinic

TEXTS = {"en": "We ask you.\n\nYou may say no.", "es": "Le preguntamos."}
ANSWERS: dict[str, bool | int | str] = {"smokes": True, "day": 20, "weight": "70.5"}
QUESTIONS: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "status": "active",
    "title": "Before your visit",
    "item": [
        {
            "linkId": "smokes",
            "type": "boolean",
            "text": "Do you smoke?",
            "_text": {
                "extension": [
                    {
                        "url": "http://hl7.org/fhir/StructureDefinition/translation",
                        "extension": [
                            {"url": "lang", "valueCode": "es"},
                            {"url": "content", "valueString": "¿Fuma?"},
                        ],
                    }
                ]
            },
            "required": True,
        },
        {
            "linkId": "day",
            "type": "integer",
            "text": "How many a day?",
            "required": True,
            "enableWhen": [{"question": "smokes", "operator": "=", "answerBoolean": True}],
        },
        {"linkId": "weight", "type": "decimal", "text": "Your weight"},
    ],
}


@dataclass(frozen=True)
class Arrival:
    """Rosa's visit is in five minutes; `link` is the secret of her link."""

    clinic: Clinic
    visit: Visit
    rosa: Actor
    link: str


async def arrive(unit_of_work: UnitOfWork, clock: FixedClock) -> Arrival:
    clock.advance(TUESDAY_NINE - timedelta(days=1) - clock.now())
    clinic = await unit_of_work.run(open_clinic)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    rosa = await guest_of(unit_of_work, booked)
    clock.advance(TUESDAY_NINE - timedelta(minutes=5) - clock.now())
    return Arrival(clinic, booked.visit, rosa, booked.link_secret)


async def come_again(unit_of_work: UnitOfWork, clock: FixedClock, before: Arrival) -> Arrival:
    """The day after, for another visit of the same kind."""
    later = TUESDAY_NINE + timedelta(days=1)
    booked = await unit_of_work.run(book, SYSTEM, before.clinic, later)
    rosa = await guest_of(unit_of_work, booked)
    clock.advance(later - timedelta(minutes=5) - clock.now())
    return Arrival(before.clinic, booked.visit, rosa, booked.link_secret)


async def ask_consent(unit: Unit, /, **changed: Any) -> UUID:
    asked: dict[str, Any] = {"visit_type_id": None, "jurisdiction": None, "texts": TEXTS}
    return (await service.publish_text(unit, **(asked | changed))).id


async def ask_questions(unit: Unit, arrival: Arrival, resource: dict[str, Any] = QUESTIONS) -> None:
    await service.publish_questionnaire(unit, arrival.clinic.visit_type.id, resource)


async def check_devices(unit_of_work: UnitOfWork, arrival: Arrival) -> None:
    await unit_of_work.run(lifecycle.record_check, arrival.rosa, arrival.visit.id, DeviceCheck.GOOD)
