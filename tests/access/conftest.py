"""People who sign in, and an integration, registered as an operator would."""

from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.access import service
from telehealth.access.models import AccountRow
from telehealth.access.passwords import HASHER
from telehealth.access.queries import to_account
from telehealth.access.rules import Account
from telehealth.access.tokens import public_keys
from telehealth.core.actors import SYSTEM, Role, Scope
from telehealth.core.ids import AccountId
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people.rules import Clinician
from telehealth.people.service import add_clinician
from tests.kit.integrations import BackendClient, jwks_of

AUDIENCE = "http://localhost/oauth/token"
PASSWORD = "a long and quiet evening"
Audit = Callable[[], Awaitable[list[tuple[str, str, str]]]]


@pytest.fixture
async def doctor(unit_of_work: UnitOfWork) -> Clinician:
    return await unit_of_work.run(
        add_clinician, SYSTEM, given="Ada", family="Byron", prefix="Dr.", email="ada@clinic.example"
    )


@pytest.fixture(scope="session")
def sealed() -> str:
    """The password as it is stored: a fifth of a second once, and not for every test."""
    return HASHER.hash(PASSWORD)


async def _store(unit: Unit, email: str, role: Role, *, sealed: str, person_id: UUID | None = None) -> Account:
    row = AccountRow(
        id=unit.new_id(), email=email, password=sealed, role=role, person_id=person_id, created_at=unit.now
    )
    unit.session.add(row)
    await unit.session.flush()
    return to_account(row)


async def stored_password(unit: Unit, account_id: AccountId) -> str:
    return (await unit.session.scalars(select(AccountRow.password).where(AccountRow.id == account_id))).one()


@pytest.fixture
async def account(unit_of_work: UnitOfWork, doctor: Clinician, sealed: str) -> Account:
    return await unit_of_work.run(
        _store, SYSTEM, "ada@clinic.example", Role.CLINICIAN, sealed=sealed, person_id=doctor.id
    )


@pytest.fixture
async def admin(unit_of_work: UnitOfWork, sealed: str) -> Account:
    return await unit_of_work.run(_store, SYSTEM, "root@clinic.example", Role.ADMIN, sealed=sealed)


@pytest.fixture
async def integration(unit_of_work: UnitOfWork) -> BackendClient:
    """Registered for summaries and appointments."""
    client = BackendClient(AUDIENCE)
    added = await unit_of_work.run(
        service.add_integration,
        SYSTEM,
        name="Analytics",
        scopes={Scope.SUMMARIES_READ, Scope.FHIR_APPOINTMENT},
        jwks=public_keys(jwks_of(client.key)),
    )
    client.client_id = str(added.id)
    return client


@pytest.fixture
def audit(unit_of_work: UnitOfWork) -> Audit:
    """What the audit log holds: (action, entity, outcome), in order, without the arranging."""

    async def rows(unit: Unit) -> list[tuple[str, str, str]]:
        found = await unit.session.scalars(select(AuditRow).where(AuditRow.role != Role.SYSTEM).order_by("position"))
        return [(row.action, row.entity, row.outcome) for row in found]

    return lambda: unit_of_work.run(rows)
