"""Who stands behind a secret, and how staff get one: the way between the browser's password and a session."""

from collections.abc import Collection, Mapping

from telehealth.access import queries, service
from telehealth.access.passwords import matches, outdated, seal_password
from telehealth.access.rules import Opened, TooManyTries, WrongCredentials
from telehealth.core.actors import ANONYMOUS, Actor
from telehealth.db.together import Together
from telehealth.db.unit import UnitOfWork


class StoredCredentials:
    """The `Authenticator` over our tables: an indexed lookup, nothing written.

    Every open stream asks again every two seconds, and an integration may ask for much at once: what is asked for at
    the same moment is one lookup.
    """

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._unit_of_work = unit_of_work
        self._sessions, self._tokens = Together(self._find_sessions), Together(self._find_tokens)

    async def bearer(self, token: str) -> Actor | None:
        return await self._tokens.ask(token)

    async def session(self, secret: str) -> Actor | None:
        return await self._sessions.ask(secret)

    async def _find_sessions(self, secrets: Collection[str]) -> Mapping[str, Actor]:
        return await self._unit_of_work.run(queries.session_actors, ANONYMOUS, secrets)

    async def _find_tokens(self, secrets: Collection[str]) -> Mapping[str, Actor]:
        return await self._unit_of_work.run(queries.token_actors, ANONYMOUS, secrets)


async def sign_in(unit_of_work: UnitOfWork, *, email: str, password: str, replaces: str | None = None) -> Opened:
    """A session for an email and a password. `replaces` is the secret of the session the browser held until now.

    Reads, compares, settles: no transaction is open while argon2 works. An unknown email takes the same time, the
    same tries and the same answer as a wrong password. Raises WrongCredentials, TooManyTries (with `retry_after`,
    in seconds).
    """
    begun = await unit_of_work.run(service.begin_sign_in, ANONYMOUS, email)
    if isinstance(begun, service.Wait):
        raise TooManyTries(retry_after=begun.seconds)
    right = await matches(password, begun.stored)
    if not right or begun.account_id is None or begun.stored is None:
        await unit_of_work.run(service.refuse_sign_in, ANONYMOUS, begun.account_id)
        raise WrongCredentials
    resealed = await seal_password(password) if outdated(begun.stored) else None
    opened = await unit_of_work.run(
        service.open_staff_session,
        ANONYMOUS,
        begun.account_id,
        compared=begun.stored,
        replaces=replaces,
        resealed=resealed,
    )
    if opened is None:
        raise WrongCredentials
    return opened
