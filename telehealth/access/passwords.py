"""Passwords as argon2id (RFC 9106), in threads of their own: a hash takes a twentieth of a second and 64 MiB."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from telehealth.access.rules import normal_password

HASHER = PasswordHasher()  # RFC 9106, section 4, second choice: 3 passes over 64 MiB in 4 lanes
THREADS = ThreadPoolExecutor(max_workers=2, thread_name_prefix="argon2")  # bounds the memory of many at once
NOBODYS = HASHER.hash("nobody has this password")


async def seal_password(password: str) -> str:
    """The form that is stored: parameters, salt and hash in one text."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, HASHER.hash, normal_password(password))


async def matches(password: str, stored: str | None) -> bool:
    """Whether it is the password. Takes as long when there is nothing stored to compare it with."""
    return await asyncio.get_running_loop().run_in_executor(THREADS, _matches, password, stored)


def outdated(stored: str) -> bool:
    """Whether it was sealed with other parameters than today's."""
    return HASHER.check_needs_rehash(stored)


def _matches(password: str, stored: str | None) -> bool:
    try:
        return HASHER.verify(stored or NOBODYS, normal_password(password)) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
