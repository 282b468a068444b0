"""Accounts, sessions, integrations, tokens and grants: one transaction each."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects.postgresql import insert

from telehealth.access.models import (
    AccessTokenRow,
    AccountRow,
    GrantedPatientRow,
    GrantRow,
    IntegrationRow,
    SessionRow,
    SignInTryRow,
    UsedAssertionRow,
)
from telehealth.access.passwords import seal_password
from telehealth.access.queries import to_account, to_grant, to_integration
from telehealth.access.rules import (
    EVERYONE,
    SCOPES,
    SIGN_IN,
    STAFF_SESSION,
    TOKEN_LIFE,
    TRIES_KEPT,
    Account,
    DataKind,
    Everyone,
    Grant,
    Integration,
    Opened,
    Patients,
    UnfitGrant,
    UnfitPassword,
    asked_scopes,
    digest,
    grant_fault,
    new_secret,
    normal_email,
    password_fault,
    wait_after,
)
from telehealth.core.actors import Purpose, Role, Scope
from telehealth.core.errors import NotAllowed, NotFound
from telehealth.core.ids import AccountId, GrantId, IntegrationId
from telehealth.db.unit import Unit

# Accounts


async def create_account(
    unit: Unit, *, email: str, password: str, role: Role, person_id: UUID | None = None
) -> Account:
    """An account for staff; a clinician's names the clinician. Raises UnfitPassword, EmailTaken, ValueError."""
    if role not in SIGN_IN or (role is Role.CLINICIAN) != (person_id is not None):
        raise ValueError("a clinician's account names the clinician, and only staff have accounts")
    row = AccountRow(
        id=unit.new_id(),
        email=normal_email(email),
        password=await _sealed(password, email),
        role=role,
        person_id=person_id,
        created_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "account", row.id)
    return to_account(row)


async def set_password(unit: Unit, account_id: AccountId, password: str) -> None:
    """A new password; every session of the account ends. Raises NotFound, UnfitPassword."""
    row = await unit.session.get(AccountRow, account_id)
    if row is None:
        raise NotFound
    row.password = await _sealed(password, row.email)
    await _end_sessions(unit, SessionRow.account_id == account_id)
    await unit.session.execute(delete(SignInTryRow).where(SignInTryRow.address == digest(row.email)))
    unit.audit("update", "account", account_id)


async def disable_account(unit: Unit, account_id: AccountId) -> None:
    """Nobody signs in with it any more; every session of it ends. Raises NotFound."""
    row = await unit.session.get(AccountRow, account_id)
    if row is None:
        raise NotFound
    row.disabled_at = unit.now
    await _end_sessions(unit, SessionRow.account_id == account_id)
    unit.audit("update", "account", account_id, outcome="disabled")


async def _sealed(password: str, email: str) -> str:
    fault = password_fault(password, email=email)
    if fault is not None:
        raise UnfitPassword(fault)
    return await seal_password(password)


# Signing in: a try is counted before the password is looked at, so that many at once count too.
# authentication.sign_in goes through both steps with the slow comparison between them, outside any transaction.


@dataclass(frozen=True, slots=True)
class Try:
    """What one try to sign in is compared with; nothing when there is no such account."""

    account_id: AccountId | None
    stored: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """No try now."""

    seconds: int


async def begin_sign_in(unit: Unit, email: str) -> Try | Wait:
    """Count a try for this address, and look up what it has to match."""
    address = normal_email(email)
    account = await unit.session.scalar(
        select(AccountRow).where(AccountRow.email == address, AccountRow.disabled_at.is_(None))
    )
    account_id = AccountId(account.id) if account else None
    waiting = await _count_try(unit, digest(address))
    if waiting is not None:
        unit.audit("execute", "sign-in", account_id, outcome="too-many-tries")
        return waiting
    return Try(account_id, account.password if account else None)


async def _count_try(unit: Unit, address: bytes) -> Wait | None:
    first = {"address": address, "tries": 0, "last_at": unit.now, "wait_until": unit.now}
    await unit.session.execute(insert(SignInTryRow).values(first).on_conflict_do_nothing())
    row = await unit.session.get_one(SignInTryRow, address, with_for_update=True)
    if row.wait_until > unit.now:
        return Wait(max(1, round((row.wait_until - unit.now).total_seconds())))
    row.tries = 1 if unit.now - row.last_at > TRIES_KEPT else row.tries + 1
    row.last_at, row.wait_until = unit.now, unit.now + wait_after(row.tries)
    return None


async def refuse_sign_in(unit: Unit, account_id: AccountId | None) -> None:
    """Leave the trace of a wrong password or an unknown address; the address itself is not in it."""
    unit.audit("execute", "sign-in", account_id, outcome="wrong-credentials")


async def open_staff_session(
    unit: Unit, account_id: AccountId, *, compared: str, replaces: str | None = None, resealed: str | None = None
) -> Opened | None:
    """The password was right: a new session. The one the browser held before ends (no session fixation).

    `compared` is the stored form it matched, `resealed` its form of today when that was outdated. None when the
    account was disabled or got another password while this one was looked at.
    """
    account = await unit.session.get(AccountRow, account_id, with_for_update=True)
    if account is None or account.disabled_at is not None or account.password != compared:
        return None
    if resealed is not None:
        account.password = resealed
    if replaces is not None:
        await _end_sessions(unit, SessionRow.secret == digest(replaces))
    await unit.session.execute(delete(SignInTryRow).where(SignInTryRow.address == digest(account.email)))
    secret = new_secret()
    session = SessionRow(
        id=unit.new_id(),
        secret=digest(secret),
        account_id=account.id,
        person_id=account.person_id,
        opened_at=unit.now,
        ends_at=unit.now + STAFF_SESSION,
    )
    unit.session.add(session)
    unit.audit("execute", "sign-in", account.id)
    return Opened(secret, int(STAFF_SESSION.total_seconds()))


async def sign_out(unit: Unit, secret: str) -> None:
    """End the session of this secret; an unknown one is as good as ended."""
    ended = await unit.session.execute(
        delete(SessionRow).where(SessionRow.secret == digest(secret)).returning(SessionRow.account_id)
    )
    for account_id in ended.scalars():
        unit.audit("execute", "sign-out", account_id)


async def _end_sessions(unit: Unit, which: ColumnElement[bool]) -> None:
    await unit.session.execute(delete(SessionRow).where(which))


# Integrations and their tokens


async def add_integration(unit: Unit, *, name: str, scopes: Iterable[Scope], jwks: dict[str, Any]) -> Integration:
    """A client of SMART Backend Services. `jwks` are its public keys, as `tokens.public_keys` has checked them.

    Raises NotAllowed for scopes no integration may have.
    """
    asked = frozenset(scopes)
    if not asked or not asked <= SCOPES[Role.INTEGRATION]:
        raise NotAllowed
    row = IntegrationRow(
        id=unit.new_id(),
        name=name,
        scopes=sorted(asked),
        jwks=jwks,
        added_by=unit.actor.id,
        added_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    unit.audit("create", "integration", row.id)
    return to_integration(row)


async def disable_integration(unit: Unit, integration_id: IntegrationId) -> None:
    """No token of it works from now on. Raises NotFound."""
    row = await unit.session.get(IntegrationRow, integration_id)
    if row is None:
        raise NotFound
    row.disabled_at = unit.now
    await unit.session.execute(delete(AccessTokenRow).where(AccessTokenRow.integration_id == integration_id))
    unit.audit("update", "integration", integration_id, outcome="disabled")


@dataclass(frozen=True, slots=True)
class Issued:
    """An access token and the scopes it has, as the client spelled them."""

    secret: str
    scope: str
    seconds: int


@dataclass(frozen=True, slots=True)
class NotIssued:
    """`error` and `description` are those of RFC 6749, section 5.2."""

    error: str
    description: str


async def issue_token(
    unit: Unit, *, integration_id: IntegrationId, jti: str, assertion_ends_at: datetime, scope: str
) -> Issued | NotIssued:
    """A token for an assertion whose signature has been checked; the same `jti` never gets a second one.

    Answers instead of raising: the `jti` stays used and the audit row stays written when there is no token.
    """
    integration = await unit.session.get(IntegrationRow, integration_id)
    if integration is None or integration.disabled_at is not None:
        return await refuse_token(unit, None, NotIssued("invalid_client", "the client is not known"))
    if not await _first_use(unit, integration_id, jti, assertion_ends_at):
        return await refuse_token(
            unit, integration_id, NotIssued("invalid_client", "the assertion has been used before")
        )
    allowed = {asked: each for asked, each in asked_scopes(scope).items() if each in integration.scopes}
    if not allowed:
        return await refuse_token(unit, integration_id, NotIssued("invalid_scope", "none of the scopes is allowed"))
    secret = new_secret()
    unit.session.add(
        AccessTokenRow(
            id=unit.new_id(),
            secret=digest(secret),
            integration_id=integration_id,
            scopes=sorted(set(allowed.values())),
            issued_at=unit.now,
            ends_at=unit.now + TOKEN_LIFE,
        )
    )
    unit.audit("execute", "token", integration_id)
    return Issued(secret, " ".join(allowed), int(TOKEN_LIFE.total_seconds()))


async def refuse_token(unit: Unit, integration_id: IntegrationId | None, refusal: NotIssued) -> NotIssued:
    """Leave the trace of a token that was not given."""
    unit.audit("execute", "token", integration_id, outcome=refusal.error)
    return refusal


async def _first_use(unit: Unit, integration_id: IntegrationId, jti: str, ends_at: datetime) -> bool:
    """Two at once: the second waits for the first's commit here, and finds the row."""
    row = {"integration_id": integration_id, "jti": digest(jti), "ends_at": ends_at}
    taken = await unit.session.execute(
        insert(UsedAssertionRow).values(row).on_conflict_do_nothing().returning(UsedAssertionRow.jti)
    )
    return taken.first() is not None


# Grants


async def grant(
    unit: Unit,
    *,
    integration_id: IntegrationId,
    purpose: Purpose,
    data_kinds: Collection[DataKind],
    patients: Patients,
    valid_until: datetime,
    valid_from: datetime | None = None,
    approved_by: AccountId | None = None,
) -> Grant:
    """Let an integration use data, on the authority of a named admin: whoever asks, or `approved_by` when seeding.

    Raises NotAllowed when that is no admin, NotFound for an unknown integration or patient, UnfitGrant.
    """
    begins = max(valid_from or unit.now, unit.now)
    fault = grant_fault(data_kinds, patients, begins, valid_until)
    if fault is not None:
        raise UnfitGrant(fault)
    if await unit.session.get(IntegrationRow, integration_id) is None:
        raise NotFound
    row = GrantRow(
        id=unit.new_id(),
        integration_id=integration_id,
        purpose=purpose,
        data_kinds=sorted(data_kinds),
        everyone=patients is EVERYONE,
        valid_from=begins,
        valid_until=valid_until,
        approved_by=await _approver(unit, approved_by),
        approved_at=unit.now,
    )
    unit.session.add(row)
    await unit.session.flush()
    if not isinstance(patients, Everyone):
        named = [{"grant_id": row.id, "patient_id": each} for each in patients]
        await unit.session.execute(insert(GrantedPatientRow).values(named))
    unit.audit("create", "grant", row.id)
    return to_grant(row, patients)


async def _approver(unit: Unit, named: AccountId | None) -> AccountId:
    approver = named if unit.actor.role is Role.SYSTEM else unit.actor.id
    account = await unit.session.get(AccountRow, approver) if approver else None
    if account is None or account.role != Role.ADMIN or account.disabled_at is not None:
        raise NotAllowed
    return AccountId(account.id)


async def revoke_grant(unit: Unit, grant_id: GrantId) -> None:
    """It holds no longer, from the next read on. Raises NotFound; revoking twice changes nothing."""
    row = await unit.session.get(GrantRow, grant_id, with_for_update=True)
    if row is None:
        raise NotFound
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = unit.now, unit.actor.id
        unit.audit("update", "grant", grant_id, outcome="revoked")


# Forgetting


async def forget_ended(unit: Unit) -> int:
    """Remove what is over and means nothing any more: sessions, tokens, used assertions, tries of yesterday."""
    removed = 0
    for statement in (
        delete(SessionRow).where(SessionRow.ends_at <= unit.now),
        delete(AccessTokenRow).where(AccessTokenRow.ends_at <= unit.now),
        delete(UsedAssertionRow).where(UsedAssertionRow.ends_at <= unit.now),
        delete(SignInTryRow).where(SignInTryRow.last_at <= unit.now - TRIES_KEPT),
    ):
        removed += len((await unit.session.execute(statement.returning(1))).all())
    return removed
