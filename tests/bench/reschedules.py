"""Two-resource reschedules at the database: sorted advisory locks against the exclusion constraint by itself.

Visits of a clinician with an interpreter are moved to other times with others, all at once, in few calendars. Either
way the constraint keeps every calendar right; what differs is how long everyone waits, and for whom.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg

CLINICIANS, INTERPRETERS, TIMES, VISITS = 6, 4, 20, 48
LENGTH = 40
WORKERS = 32
FIRST = 30_000_000  # a minute long ago

Connection = psycopg.AsyncConnection[Any]
LOCK: LiteralString = "SELECT pg_advisory_xact_lock(%s)"
BUSY: LiteralString = (
    "SELECT 1 FROM occupancy WHERE resource_id = ANY(%s) AND state = 'active' AND s < %s AND e > %s AND owner_id <> %s "
    "AND (expires_at IS NULL OR expires_at > now()) LIMIT 1"
)
RELEASE: LiteralString = "UPDATE occupancy SET state = 'released' WHERE owner_id = %s AND state = 'active'"
OCCUPY: LiteralString = (
    "INSERT INTO occupancy (id, resource_id, s, e, kind, owner_id) VALUES (%s, %s, %s, %s, 'visit', %s)"
)


@dataclass(frozen=True, slots=True)
class Move:
    owner: UUID
    resources: Sequence[UUID]  # in the order in which somebody thought of them
    start: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """`moved` and `refused` were decided; a deadlock is a transaction that PostgreSQL had to end after a second."""

    seconds: float
    moved: int
    refused: int
    deadlocks: int

    @property
    def rate(self) -> float:
        return self.moved / self.seconds


async def race(url: str, *, locked: bool, seconds: float) -> Outcome:
    """Many clients move visits for some seconds; the table is emptied first."""
    people = [uuid4() for _ in range(CLINICIANS)], [uuid4() for _ in range(INTERPRETERS)]
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await connection.execute("TRUNCATE occupancy")
        owners = await _fill(connection, *people)
    counts: Counter[str] = Counter()
    begun = time.perf_counter()
    until = begun + seconds
    clients = [_client(url, _moves(owners[each::WORKERS], people, each), until, locked) for each in range(WORKERS)]
    for each in await asyncio.gather(*clients):
        counts += each
    return Outcome(time.perf_counter() - begun, counts["moved"], counts["refused"], counts["deadlock"])


async def _fill(connection: Connection, clinicians: Sequence[UUID], interpreters: Sequence[UUID]) -> list[UUID]:
    owners = [uuid4() for _ in range(VISITS)]
    for number, owner in enumerate(owners):
        clinician, interpreter = clinicians[number % CLINICIANS], interpreters[number % INTERPRETERS]
        await _take(connection, Move(owner, (clinician, interpreter), FIRST + number // INTERPRETERS * LENGTH))
    return owners


def _moves(owners: Sequence[UUID], people: tuple[Sequence[UUID], Sequence[UUID]], seed: int) -> Iterator[Move]:
    chance = random.Random(seed)
    while True:
        resources = [chance.choice(each) for each in people]
        chance.shuffle(resources)
        yield Move(chance.choice(owners), resources, FIRST + chance.randrange(TIMES) * LENGTH)


async def _client(url: str, moves: Iterator[Move], until: float, locked: bool) -> Counter[str]:
    counts: Counter[str] = Counter()
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        while time.perf_counter() < until:
            counts[await _move(connection, next(moves), locked)] += 1
    return counts


async def _move(connection: Connection, move: Move, locked: bool) -> str:
    try:
        async with connection.transaction():
            if locked and not await _is_free(connection, move):
                return "refused"
            await connection.execute(RELEASE, (move.owner,))
            await _take(connection, move)
    except psycopg.errors.ExclusionViolation:
        return "refused"
    except psycopg.errors.DeadlockDetected:
        return "deadlock"
    return "moved"


async def _is_free(connection: Connection, move: Move) -> bool:
    for key in sorted(int.from_bytes(each.bytes[8:], signed=True) for each in move.resources):
        await connection.execute(LOCK, (key,))
    span = move.start + LENGTH, move.start
    found = await connection.execute(BUSY, (list(move.resources), *span, move.owner))
    return await found.fetchone() is None


async def _take(connection: Connection, move: Move) -> None:
    for resource in move.resources:
        row = uuid4(), resource, move.start, move.start + LENGTH, move.owner
        await connection.execute(OCCUPY, row)
