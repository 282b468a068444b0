"""Tokens and grants of integrations on a real PostgreSQL."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from uuid import UUID

import pytest

from telehealth.access import queries, service, tokens
from telehealth.access.authentication import StoredCredentials
from telehealth.access.rules import EVERYONE, Account, DataKind, Grant, NoGrant, Patients, UnfitGrant
from telehealth.access.service import Issued, NotIssued
from telehealth.core.actors import SYSTEM, Actor, Purpose, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.core.ids import AccountId, GrantId, IntegrationId, PatientId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people.service import register_patient
from tests.access.conftest import AUDIENCE, Audit
from tests.kit.integrations import BackendClient

Give = Callable[..., Awaitable[Grant]]


async def ask(unit_of_work: UnitOfWork, form: dict[str, str]) -> Issued | NotIssued:
    known = {name: form.get(name) for name in ("grant_type", "scope", "client_assertion_type", "client_assertion")}
    return await tokens.answer(unit_of_work, tokens.Asked(**known), audience=AUDIENCE)


def actor_of(client: BackendClient) -> Actor:
    return Actor(UUID(client.client_id), Role.INTEGRATION, frozenset({Scope.SUMMARIES_READ}))


async def test_a_token_carries_what_was_asked_and_allowed_for_five_minutes(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient, audit: Audit
) -> None:
    wanted = "summaries.read system/Appointment.read system/Encounter.rs visits.host"
    issued = await ask(unit_of_work, integration.form(clock.now(), wanted))
    assert isinstance(issued, Issued)
    assert (issued.scope, issued.seconds) == ("summaries.read system/Appointment.read", 300)
    credentials = StoredCredentials(unit_of_work)
    found = await credentials.bearer(issued.secret)
    assert found == Actor(
        UUID(integration.client_id),
        Role.INTEGRATION,
        frozenset({Scope.SUMMARIES_READ, Scope.FHIR_APPOINTMENT}),
    )
    assert await credentials.session(issued.secret) is None
    assert await audit() == [("execute", "token", "ok")]
    clock.advance(timedelta(seconds=300))
    assert await credentials.bearer(issued.secret) is None


async def test_one_assertion_gets_one_token_also_in_a_race(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient, audit: Audit
) -> None:
    for _ in range(5):
        form = integration.form(clock.now())
        answers = await asyncio.gather(*(ask(unit_of_work, form) for _ in range(8)))
        assert sum(isinstance(each, Issued) for each in answers) == 1
    assert await ask(unit_of_work, form) == NotIssued("invalid_client", "the assertion has been used before")
    rows = await audit()
    assert rows.count(("execute", "token", "ok")) == 5
    assert rows.count(("execute", "token", "invalid_client")) == 36


async def test_an_assertion_is_used_up_even_when_its_scope_is_refused(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient
) -> None:
    form = integration.form(clock.now(), "system/Encounter.rs")
    assert await ask(unit_of_work, form) == NotIssued("invalid_scope", "none of the scopes is allowed")
    again = await ask(unit_of_work, form | {"scope": "summaries.read"})
    assert again == NotIssued("invalid_client", "the assertion has been used before")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"grant_type": ""}, "unsupported_grant_type"),
        ({"grant_type": "authorization_code"}, "unsupported_grant_type"),
        ({"client_assertion_type": "jwt"}, "invalid_request"),
        ({"client_assertion": "a.b.c"}, "invalid_client"),
        ({"scope": ""}, "invalid_scope"),
    ],
)
async def test_refusals_use_the_words_of_oauth(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient, *, changed: dict[str, str], error: str
) -> None:
    answer = await ask(unit_of_work, integration.form(clock.now()) | changed)
    assert isinstance(answer, NotIssued)
    assert answer.error == error


async def test_strangers_and_the_disabled_get_nothing(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient
) -> None:
    issued = await ask(unit_of_work, integration.form(clock.now()))
    assert isinstance(issued, Issued)
    form = integration.form(clock.now())
    await unit_of_work.run(service.disable_integration, SYSTEM, IntegrationId(UUID(integration.client_id)))
    assert await ask(unit_of_work, form) == NotIssued("invalid_client", "the client is not known")
    assert await StoredCredentials(unit_of_work).bearer(issued.secret) is None
    integration.client_id = str(UUID(int=5))
    assert await ask(unit_of_work, integration.form(clock.now())) == NotIssued(
        "invalid_client", "the client is not known"
    )


async def test_no_integration_is_given_the_scopes_of_staff(unit_of_work: UnitOfWork) -> None:
    for scopes in ({Scope.VISITS_HOST}, {Scope.SUMMARIES_READ, Scope.SELF}, set[Scope]()):
        with pytest.raises(NotAllowed):
            await unit_of_work.run(service.add_integration, SYSTEM, name="Greedy", scopes=scopes, jwks={"keys": []})


async def new_patient(unit_of_work: UnitOfWork) -> PatientId:
    born = date(1961, 4, 12)
    return (await unit_of_work.run(register_patient, SYSTEM, given="Ana", family="Lima", birth_date=born)).id


@pytest.fixture
def give(unit_of_work: UnitOfWork, clock: FixedClock, admin: Account, integration: BackendClient) -> Give:
    async def given(kind: DataKind, patients: Patients, purpose: Purpose = Purpose.TREATMENT) -> Grant:
        return await unit_of_work.run(
            service.grant,
            Actor(admin.id, Role.ADMIN),
            integration_id=IntegrationId(UUID(integration.client_id)),
            purpose=purpose,
            data_kinds={kind},
            patients=patients,
            valid_until=clock.now() + timedelta(hours=1),
        )

    return given


async def test_a_grant_opens_one_kind_of_data_of_some_patients_for_a_while(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient, give: Give
) -> None:
    actor, ana, bo = actor_of(integration), await new_patient(unit_of_work), await new_patient(unit_of_work)
    with pytest.raises(NoGrant):
        await unit_of_work.run(queries.patients_granted, actor, "summaries")
    await give(DataKind.SUMMARIES, frozenset({ana}))
    second = await give(DataKind.SUMMARIES, frozenset({bo}), Purpose.RESEARCH)
    assert await unit_of_work.run(queries.patients_granted, actor, "summaries") == frozenset({ana, bo})
    found = await unit_of_work.run(queries.data_granted, actor, "summaries")
    assert (found.purpose(ana), found.purpose(bo)) == (Purpose.TREATMENT, Purpose.RESEARCH)
    with pytest.raises(NoGrant):
        await unit_of_work.run(queries.patients_granted, actor, "documents")
    await unit_of_work.run(service.revoke_grant, SYSTEM, second.id)
    assert await unit_of_work.run(queries.patients_granted, actor, "summaries") == frozenset({ana})
    await give(DataKind.SUMMARIES, EVERYONE)
    assert await unit_of_work.run(queries.patients_granted, actor, "summaries") is EVERYONE
    clock.advance(timedelta(hours=1))
    with pytest.raises(NoGrant):
        await unit_of_work.run(queries.patients_granted, actor, "summaries")


async def test_a_grant_is_for_one_integration_and_no_person(
    unit_of_work: UnitOfWork, admin: Account, give: Give
) -> None:
    await give(DataKind.SUMMARIES, EVERYONE)
    for actor in (Actor(UUID(int=5), Role.INTEGRATION), Actor(admin.id, Role.ADMIN), SYSTEM):
        with pytest.raises(NoGrant):
            await unit_of_work.run(queries.patients_granted, actor, "summaries")


async def test_a_grant_is_given_by_a_named_admin(
    unit_of_work: UnitOfWork, clock: FixedClock, integration: BackendClient, *, admin: Account, account: Account
) -> None:
    async def give_as(actor: Actor, approved_by: AccountId | None = None, hours: int = 1) -> Grant:
        return await unit_of_work.run(
            service.grant,
            actor,
            integration_id=IntegrationId(UUID(integration.client_id)),
            purpose=Purpose.TREATMENT,
            data_kinds={DataKind.SUMMARIES},
            patients=EVERYONE,
            valid_until=clock.now() + timedelta(hours=hours),
            approved_by=approved_by,
        )

    for actor in (SYSTEM, Actor(account.id, Role.CLINICIAN), Actor(UUID(int=5), Role.ADMIN)):
        with pytest.raises(NotAllowed):
            await give_as(actor)
    with pytest.raises(NotAllowed):
        await give_as(Actor(account.id, Role.CLINICIAN), admin.id)
    with pytest.raises(UnfitGrant):
        await give_as(SYSTEM, admin.id, hours=0)
    seeded = await give_as(SYSTEM, admin.id)
    assert seeded.approved_by == admin.id
    assert await unit_of_work.run(queries.grants) == [seeded]


async def test_grants_of_what_is_not_there(unit_of_work: UnitOfWork, admin: Account, give: Give) -> None:
    with pytest.raises(NotFound):
        await give(DataKind.SUMMARIES, frozenset({PatientId(UUID(int=5))}))
    with pytest.raises(NotFound):
        await unit_of_work.run(service.revoke_grant, Actor(admin.id, Role.ADMIN), GrantId(UUID(int=5)))


async def test_audit_rows_carry_the_purpose_of_the_grant(unit_of_work: UnitOfWork) -> None:
    async def purposes(unit: Unit) -> tuple[Purpose, bool]:
        acting = queries.acting_for(unit, Purpose.RESEARCH)
        return acting.actor.purpose, acting.session is unit.session and acting.events is unit.events

    assert await unit_of_work.run(purposes) == (Purpose.RESEARCH, True)
