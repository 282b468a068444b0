"""Reading who is signed in, which integrations there are, and what they have been granted."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Select, bindparam, exists, select
from sqlalchemy.orm import aliased

from telehealth.access.models import (
    AccessTokenRow,
    AccountRow,
    GrantedPatientRow,
    GrantRow,
    IntegrationRow,
    SessionRow,
)
from telehealth.access.rules import (
    EVERYONE,
    SCOPES,
    Account,
    DataKind,
    Grant,
    Granted,
    Integration,
    NoGrant,
    Patients,
    digest,
    granted,
    normal_email,
)
from telehealth.core.actors import Actor, Purpose, Role, Scope
from telehealth.core.errors import NotFound
from telehealth.core.ids import AccountId, ClinicianId, GrantId, IntegrationId, PatientId
from telehealth.db.unit import Unit
from telehealth.people.queries import clinician, clinicians

LONGEST_LIST = 100


def _sessions() -> Select[SessionRow, str, bool]:
    other, now = aliased(SessionRow), bindparam("now", type_=SessionRow.ends_at.type)
    elsewhere = exists().where(
        other.participant_id == SessionRow.participant_id,
        other.opened_at > SessionRow.opened_at,
        other.ends_at > now,
    )
    return (
        select(SessionRow, AccountRow.role, elsewhere)
        .outerjoin(AccountRow, AccountRow.id == SessionRow.account_id)
        .where(
            SessionRow.secret.in_(bindparam("secrets", expanding=True)),
            SessionRow.ends_at > now,
            AccountRow.disabled_at.is_(None),
        )
    )


_SESSIONS = _sessions()  # asked with every request: putting it together takes longer than the answer


async def session_actor(unit: Unit, secret: str) -> Actor | None:
    """Whoever holds this session now."""
    return (await session_actors(unit, [secret])).get(secret)


async def session_actors(unit: Unit, secrets: Collection[str]) -> dict[str, Actor]:
    """Whoever holds these sessions now, by secret; one lookup by a unique index, nothing written."""
    digests = {digest(secret): secret for secret in secrets}
    found = await unit.session.execute(_SESSIONS, {"secrets": list(digests), "now": unit.now})
    return {
        digests[row.secret]: _guest(row, elsewhere=newer) if row.account_id is None else _staff(row, Role(role))
        for row, role, newer in found
    }


def _staff(row: SessionRow, role: Role) -> Actor:
    return Actor(row.account_id, role, SCOPES.get(role, frozenset()), person_id=row.person_id)


def _guest(row: SessionRow, *, elsewhere: bool) -> Actor:
    role = Role.GUEST if row.person_id is None else Role.PATIENT
    return Actor(
        row.participant_id,
        role,
        SCOPES[role],
        person_id=row.person_id,
        visit_id=row.visit_id,
        elsewhere=elsewhere,
    )


async def token_actors(unit: Unit, secrets: Collection[str]) -> dict[str, Actor]:
    """The integrations that hold these tokens now, by secret; scopes taken from one since then are gone from the token
    too.
    """
    digests = {digest(secret): secret for secret in secrets}
    found = await unit.session.execute(
        select(AccessTokenRow.secret, AccessTokenRow.integration_id, AccessTokenRow.scopes, IntegrationRow.scopes)
        .join(IntegrationRow, IntegrationRow.id == AccessTokenRow.integration_id)
        .where(
            AccessTokenRow.secret.in_(digests),
            AccessTokenRow.ends_at > unit.now,
            IntegrationRow.disabled_at.is_(None),
        )
    )
    return {
        digests[secret]: Actor(
            integration_id,
            Role.INTEGRATION,
            frozenset(map(Scope, set(issued) & set(present))) & SCOPES[Role.INTEGRATION],
        )
        for secret, integration_id, issued, present in found
    }


async def own_account(unit: Unit) -> tuple[Account, str]:
    """The account of whoever asks, and what to call them. Raises NotFound for actors without one."""
    row = await unit.session.get(AccountRow, unit.actor.id) if unit.actor.id else None
    if row is None:
        raise NotFound
    if row.person_id is None:
        return to_account(row), row.email
    return to_account(row), (await clinician(unit, ClinicianId(row.person_id))).name


async def staff(unit: Unit, role: Role) -> list[Account]:
    """Everyone of that role who can sign in, first made first."""
    query = select(AccountRow).where(AccountRow.role == role, AccountRow.disabled_at.is_(None)).order_by(AccountRow.id)
    return [to_account(row) for row in await unit.session.scalars(query)]


async def account_names(unit: Unit, account_ids: Collection[UUID]) -> dict[UUID, str]:
    """What to call these members of staff, disabled ones too; without those who never were."""
    rows = list(await unit.session.scalars(select(AccountRow).where(AccountRow.id.in_(account_ids))))
    names = {each.id: each.name for each in await clinicians(unit)} if any(row.person_id for row in rows) else {}
    return {row.id: row.email if row.person_id is None else names[ClinicianId(row.person_id)] for row in rows}


async def account_of(unit: Unit, email: str) -> Account:
    """The account that signs in with this address, a disabled one too. Raises NotFound."""
    row = await unit.session.scalar(select(AccountRow).where(AccountRow.email == normal_email(email)))
    if row is None:
        raise NotFound
    return to_account(row)


async def integration_keys(unit: Unit, integration_id: UUID) -> dict[str, Any] | None:
    """The JWK Set an integration signs its assertions with; None when it is unknown or switched off."""
    return await unit.session.scalar(
        select(IntegrationRow.jwks).where(IntegrationRow.id == integration_id, IntegrationRow.disabled_at.is_(None))
    )


async def integrations(unit: Unit, *, after: UUID | None = None, limit: int = LONGEST_LIST) -> list[Integration]:
    """By id, which is by age."""
    query = select(IntegrationRow).order_by(IntegrationRow.id).limit(limit)
    rows = await unit.session.scalars(query if after is None else query.where(IntegrationRow.id > after))
    return [to_integration(row) for row in rows]


async def grants(
    unit: Unit, *, integration_id: UUID | None = None, after: UUID | None = None, limit: int = LONGEST_LIST
) -> list[Grant]:
    """By id, which is by age; the ended and revoked ones too."""
    query = select(GrantRow).order_by(GrantRow.id).limit(limit)
    if integration_id is not None:
        query = query.where(GrantRow.integration_id == integration_id)
    if after is not None:
        query = query.where(GrantRow.id > after)
    return await _with_patients(unit, (await unit.session.scalars(query)).all())


async def data_granted(unit: Unit, data_kind: str) -> Granted:
    """What the integration that asks may use of this kind now: "summaries", "appointments", "encounters", "documents",
    "tasks", "answers", "alerts".

    Raises NoGrant when nothing, and for every actor that is not an integration.
    """
    if unit.actor.role is not Role.INTEGRATION:
        raise NoGrant
    rows = await unit.session.scalars(
        select(GrantRow).where(
            GrantRow.integration_id == unit.actor.id, GrantRow.valid_until > unit.now, GrantRow.revoked_at.is_(None)
        )
    )
    return granted(await _with_patients(unit, rows.all()), data_kind, unit.now)


async def patients_granted(unit: Unit, data_kind: str) -> Patients:
    """Whose data of this kind the integration that asks may use now: EVERYONE or a set. Raises NoGrant."""
    return (await data_granted(unit, data_kind)).patients


def acting_for(unit: Unit, purpose: Purpose) -> Unit:
    """The same transaction, whose audit rows carry the purpose of a grant instead of the operation's."""
    return replace(unit, actor=replace(unit.actor, purpose=purpose))


async def _with_patients(unit: Unit, rows: Sequence[GrantRow]) -> list[Grant]:
    named: dict[UUID, set[PatientId]] = {row.id: set() for row in rows}
    found = await unit.session.execute(
        select(GrantedPatientRow.grant_id, GrantedPatientRow.patient_id).where(GrantedPatientRow.grant_id.in_(named))
    )
    for grant_id, patient_id in found:
        named[grant_id].add(PatientId(patient_id))
    return [to_grant(row, EVERYONE if row.everyone else frozenset(named[row.id])) for row in rows]


def to_account(row: AccountRow) -> Account:
    return Account(AccountId(row.id), row.email, Role(row.role), row.person_id)


def to_integration(row: IntegrationRow) -> Integration:
    return Integration(
        id=IntegrationId(row.id),
        name=row.name,
        scopes=frozenset(map(Scope, row.scopes)),
        added_at=row.added_at,
        disabled_at=row.disabled_at,
    )


def to_grant(row: GrantRow, patients: Patients) -> Grant:
    return Grant(
        id=GrantId(row.id),
        integration_id=IntegrationId(row.integration_id),
        purpose=Purpose(row.purpose),
        data_kinds=frozenset(map(DataKind, row.data_kinds)),
        patients=patients,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        approved_by=AccountId(row.approved_by),
        revoked_at=row.revoked_at,
    )
