"""Not the scope of a door but the service decides who acts on participants: foreign, without part, absent: the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from telehealth.core.actors import ANONYMOUS, SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.db.unit import UnitOfWork
from telehealth.visits.lifecycle.parts import ParticipantKind, Step
from telehealth.visits.participants import service
from telehealth.visits.participants.rules import Companion
from tests.kit.clinic import TUESDAY_NINE, add_colleague, book, guest_of, open_clinic

LUIS = Companion(kind=ParticipantKind.FAMILY, name="Luis Moreno")
COMMANDS: dict[str, Callable[[UUID, UUID], tuple[Any, ...]]] = {
    "invite": lambda visit, _: (service.invite, visit, LUIS),
    "resend": lambda *one: (service.resend, *one),
    "revoke": lambda *one: (service.revoke, *one),
    "remove": lambda *one: (service.remove, *one),
    "admit": lambda *one: (service.admit, *one),
    "mark": lambda *one: (service.mark, *one, Step.ADMIT),
}
THE_PATIENT_MAY = {"invite", "revoke"}


@pytest.mark.parametrize("word", COMMANDS)
async def test_whoever_has_no_business_with_a_visit_finds_none(unit_of_work: UnitOfWork, word: str) -> None:
    clinic = await unit_of_work.run(open_clinic, SYSTEM)
    booked = await unit_of_work.run(book, SYSTEM, clinic)
    other = await unit_of_work.run(book, SYSTEM, clinic, TUESDAY_NINE + timedelta(hours=1))
    own, foreign = await guest_of(unit_of_work, booked), await guest_of(unit_of_work, other)
    colleague = await unit_of_work.run(add_colleague, SYSTEM, clinic)
    invited = (await unit_of_work.run(service.invite, own, booked.visit.id, LUIS)).participant
    refused = [
        foreign,
        Actor(invited.id, Role.GUEST, visit_id=booked.visit.id),
        Actor(uuid4(), Role.CLINICIAN, person_id=colleague.id),
        Actor(uuid4(), Role.INTEGRATION),
        Actor(uuid4(), Role.ADMIN),
        ANONYMOUS,
        *([] if word in THE_PATIENT_MAY else [own]),
    ]
    command, *given = COMMANDS[word](booked.visit.id, invited.id)
    for actor in refused:
        with pytest.raises(NotFound) as found:
            await unit_of_work.run(command, actor, *given)
        assert (found.value.detail, found.value.extras) == ("", {})
    for visit, participant in ((uuid4(), invited.id), (other.visit.id, invited.id), (booked.visit.id, uuid4())):
        if word == "invite":  # which names nobody yet
            continue
        command, *given = COMMANDS[word](visit, participant)
        with pytest.raises(NotFound):
            await unit_of_work.run(command, clinic.front_desk, *given)
