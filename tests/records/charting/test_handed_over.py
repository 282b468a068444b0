"""A note that one clinician began and another signed, who had taken over the visit."""

from uuid import uuid4

import pytest

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import VisitId
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.people import service as people
from telehealth.records.charting import queries, service
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.models import VisitRow
from tests.kit.visits import arrange_visit


async def hand_over(unit: Unit, visit_id: VisitId) -> Actor:
    taken = await people.add_clinician(unit, given="Noor", family="Haddad", email=f"{uuid4()}@clinic.example")
    row = await unit.session.get_one(VisitRow, visit_id)
    row.clinician_id = taken.id
    return Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=taken.id, purpose=Purpose.TREATMENT)


async def test_it_is_read_by_who_signed_it_and_not_by_who_began_it(unit_of_work: UnitOfWork) -> None:
    run, arranged = unit_of_work.run, await unit_of_work.run(arrange_visit)
    began, visit_id = arranged.clinician, arranged.visit_id
    await run(service.save_draft, began, visit_id, version=0, content="Begun.", kind=NoteKind.PROGRESS)
    signed = await run(hand_over, SYSTEM, visit_id)
    to, tasks = [RECORD_SERVICE], CosignatureTasks()
    await run(service.sign, signed, visit_id, version=1, destinations=to, tasks=tasks)
    told = await run(queries.summary, signed, visit_id)
    assert told.text.author_name == "Noor Haddad"
    assert [each.version for each in await run(queries.versions, signed, visit_id)] == [1]
    with pytest.raises(NotFound):
        await run(queries.summary, began, visit_id)
