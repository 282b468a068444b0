"""Signing in and out, sessions of staff and of guests, on a real PostgreSQL."""

import asyncio
import time
from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from sqlalchemy import func, select, text, update

from telehealth.access import guests, service
from telehealth.access.authentication import StoredCredentials, sign_in
from telehealth.access.models import AccountRow, SessionRow, SignInTryRow
from telehealth.access.passwords import MOST_WAITING, NOBODYS, Threads, outdated
from telehealth.access.rules import (
    FREE_TRIES,
    SCOPES,
    Account,
    EmailTaken,
    Opened,
    TooManyTries,
    UnfitPassword,
    WrongCredentials,
)
from telehealth.core.actors import ANONYMOUS, SYSTEM, Actor, Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import AccountId, ParticipantId, VisitId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.people.rules import Clinician
from tests.access.conftest import PASSWORD, Audit, stored_password

EMAIL = "ada@clinic.example"
WRONG = "a long and noisy evening"


async def try_once(unit_of_work: UnitOfWork, email: str = EMAIL, password: str = WRONG) -> type | None:
    try:
        await sign_in(unit_of_work, email=email, password=password)
    except (WrongCredentials, TooManyTries) as refusal:
        return type(refusal)
    return None


async def open_one(unit_of_work: UnitOfWork, account: Account, replaces: str | None = None) -> Opened:
    """A session without the password: for tests of what comes after."""
    compared = await unit_of_work.run(stored_password, SYSTEM, account.id)
    opened = await unit_of_work.run(
        service.open_staff_session, SYSTEM, account.id, compared=compared, replaces=replaces
    )
    assert opened is not None
    return opened


async def test_a_session_stands_for_the_clinician_until_it_ends(
    unit_of_work: UnitOfWork, clock: FixedClock, account: Account, doctor: Clinician
) -> None:
    opened = await sign_in(unit_of_work, email=" ADA@clinic.example", password=PASSWORD)
    credentials = StoredCredentials(unit_of_work)
    known = Actor(account.id, Role.CLINICIAN, SCOPES[Role.CLINICIAN], person_id=doctor.id)
    assert await credentials.session(opened.secret) == known
    assert await credentials.bearer(opened.secret) is None
    assert await credentials.session(opened.secret + "x") is None
    clock.advance(timedelta(seconds=opened.max_age))
    assert await credentials.session(opened.secret) is None


async def test_a_secret_is_nowhere_in_the_database(unit_of_work: UnitOfWork, account: Account) -> None:
    opened = await sign_in(unit_of_work, email=EMAIL, password=PASSWORD)

    async def everything(unit: Unit) -> str:
        tables = ("account", "session", "sign_in_try", "audit_event")
        rows = [await unit.session.execute(text(f"SELECT t::text FROM {table} t")) for table in tables]  # noqa: S608
        return "\n".join(line for found in rows for line in found.scalars())

    stored = await unit_of_work.run(everything)
    assert "$argon2id$" in stored
    assert opened.secret not in stored
    assert PASSWORD not in stored


async def test_signing_out_and_signing_in_anew_end_the_session(unit_of_work: UnitOfWork, account: Account) -> None:
    first = await open_one(unit_of_work, account)
    second = await open_one(unit_of_work, account, replaces=first.secret)
    credentials = StoredCredentials(unit_of_work)
    assert await credentials.session(first.secret) is None
    assert await credentials.session(second.secret) is not None
    await unit_of_work.run(service.sign_out, SYSTEM, second.secret)
    await unit_of_work.run(service.sign_out, SYSTEM, second.secret)
    assert await credentials.session(second.secret) is None


async def test_refusals_leave_a_trace_without_the_email(
    unit_of_work: UnitOfWork, account: Account, audit: Audit
) -> None:
    assert await try_once(unit_of_work) is WrongCredentials
    assert await try_once(unit_of_work, "nobody@clinic.example") is WrongCredentials
    assert await try_once(unit_of_work, password=PASSWORD) is None
    assert await audit() == [
        ("execute", "sign-in", "wrong-credentials"),
        ("execute", "sign-in", "wrong-credentials"),
        ("execute", "sign-in", "ok"),
    ]


async def guess(unit_of_work: UnitOfWork, email: str = EMAIL) -> int:
    """The seconds to wait before the password is even looked at; 0 when it is looked at now."""
    begun = await unit_of_work.run(service.begin_sign_in, ANONYMOUS, email)
    return begun.seconds if isinstance(begun, service.Wait) else 0


@pytest.mark.parametrize("email", [EMAIL, "nobody@clinic.example"])
async def test_known_and_unknown_addresses_wait_alike(
    unit_of_work: UnitOfWork, clock: FixedClock, account: Account, email: str
) -> None:
    assert [await guess(unit_of_work, email) for _ in range(FREE_TRIES + 1)] == [0] * FREE_TRIES + [60]
    clock.advance(timedelta(seconds=60))
    assert [await guess(unit_of_work, email) for _ in range(2)] == [0, 120]
    clock.advance(timedelta(seconds=119))
    assert await guess(unit_of_work, email) == 1
    clock.advance(timedelta(days=2))
    assert [await guess(unit_of_work, email) for _ in range(FREE_TRIES + 1)] == [0] * FREE_TRIES + [60]


async def test_while_waiting_the_right_password_is_refused_too(
    unit_of_work: UnitOfWork, account: Account, audit: Audit
) -> None:
    for _ in range(FREE_TRIES):
        await guess(unit_of_work)
    with pytest.raises(TooManyTries) as refused:
        await sign_in(unit_of_work, email=EMAIL, password=PASSWORD)
    assert refused.value.extras == {"retry_after": 60}
    assert await audit() == [("execute", "sign-in", "too-many-tries")]


async def test_many_guesses_at_once_count_as_many(unit_of_work: UnitOfWork, account: Account) -> None:
    waits = await asyncio.gather(*(guess(unit_of_work) for _ in range(20)))
    assert sorted(waits) == [0] * FREE_TRIES + [60] * (20 - FREE_TRIES)


async def test_success_forgets_the_wrong_tries(unit_of_work: UnitOfWork, account: Account) -> None:
    for _ in range(3):
        for _ in range(FREE_TRIES - 1):
            assert await guess(unit_of_work) == 0
        await open_one(unit_of_work, account)
    assert await guess(unit_of_work) == 0


def test_an_unknown_account_costs_as_much_as_a_known_one() -> None:
    assert not outdated(NOBODYS)


async def test_a_flood_of_passwords_is_turned_away_at_the_door() -> None:
    full = Threads()
    slow = [asyncio.create_task(full.run(time.sleep, 0.01)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyTries):
        await full.run(time.sleep, 0)
    await asyncio.gather(*slow)
    await full.run(time.sleep, 0)


async def test_hashing_does_not_hold_up_the_loop(unit_of_work: UnitOfWork, account: Account) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await asyncio.gather(*(try_once(unit_of_work) for _ in range(2)))
    ticking.cancel()
    assert ticks > 20


async def test_a_weaker_hash_is_renewed_when_the_password_is_right(unit_of_work: UnitOfWork, account: Account) -> None:
    weak = PasswordHasher(time_cost=1, memory_cost=1024).hash(PASSWORD)

    async def weaken(unit: Unit) -> None:
        await unit.session.execute(update(AccountRow).values(password=weak))

    async def stored(unit: Unit) -> str:
        return (await unit.session.scalars(select(AccountRow.password))).one()

    await unit_of_work.run(weaken)
    assert await try_once(unit_of_work) is WrongCredentials
    assert await unit_of_work.run(stored) == weak
    assert await try_once(unit_of_work, password=PASSWORD) is None
    assert await unit_of_work.run(stored) != weak
    assert await try_once(unit_of_work, password=PASSWORD) is None


async def test_a_new_password_and_a_disabled_account_end_every_session(
    unit_of_work: UnitOfWork, account: Account
) -> None:
    credentials = StoredCredentials(unit_of_work)
    opened = [await open_one(unit_of_work, account) for _ in range(2)]
    await unit_of_work.run(service.set_password, SYSTEM, account.id, "another long evening")
    assert [await credentials.session(each.secret) for each in opened] == [None, None]
    assert await try_once(unit_of_work, password=PASSWORD) is WrongCredentials
    renewed = await sign_in(unit_of_work, email=EMAIL, password="another long evening")
    await unit_of_work.run(service.disable_account, SYSTEM, account.id)
    assert await credentials.session(renewed.secret) is None
    assert await try_once(unit_of_work, password="another long evening") is WrongCredentials


async def test_an_account_disabled_while_signing_in_opens_nothing(unit_of_work: UnitOfWork, account: Account) -> None:
    compared = await unit_of_work.run(stored_password, SYSTEM, account.id)
    await unit_of_work.run(service.disable_account, SYSTEM, account.id)
    assert await unit_of_work.run(service.open_staff_session, SYSTEM, account.id, compared=compared) is None


async def test_a_password_changed_while_signing_in_opens_nothing_and_stays(
    unit_of_work: UnitOfWork, account: Account
) -> None:
    compared = await unit_of_work.run(stored_password, SYSTEM, account.id)
    about_to_commit = asyncio.Event()

    async def change(unit: Unit) -> None:
        await service.set_password(unit, account.id, "another long evening")
        about_to_commit.set()
        await asyncio.sleep(0.2)

    changing = asyncio.create_task(unit_of_work.run(change))
    await about_to_commit.wait()
    old = await unit_of_work.run(
        service.open_staff_session, SYSTEM, account.id, compared=compared, resealed="the old one, sealed anew"
    )
    await changing
    assert old is None
    assert await unit_of_work.run(stored_password, SYSTEM, account.id) not in (compared, "the old one, sealed anew")
    assert await try_once(unit_of_work, password="another long evening") is None


async def test_accounts_that_cannot_be(unit_of_work: UnitOfWork, account: Account, doctor: Clinician) -> None:
    async def create(email: str, password: str, role: Role, person_id: UUID | None) -> Account:
        return await unit_of_work.run(
            service.create_account, SYSTEM, email=email, password=password, role=role, person_id=person_id
        )

    with pytest.raises(EmailTaken):
        await create("ADA@clinic.example", PASSWORD, Role.CLINICIAN, doctor.id)
    with pytest.raises(UnfitPassword):
        await create("bo@clinic.example", "short", Role.FRONT_DESK, None)
    with pytest.raises(NotFound):
        await create("bo@clinic.example", PASSWORD, Role.CLINICIAN, UUID(int=5))
    for role, person_id in ((Role.CLINICIAN, None), (Role.ADMIN, doctor.id), (Role.PATIENT, None)):
        with pytest.raises(ValueError, match="account"):
            await create("bo@clinic.example", PASSWORD, role, person_id)
    with pytest.raises(NotFound):
        await unit_of_work.run(service.set_password, SYSTEM, AccountId(UUID(int=5)), PASSWORD)


async def test_a_guest_reaches_one_visit_until_it_is_over_or_revoked(
    unit_of_work: UnitOfWork, clock: FixedClock
) -> None:
    participant, visit, person = ParticipantId(UUID(int=1)), VisitId(UUID(int=2)), UUID(int=3)

    async def open_one(minutes: int) -> str:
        return await unit_of_work.run(
            guests.open_guest_session,
            SYSTEM,
            participant_id=participant,
            visit_id=visit,
            person_id=person,
            until=clock.now() + timedelta(minutes=minutes),
        )

    short, long = await open_one(10), await open_one(60)
    credentials = StoredCredentials(unit_of_work)
    guest = Actor(participant, Role.PATIENT, SCOPES[Role.PATIENT], person_id=person, visit_id=visit)
    assert await credentials.session(short) == guest
    clock.advance(timedelta(minutes=10))
    assert await credentials.session(short) is None
    assert await credentials.session(long) == guest
    await unit_of_work.run(guests.revoke_guest_sessions, SYSTEM, participant)
    assert await credentials.session(long) is None


async def test_what_is_over_is_forgotten_and_nothing_else(
    unit_of_work: UnitOfWork, clock: FixedClock, account: Account
) -> None:
    old = await open_one(unit_of_work, account)
    await guess(unit_of_work, "nobody@clinic.example")
    clock.advance(timedelta(seconds=old.max_age))
    kept = await open_one(unit_of_work, account)
    assert await unit_of_work.run(service.forget_ended) == 1
    clock.advance(timedelta(hours=12) - timedelta(seconds=1))
    assert await unit_of_work.run(service.forget_ended) == 0
    assert await StoredCredentials(unit_of_work).session(kept.secret) is not None
    clock.advance(timedelta(seconds=1))
    assert await unit_of_work.run(service.forget_ended) == 2

    async def left(unit: Unit) -> int:
        counts = [select(func.count()).select_from(table) for table in (SessionRow, SignInTryRow)]
        return sum([await unit.session.scalar(each) or 0 for each in counts])

    assert await unit_of_work.run(left) == 0
