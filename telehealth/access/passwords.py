"""Passwords as argon2id (RFC 9106), in threads of their own: a hash takes a fifth of a second and 64 MiB."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from telehealth.access.rules import TooManyTries, normal_password

P = ParamSpec("P")
R = TypeVar("R")

MOST_WAITING = 40  # some ten seconds of work: who comes later is asked to come again
HASHER = PasswordHasher()  # RFC 9106, section 4, second choice: 3 passes over 64 MiB in 4 lanes
NOBODYS = (  # of a password that was thrown away; written down, because making it would cost every start its time
    "$argon2id$v=19$m=65536,t=3,p=4$vGkrIAEAF7uz9LfGEAsiIw$E+eRZbTG758SC4cyPLgy4O0Py8fTuQGLy+JonZadsdQ"
)


class Threads:
    """Two hashes at once and a queue with an end, so that a flood of sign-ins takes neither memory nor the house."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")
        self._under_way = 0

    async def run(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Raises TooManyTries when the queue is full."""
        if self._under_way >= MOST_WAITING:
            raise TooManyTries(retry_after=10)
        self._under_way += 1
        try:
            return await asyncio.wrap_future(self._threads.submit(work, *args, **kwargs))
        finally:
            self._under_way -= 1


threads = Threads()


async def seal_password(password: str) -> str:
    """The form that is stored: parameters, salt and hash in one text."""
    return await threads.run(HASHER.hash, normal_password(password))


async def matches(password: str, stored: str | None) -> bool:
    """Whether it is the password. Takes as long when there is nothing stored to compare it with."""
    return await threads.run(_matches, password, stored)


def outdated(stored: str) -> bool:
    """Whether it was sealed with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def _matches(password: str, stored: str | None) -> bool:
    try:
        return HASHER.verify(stored or NOBODYS, normal_password(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
