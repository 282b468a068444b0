"""Notes over HTTP: entity tags, conditions, who gets through, and summaries for integrations with a grant."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from joserfc.jwk import ECKey
from sqlalchemy import select

from telehealth.access import service as access
from telehealth.access.rules import SCOPES, DataKind
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.ids import IntegrationId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.records.charting import queries
from telehealth.records.charting.ports import SupervisorTasks
from telehealth.records.charting.routes import OPERATIONS
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.delivery.memory import MemoryRecordService
from telehealth.records.delivery.ports import Destination, Destinations
from telehealth.records.delivery.profiles import US_CORE
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of

AUTHOR, COLLEAGUE, DESK, MACHINE = (bearer(name) for name in ("author", "colleague", "desk", "machine"))


@pytest.fixture
async def arranged(unit_of_work: UnitOfWork) -> Arranged:
    return await unit_of_work.run(arrange_visit)


@pytest.fixture
async def machine(unit_of_work: UnitOfWork) -> Actor:
    """An integration that is registered and has no grant."""
    jwk = ECKey.generate_key("P-384", parameters={"alg": "ES384", "use": "sig"}, auto_kid=True).as_dict(private=False)
    scopes = SCOPES[Role.INTEGRATION]
    added = await unit_of_work.run(access.add_integration, SYSTEM, name="Puller", scopes=scopes, jwks={"keys": [jwk]})
    return Actor(added.id, Role.INTEGRATION, scopes)


@pytest.fixture
async def http(unit_of_work: UnitOfWork, arranged: Arranged, machine: Actor) -> AsyncIterator[httpx.AsyncClient]:
    known = {
        "author": arranged.clinician,
        "colleague": Actor(uuid4(), Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=uuid4()),
        "desk": Actor(uuid4(), Role.FRONT_DESK, SCOPES[Role.FRONT_DESK]),
        "machine": machine,
    }
    ports: dict[type, object] = {
        SupervisorTasks: CosignatureTasks(),
        Destinations: Destinations((Destination(RECORD_SERVICE, US_CORE, MemoryRecordService()),)),
    }
    async with client_of(unit_of_work, OPERATIONS, known, ports=ports) as client:
        yield client


@pytest.fixture
def note(arranged: Arranged) -> str:
    return f"/v1/visits/{arranged.visit_id}/note"


def over(version: int) -> dict[str, str]:
    return AUTHOR | {"If-Match": f'"{version}"'}


async def test_a_note_is_read_saved_and_signed(http: httpx.AsyncClient, note: str) -> None:
    empty = await http.get(note, headers=AUTHOR)
    assert (empty.status_code, empty.headers["etag"], empty.json()["content"]) == (200, '"0"', "")
    saved = await http.put(note, headers=over(0), json={"content": "Rest."})
    assert (saved.status_code, saved.headers["etag"], saved.json()["version"]) == (200, '"1"', 1)
    signed = await http.post(f"{note}/sign", headers=over(1), json={})
    assert (signed.status_code, signed.json()["state"], signed.json()["in_record"]) == (200, "delivering", False)
    again = await http.put(note, headers=over(1), json={"content": "Other."})
    assert (again.status_code, again.json()["type"]) == (409, "/problems/note-already-signed")


async def test_the_first_save_may_say_that_there_is_none_yet(http: httpx.AsyncClient, note: str) -> None:
    first = AUTHOR | {"If-None-Match": "*"}
    assert (await http.put(note, headers=first, json={"content": "a"})).status_code == 200
    assert (await http.put(note, headers=first, json={"content": "b"})).status_code == 412


@pytest.mark.parametrize("tag", ['"7"', '"x"', "*", 'W/"1"', "1", '"99999999999999999999"'])
async def test_another_version_is_refused(http: httpx.AsyncClient, note: str, tag: str) -> None:
    await http.put(note, headers=over(0), json={"content": "a"})
    headers = AUTHOR | {"If-Match": tag}
    assert (await http.put(note, headers=headers, json={"content": "b"})).status_code == 412
    assert (await http.post(f"{note}/sign", headers=headers, json={})).status_code == 412


async def test_without_a_condition_nothing_is_written(http: httpx.AsyncClient, note: str) -> None:
    assert (await http.put(note, headers=AUTHOR, json={"content": "a"})).status_code == 428
    assert (await http.post(f"{note}/sign", headers=AUTHOR, json={})).status_code == 428


async def test_what_is_too_long_is_refused_and_not_repeated(http: httpx.AsyncClient, note: str) -> None:
    refused = await http.put(note, headers=over(0), json={"content": "CANARY" * 10_000})
    assert refused.status_code == 422
    assert "CANARY" not in refused.text


async def test_a_colleague_finds_nothing_and_the_front_desk_may_not(http: httpx.AsyncClient, note: str) -> None:
    missing = await http.get(f"/v1/visits/{uuid4()}/note", headers=COLLEAGUE)
    foreign = await http.get(note, headers=COLLEAGUE)
    assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert (await http.get(note, headers=DESK)).status_code == 403
    assert (await http.get(note)).status_code == 401


async def test_a_summary_needs_a_grant_and_says_so_in_the_audit(
    http: httpx.AsyncClient, unit_of_work: UnitOfWork, arranged: Arranged, note: str, *, machine: Actor
) -> None:
    summary = f"/v1/visits/{arranged.visit_id}/summary"
    await http.put(note, headers=over(0), json={"content": "Rest."})
    await http.post(f"{note}/sign", headers=over(1), json={})
    refused = await http.get(summary, headers=MACHINE)
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/no-grant")
    assert await last_trace(unit_of_work) == (machine.id, Purpose.TREATMENT, "no-grant")

    await permit(unit_of_work, machine, arranged)
    told = await http.get(summary, headers=MACHINE)
    assert told.status_code == 200
    assert told.json()["text"].endswith("\nRest.\n")
    assert await last_trace(unit_of_work) == (machine.id, Purpose.PAYMENT, "ok")


async def test_a_grant_for_others_finds_nothing(
    http: httpx.AsyncClient, unit_of_work: UnitOfWork, arranged: Arranged, note: str, *, machine: Actor
) -> None:
    await http.put(note, headers=over(0), json={"content": "Rest."})
    await http.post(f"{note}/sign", headers=over(1), json={})
    other = await unit_of_work.run(arrange_visit)
    await permit(unit_of_work, machine, other)
    assert (await http.get(f"/v1/visits/{arranged.visit_id}/summary", headers=MACHINE)).status_code == 404
    listed = await unit_of_work.run(queries.signed_summaries, machine, limit=10)
    assert listed == []
    await permit(unit_of_work, machine, arranged)
    (only,) = await unit_of_work.run(queries.signed_summaries, machine, limit=10)
    assert await unit_of_work.run(queries.signed_summaries, machine, only.position, limit=10) == []


async def permit(unit_of_work: UnitOfWork, machine: Actor, whose: Arranged) -> None:
    admin = await unit_of_work.run(
        access.create_account,
        SYSTEM,
        email=f"{uuid4()}@clinic.example",
        password="correct horse battery",
        role=Role.ADMIN,
    )
    await unit_of_work.run(
        access.grant,
        SYSTEM,
        integration_id=IntegrationId(machine.id or uuid4()),
        purpose=Purpose.PAYMENT,
        data_kinds={DataKind.SUMMARIES},
        patients=frozenset({whose.patient_id}),
        valid_until=unit_of_work.clock.now() + timedelta(days=1),
        approved_by=admin.id,
    )


async def last_trace(unit_of_work: UnitOfWork) -> tuple[UUID | None, str, str]:
    async def read(unit: Unit) -> tuple[UUID | None, str, str]:
        query = select(AuditRow.actor_id, AuditRow.purpose, AuditRow.outcome).order_by(AuditRow.position.desc())
        row = (await unit.session.execute(query.limit(1))).one()
        return row[0], row[1], row[2]

    return await unit_of_work.run(read)
