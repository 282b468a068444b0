"""What a trainee signs is final, and leaves the house, only once a supervisor has co-signed it."""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.errors import NotFound, Stale
from telehealth.core.ids import ClinicianId, VisitId
from telehealth.core.ports import Ports
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups import queries as tasks
from telehealth.followups import service as by_hand
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.followups.parts import TaskKind, TaskStatus, UnfitTask
from telehealth.followups.tasks import SUBSCRIPTIONS
from telehealth.people import queries as people
from telehealth.people import service as registration
from telehealth.people.rules import UnfitSupervisor
from telehealth.records.attachments.ports import Limits
from telehealth.records.charting import cosignatures, queries, service
from telehealth.records.charting.bundles import document_bundle
from telehealth.records.charting.cosignatures import Awaited
from telehealth.records.charting.ports import RoomFollowUps, SupervisorTasks
from telehealth.records.charting.queries import Note
from telehealth.records.charting.routes import OPERATIONS, PAGES
from telehealth.records.charting.rules import NoteStatus
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import (
    AwaitsCosignature,
    CosignatureState,
    NotAwaited,
    NoteKind,
    NotSigned,
    NotToBeSigned,
)
from telehealth.tasks.relay import Relay
from telehealth.tasks.work import Work
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of

TASKS, TO = CosignatureTasks(), (RECORD_SERVICE,)
COUNTS = "SELECT (SELECT count(*) FROM note_version), (SELECT count(*) FROM record_delivery)"
OPEN = (TaskStatus.PLANNED, TaskStatus.DUE)


@dataclass(frozen=True)
class Ward:
    """A trainee in a visit, and two supervisors."""

    unit_of_work: UnitOfWork
    arranged: Arranged
    supervisors: tuple[Actor, Actor]

    async def save(self, version: int, content: str = "## Plan\nRest.") -> Note:
        kind = NoteKind.PROGRESS
        return await self.unit_of_work.run(service.save_draft, *self.mine, version=version, content=content, kind=kind)

    async def sign(self, version: int) -> Note:
        return await self.unit_of_work.run(service.sign, *self.mine, version=version, destinations=TO, tasks=TASKS)

    async def cosign(self, by: Actor, version: int) -> Awaited:
        visit = self.arranged.visit_id
        return await self.unit_of_work.run(service.cosign, by, visit, version=version, destinations=TO, tasks=TASKS)

    async def give_back(self, by: Actor, version: int) -> Awaited:
        visit, reason = self.arranged.visit_id, "Which dose?"
        return await self.unit_of_work.run(service.give_back, by, visit, version=version, reason=reason, tasks=TASKS)

    async def withdraw(self, version: int) -> Note:
        return await self.unit_of_work.run(service.withdraw, *self.mine, version=version, tasks=TASKS)

    async def counts(self) -> tuple[int, int]:
        """Versions, and ways to the record."""

        async def read(unit: Unit) -> tuple[int, int]:
            versions, ways = (await unit.session.execute(text(COUNTS))).one()
            return versions, ways

        return await self.unit_of_work.run(read, SYSTEM)

    async def traces(self, of: Actor) -> list[str]:
        """What the audit log says that they did to the visit and what was signed there."""
        of_actor = "SELECT DISTINCT action || ' ' || entity FROM audit_event WHERE actor_id = :actor"
        of_note = "AND patient_id = :patient AND entity <> 'follow_up_task' ORDER BY 1"
        known = {"actor": of.id, "patient": self.arranged.patient_id}

        async def read(unit: Unit) -> list[str]:
            return list(await unit.session.scalars(text(f"{of_actor} {of_note}"), known))

        return await self.unit_of_work.run(read, SYSTEM)

    async def tasks(self, of: Actor) -> list[TaskStatus]:
        found = await self.unit_of_work.run(tasks.follow_ups, of, statuses=tuple(TaskStatus))
        return [each.status for each in found if each.owner.person_id == of.person_id]

    @property
    def mine(self) -> tuple[Actor, VisitId]:
        return self.arranged.clinician, self.arranged.visit_id


async def add_supervisor(unit: Unit, trainee: Actor, family: str) -> Actor:
    added = await registration.add_clinician(unit, given="Edith", family=family, email=f"{uuid4()}@clinic.example")
    known = [each.id for each in await people.supervisors(unit, _person(trainee))]
    await registration.replace_supervisors(unit, _person(trainee), [*known, added.id])
    actor = Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=added.id, purpose=Purpose.TREATMENT)
    row = {"id": actor.id, "person": actor.person_id, "now": unit.now, "email": f"{uuid4()}@clinic.example"}
    opened = "INSERT INTO account (id, email, password, role, person_id, created_at) VALUES "
    await unit.session.execute(text(opened + "(:id, :email, '', 'clinician', :person, :now)"), row)
    return actor


def _person(actor: Actor) -> ClinicianId:
    assert actor.person_id is not None
    return ClinicianId(actor.person_id)


@pytest.fixture
async def ward(unit_of_work: UnitOfWork) -> Ward:
    async def open_ward(unit: Unit) -> Ward:
        arranged = await arrange_visit(unit)
        first = await add_supervisor(unit, arranged.clinician, "Berg")
        return Ward(unit_of_work, arranged, (first, await add_supervisor(unit, arranged.clinician, "Chen")))

    return await unit_of_work.run(open_ward, SYSTEM)


async def test_nothing_leaves_before_a_supervisor_has_co_signed(ward: Ward) -> None:
    await ward.save(0)
    note = await ward.sign(1)
    assert (note.state, note.in_record) == (NoteStatus.PRELIMINARY, False)
    assert note.cosignature is not None
    assert note.cosignature.supervisors == ("Edith Berg", "Edith Chen")
    assert await ward.counts() == (0, 0)
    assert await ward.sign(1) == note
    with pytest.raises(NotFound):
        await ward.unit_of_work.run(queries.summary, SYSTEM, ward.arranged.visit_id)
    first, second = ward.supervisors
    assert (await ward.tasks(first), await ward.tasks(second)) == ([TaskStatus.PLANNED], [TaskStatus.PLANNED])
    read = await ward.unit_of_work.run(cosignatures.awaited, first, ward.arranged.visit_id)
    assert (read.content, read.version, read.author_name) == ("## Plan\nRest.", 1, "Dr. Grace Sample")
    assert await ward.traces(first) == ["read cosignature", "read visit"]
    done = await ward.cosign(first, 1)
    assert (done.state, done.content) == (CosignatureState.GIVEN, "")
    assert await ward.counts() == (1, 1)
    assert (await ward.tasks(first), await ward.tasks(second)) == ([TaskStatus.DONE], [TaskStatus.CANCELLED])
    told = (await ward.unit_of_work.run(queries.summary, SYSTEM, ward.arranged.visit_id)).text
    assert re.search(
        r"\nSigned: \S+ by Dr\. Grace Sample\nCo-signed: \S+ by Edith Berg\n\n## Plan\nRest\.\n$", told.text
    )
    assert told.sha256 == hashlib.sha256(told.text.encode()).hexdigest()
    assert await ward.cosign(first, 1) == done
    with pytest.raises(NotAwaited):
        await ward.cosign(second, 1)
    assert await ward.counts() == (1, 1)


async def test_of_two_supervisors_at_once_one_co_signs(ward: Ward) -> None:
    await ward.save(0)
    await ward.sign(1)
    answers = await asyncio.gather(
        *(ward.cosign(each, 1) for each in ward.supervisors * 3),
        *(ward.give_back(each, 1) for each in ward.supervisors),
        ward.withdraw(1),
        return_exceptions=True,
    )
    kinds = {type(each) for each in answers}
    assert kinds <= {Awaited, Note, NotAwaited, Stale}
    versions, ways = await ward.counts()
    given = {each.state for each in answers if isinstance(each, Awaited)}
    withdrawn = sum(isinstance(each, Note) for each in answers)
    assert len(given) + withdrawn == 1
    assert versions == ways == (given == {CosignatureState.GIVEN})
    for each in ward.supervisors:
        assert not set(OPEN) & set(await ward.tasks(each))


async def test_who_does_not_supervise_its_author_does_not_co_sign(ward: Ward) -> None:
    await ward.save(0)
    await ward.sign(1)
    stranger = (await ward.unit_of_work.run(arrange_visit, SYSTEM)).clinician
    for each in (ward.arranged.clinician, stranger, SYSTEM):
        with pytest.raises(NotFound):
            await ward.unit_of_work.run(cosignatures.awaited, each, ward.arranged.visit_id)
        with pytest.raises(NotFound):
            await ward.cosign(each, 1)
        with pytest.raises(NotFound):
            await ward.give_back(each, 1)
    first, second = ward.supervisors
    trainee = _person(ward.arranged.clinician)
    await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, trainee, [_person(second)])
    with pytest.raises(NotFound):
        await ward.cosign(first, 1)
    await ward.cosign(second, 1)


async def test_what_was_returned_is_written_again_and_what_was_signed_then_is_kept(ward: Ward, database: str) -> None:
    await ward.save(0, "Rest.")
    await ward.sign(1)
    with pytest.raises(AwaitsCosignature):
        await ward.save(1, "Other.")
    with pytest.raises(AwaitsCosignature):
        await ward.unit_of_work.run(service.discard, *ward.mine, version=1)
    with pytest.raises(NotSigned):
        await ward.unit_of_work.run(service.retract, *ward.mine, version=1, signed=1, reason="x", destinations=TO)
    first, second = ward.supervisors
    await ward.give_back(first, 1)
    note = await ward.unit_of_work.run(queries.open_note, *ward.mine)
    assert (note.state, note.version, note.content) == (NoteStatus.DRAFT, 2, "Rest.")
    assert note.cosignature is not None
    assert (note.cosignature.decided_by, note.cosignature.reason) == ("Edith Berg", "Which dose?")
    await ward.save(2, "Rest, 5 mg.")
    await ward.sign(3)
    with pytest.raises(Stale):  # what they read is not what stands there now
        await ward.cosign(second, 1)
    await ward.cosign(second, 3)
    told = (await ward.unit_of_work.run(queries.summary, SYSTEM, ward.arranged.visit_id)).text
    assert told.text.endswith("\n\nRest, 5 mg.\n")
    with psycopg.connect(database) as connection:
        kept = connection.execute("SELECT revision, state FROM cosignature ORDER BY revision").fetchall()
    assert kept == [(1, "returned"), (3, "given")]
    for change in (
        "UPDATE cosignature SET sha256 = ''",
        "DELETE FROM cosignature",
        "UPDATE note_version SET cosigner_name = 'X'",
    ):
        with psycopg.connect(database) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
            connection.execute(change.encode())


async def test_its_author_takes_it_back_and_an_addendum_awaits_its_own_co_signature(ward: Ward) -> None:
    await ward.save(0)
    await ward.sign(1)
    assert (await ward.withdraw(1)).state is NoteStatus.DRAFT
    with pytest.raises(NotAwaited):
        await ward.withdraw(2)
    await ward.sign(2)
    await ward.cosign(ward.supervisors[0], 2)
    begun = await ward.unit_of_work.run(service.amend, *ward.mine, version=2, relation=Relation.APPENDS)
    saved = await ward.save(begun.version, "And tea.")
    await ward.sign(saved.version)
    assert await ward.counts() == (1, 1)
    read = await ward.unit_of_work.run(cosignatures.awaited, ward.supervisors[1], ward.arranged.visit_id)
    assert (read.content, read.amendment, len(read.in_force)) == ("And tea.", Relation.APPENDS, 1)
    await ward.cosign(ward.supervisors[1], saved.version)
    found = await ward.unit_of_work.run(queries.signed_document, ward.arranged.clinician, ward.arranged.visit_id)
    assert [each.cosigned.name for each in found.note.all if each.cosigned] == ["Edith Berg", "Edith Chen"]
    attesters = document_bundle(found)["entry"][0]["resource"]["attester"]
    assert [each["mode"] for each in attesters] == ["professional", "legal"] * 2
    assert attesters[1]["party"]["display"] == "Edith Berg"


async def test_who_becomes_a_supervisor_is_asked_and_who_is_no_more_is_spared(ward: Ward) -> None:
    work = Work(ward.unit_of_work, Ports({}), ward.unit_of_work.clock)
    relay = Relay(SUBSCRIPTIONS)
    first, second = ward.supervisors
    await ward.save(0)
    await ward.sign(1)
    third = await ward.unit_of_work.run(add_supervisor, SYSTEM, ward.arranged.clinician, "Diaz")
    wanted = [_person(second), _person(third)]
    await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, _person(ward.arranged.clinician), wanted)
    await relay.sweep(work)
    assert [await ward.tasks(each) for each in (first, second, third)] == [
        [TaskStatus.CANCELLED],
        [TaskStatus.PLANNED],
        [TaskStatus.PLANNED],
    ]
    await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, _person(ward.arranged.clinician), [])
    await relay.sweep(work)
    assert [await ward.tasks(each) for each in (second, third)] == [[TaskStatus.PLANNED]] * 2
    assert (await ward.withdraw(1)).state is NoteStatus.DRAFT
    assert [await ward.tasks(each) for each in (second, third)] == [[TaskStatus.CANCELLED]] * 2


async def test_a_visit_that_never_was_gets_no_co_signature(ward: Ward) -> None:
    await ward.save(0)
    await ward.sign(1)

    async def mistaken(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE visit SET status = 'entered_in_error'"))

    await ward.unit_of_work.run(mistaken, SYSTEM)
    with pytest.raises(NotToBeSigned):
        await ward.cosign(ward.supervisors[0], 1)
    assert await ward.counts() == (0, 0)


async def test_the_task_is_closed_by_the_co_signature_alone(ward: Ward) -> None:
    await ward.save(0)
    await ward.sign(1)
    first, second = ward.supervisors
    (task,) = [
        each for each in await ward.unit_of_work.run(tasks.follow_ups, first) if each.owner.person_id == first.person_id
    ]
    assert task.kind is TaskKind.COSIGN
    for command in (by_hand.done, by_hand.cancel, by_hand.claim):
        with pytest.raises(UnfitTask):
            await ward.unit_of_work.run(command, first, task.id)
    with pytest.raises(UnfitTask):
        await ward.unit_of_work.run(by_hand.skip, first, task.id, reason="x")
    assert await ward.tasks(second) == [TaskStatus.PLANNED]


async def test_nobody_supervises_themselves_nor_while_supervised(ward: Ward) -> None:
    trainee, first = _person(ward.arranged.clinician), _person(ward.supervisors[0])
    for whose, named in ((trainee, [trainee]), (first, [trainee]), (first, [_person(ward.supervisors[1])])):
        with pytest.raises(UnfitSupervisor):
            await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, whose, named)
    with pytest.raises(NotFound):
        await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, trainee, [ClinicianId(uuid4())])
    assert await ward.unit_of_work.run(registration.replace_supervisors, SYSTEM, trainee, []) == []
    await ward.save(0)
    assert (await ward.sign(1)).state is NoteStatus.DELIVERING


class NoFollowUps:
    async def of_visit(self, *_: object) -> list[object]:
        return []


@pytest.fixture
async def http(ward: Ward) -> AsyncIterator[httpx.AsyncClient]:
    ports: dict[type, object] = {
        Destinations: Destinations((Destination(RECORD_SERVICE, US_CORE, MemoryRecordService()),)),
        RoomFollowUps: NoFollowUps(),
        SupervisorTasks: TASKS,
        Limits: Limits(1),
    }
    trainee = ward.arranged.clinician
    row = {"id": trainee.id, "person": trainee.person_id}

    async def open_account(unit: Unit) -> None:
        opened = "INSERT INTO account (id, email, password, role, person_id, created_at) VALUES "
        await unit.session.execute(text(opened + "(:id, 'a@clinic.example', '', 'clinician', :person, now())"), row)

    await ward.unit_of_work.run(open_account, SYSTEM)
    known = {"trainee": trainee, "supervisor": ward.supervisors[0]}
    async with client_of(ward.unit_of_work, (*OPERATIONS, *PAGES), known, ports=ports) as client:
        yield client


async def test_by_the_api_and_by_the_pages_alone(ward: Ward, http: httpx.AsyncClient) -> None:
    note, room = f"/v1/visits/{ward.arranged.visit_id}/note", f"/visits/{ward.arranged.visit_id}"
    trainee, supervisor = bearer("trainee"), bearer("supervisor")
    http.headers.update(trainee)
    await http.put(note, json={"content": "Rest."}, headers={"If-Match": '"0"'})
    signed = (await http.post(f"{note}/sign", json={}, headers={"If-Match": '"1"'})).json()
    assert (signed["state"], signed["cosignature"]["supervisors"]) == ("preliminary", ["Edith Berg", "Edith Chen"])
    page = (await http.get(room)).text
    assert "Edith Berg, Edith Chen" in page
    assert 'name="relation"' not in page
    assert (await http.get(f"{room}/cosign")).status_code == 404
    http.headers.update(supervisor)
    assert '<p dir="auto">Rest.</p>' in (await http.get(f"{room}/cosign")).text
    assert (await http.get(room)).status_code == 404
    empty = await http.post(f"{room}/cosign/return", data={"version": "1", "reason": " "})
    assert empty.status_code == 409
    assert (await http.post(f"{room}/cosign/return", data={"version": "1", "reason": "Dose?"})).status_code == 303
    late = await http.post(f"{room}/cosign", data={"version": "1"})
    assert (late.status_code, "awaits no co-signature any more" in late.text) == (409, True)
    http.headers.update(trainee)
    assert "Dose?" in (await http.get(room)).text
    assert (await http.post(f"{room}/sign", data={"version": "2", "content": "Rest. 5 mg."})).status_code == 303
    assert (await http.post(f"{room}/note/withdraw", data={"version": "3"})).status_code == 303
    assert (await http.post(f"{room}/note/withdraw", data={"version": "3"})).status_code == 409
    again = await http.post(f"{note}/sign", json={}, headers={"If-Match": '"4"'})
    assert again.json()["state"] == "preliminary"
    http.headers.update(supervisor)
    read = await http.get(f"{note}/cosign")
    done = await http.post(f"{note}/cosign", json={}, headers={"If-Match": read.headers["etag"]})
    assert (done.status_code, done.json()["state"]) == (200, "given")
    assert "on its way" in (await http.get(f"{room}/cosign")).text
    http.headers.update(trainee)
    (version,) = (await http.get(f"{note}/versions")).json()["items"]
    assert (version["cosigned"]["name"], version["state"]) == ("Edith Berg", "delivering")
    assert "Co-signed at" in (await http.get(room)).text
