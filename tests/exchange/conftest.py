from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import fhirkit
import httpx
import pytest
from sqlalchemy import select

from telehealth.access import service as access
from telehealth.access.models import AccountRow
from telehealth.access.rules import EVERYONE, SCOPES, DataKind, Patients
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role
from telehealth.core.ids import AccountId, IntegrationId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.exchange.ports import SchedulingLinks
from telehealth.exchange.routes import OPERATIONS
from telehealth.followups.cosigning import CosignatureTasks
from telehealth.http.paging import CursorKey
from telehealth.records.after_visit.routes import OPERATIONS as AFTER_VISIT
from telehealth.records.charting import service as records
from telehealth.records.charting.queries import open_note as read_note
from telehealth.records.charting.routes import OPERATIONS as CHARTING
from telehealth.records.delivery.destinations import RECORD_SERVICE
from telehealth.records.notes.amendments import Relation
from telehealth.records.notes.rules import NoteKind
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.integrations import jwks_of, new_key
from tests.kit.visits import Arranged, arrange_visit
from tests.kit.web import bearer, client_of


def checked(answer: httpx.Response, status: int = 200) -> dict[str, Any]:
    """The body, after R4 has been held against it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    assert faults(answer.text) == []
    body: dict[str, Any] = answer.json()
    return body


def faults(resource: str) -> list[str]:
    return [f"{issue.path}: {issue.message}" for issue in fhirkit.validate(resource) if issue.severity == "error"]


def found(answer: httpx.Response) -> list[str]:
    entries = checked(answer).get("entry", [])
    return [each["resource"]["id"] for each in entries if each["search"]["mode"] == "match"]


@dataclass
class Exchange:
    """An integration with every scope and no grant, and a door to knock at."""

    unit_of_work: UnitOfWork
    actor: Actor
    admin: AccountId
    links: SchedulingLinks
    client: httpx.AsyncClient

    async def permit(self, *kinds: DataKind, patients: Patients = EVERYONE, purpose: Purpose = Purpose.PAYMENT) -> None:
        await self.unit_of_work.run(
            access.grant,
            SYSTEM,
            integration_id=IntegrationId(self.actor.id or uuid4()),
            purpose=purpose,
            data_kinds=set(kinds),
            patients=patients,
            valid_until=self.unit_of_work.clock.now() + timedelta(days=1),
            approved_by=self.admin,
        )

    async def visit(self, status: VisitStatus = VisitStatus.IN_PROGRESS, identifier: str | None = None) -> Arranged:
        return await self.unit_of_work.run(arrange_visit, SYSTEM, status=status, identifier=identifier)

    async def signed(self, text: str = "Better. Ölbad, 血圧.", identifier: str | None = None) -> Arranged:
        arranged = await self.visit(identifier=identifier)
        await self.unit_of_work.run(
            records.save_draft,
            arranged.clinician,
            arranged.visit_id,
            version=0,
            content=text,
            kind=NoteKind.PROGRESS,
        )
        await self.unit_of_work.run(
            records.sign,
            arranged.clinician,
            arranged.visit_id,
            version=1,
            destinations=(RECORD_SERVICE,),
            tasks=CosignatureTasks(),
        )
        return arranged

    async def amended(self, arranged: Arranged, relation: Relation, text: str) -> None:
        """The note of that visit, signed twice now."""

        async def amend(unit: Unit) -> None:
            note = await read_note(unit, arranged.visit_id)
            begun = await records.amend(unit, arranged.visit_id, version=note.version, relation=relation)
            drafted = await records.save_draft(
                unit, arranged.visit_id, version=begun.version, content=text, kind=note.kind
            )
            to, tasks = [RECORD_SERVICE], CosignatureTasks()
            await records.sign(unit, arranged.visit_id, version=drafted.version, destinations=to, tasks=tasks)

        await self.unit_of_work.run(amend, arranged.clinician)

    async def retracted(self, arranged: Arranged, signed: int) -> None:
        """That version of the note, taken back."""

        async def retract(unit: Unit) -> None:
            version = (await read_note(unit, arranged.visit_id)).version
            done = records.retract(
                unit,
                arranged.visit_id,
                version=version,
                signed=signed,
                reason="Wrong patient.",
                destinations=[RECORD_SERVICE],
            )
            await done

        await self.unit_of_work.run(retract, arranged.clinician)

    async def traces(self) -> list[tuple[str, str, str, str]]:
        """Action, entity, purpose and outcome of what this integration did, oldest first."""

        async def look(unit: Unit) -> list[tuple[str, str, str, str]]:
            row = AuditRow
            query = select(row.action, row.entity, row.purpose, row.outcome).where(row.actor_id == self.actor.id)
            return [tuple(each) for each in await unit.session.execute(query.order_by(row.position))]  # type: ignore[misc]

        return await self.unit_of_work.run(look)


async def _integration(unit: Unit) -> tuple[Actor, AccountId]:
    scopes = SCOPES[Role.INTEGRATION]
    added = await access.add_integration(unit, name="Puller", scopes=scopes, jwks=jwks_of(new_key()))
    admin = AccountId(unit.new_id())
    columns = {"email": f"{admin}@clinic.example", "password": "never checked", "role": Role.ADMIN}
    unit.session.add(AccountRow(id=admin, **columns, created_at=unit.now))
    return Actor(added.id, Role.INTEGRATION, scopes), admin


@pytest.fixture
async def exchange(unit_of_work: UnitOfWork) -> AsyncIterator[Exchange]:
    actor, admin = await unit_of_work.run(_integration)
    known = {"puller": actor, "nobody": Actor(uuid4(), Role.INTEGRATION)}
    links = SchedulingLinks(booking_url="https://book.example/visit?from=links")
    ports: dict[type, object] = {CursorKey: CursorKey("k" * 32), SchedulingLinks: links}
    async with client_of(unit_of_work, (*OPERATIONS, *CHARTING, *AFTER_VISIT), known, ports=ports) as client:
        client.headers.update(bearer("puller"))
        yield Exchange(unit_of_work, actor, admin, links, client)
