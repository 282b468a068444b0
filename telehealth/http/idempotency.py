"""Idempotency-Key: the effect and its answer are stored in one transaction, so a crash between them is impossible."""

import hashlib
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy import delete, update
from sqlalchemy.dialects.postgresql import insert

from telehealth.db.idempotency import IdempotencyRow
from telehealth.db.unit import Unit
from telehealth.http.problems import InvalidRequest, KeyReused
from telehealth.http.schemas import Fault

MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    content: bytes


def fingerprint(operation: str, path: str, body: bytes) -> bytes:
    return hashlib.sha256(b"\0".join((operation.encode(), path.encode(), body))).digest()


def check_key(key: str) -> str:
    if not 1 <= len(key) <= MAX_KEY or not key.isprintable():
        fault = Fault(where="header", pointer="/Idempotency-Key", detail="1 to 255 printable characters")
        raise InvalidRequest([fault])
    return key


async def claim(unit: Unit, actor_id: UUID, key: str, printed: bytes) -> Answer | None:
    """Take the key for this transaction, or give the stored answer. Waits while another request holds it.

    Raises KeyReused when the key belongs to another request.
    """
    row = {"actor_id": actor_id, "key": key, "fingerprint": printed, "created_at": unit.now}
    taken = await unit.session.execute(
        insert(IdempotencyRow).values(row).on_conflict_do_nothing().returning(IdempotencyRow.key)
    )
    if taken.first() is not None:
        return None
    found = await unit.session.get_one(IdempotencyRow, (actor_id, key))
    if found.fingerprint != printed:
        raise KeyReused
    if found.status is None or found.answer is None:
        raise AssertionError("unreachable: a committed key has its answer")
    return Answer(found.status, unit.vault.open(_place(actor_id, key), found.answer).encode())


async def keep(unit: Unit, actor_id: UUID, key: str, answer: Answer) -> None:
    """Store the answer beside its effect, sealed: it may hold a personal link."""
    await unit.session.execute(
        update(IdempotencyRow)
        .where(IdempotencyRow.actor_id == actor_id, IdempotencyRow.key == key)
        .values(status=answer.status, answer=unit.vault.seal(_place(actor_id, key), answer.content.decode()))
    )


async def give_back(unit: Unit, actor_id: UUID, key: str) -> None:
    """Nothing was done under the key that claimed it: the same request may come again and be done."""
    theirs = IdempotencyRow.actor_id == actor_id, IdempotencyRow.key == key
    await unit.session.execute(delete(IdempotencyRow).where(*theirs))


def _place(actor_id: UUID, key: str) -> tuple[str, str, UUID]:
    return ("idempotency_key", "answer", uuid5(actor_id, key))
