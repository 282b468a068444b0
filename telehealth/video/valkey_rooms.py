"""Rooms in Valkey, so that any web process serves any participant: the state of a room, and a stream of its events.

The stream's ids are the room's own numbers, so a client comes back by the last number it saw. Bodies are sealed: they
hold addresses and words, and Valkey may write to a disk.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import TypeAdapter
from redis.asyncio import Redis
from redis.exceptions import RedisError

from telehealth.core.ids import VisitId
from telehealth.db.vault import SealBroken, Vault
from telehealth.video.language import Event, Send
from telehealth.video.ports import Behind, Delivery, Outcome, RoomsAway
from telehealth.video.room import Room
from telehealth.video.rules import REPLAY, step

TIMEOUT_SECONDS = 1.0
BLOCK_MILLISECONDS = 2000
ROOM_SECONDS = 120
ATTEMPTS = 20
BATCH = 64
ROOM: TypeAdapter[Room] = TypeAdapter(Room)

# State and stream change together, and only when the state is still the one that was decided upon.
# KEYS: state, stream. ARGV: state before ("" for none), state after, seconds, most events kept, then of each new event
# its number, whom it is for, its sealed body.
CHANGE = """
local before = redis.call('GET', KEYS[1]) or ''
if before ~= ARGV[1] then return 0 end
if before == '' then redis.call('DEL', KEYS[2]) end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
for i = 5, #ARGV, 3 do
  redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[4], ARGV[i] .. '-0', 'to', ARGV[i + 1], 'body', ARGV[i + 2])
end
redis.call('EXPIRE', KEYS[2], ARGV[3])
return 1
"""


class ValkeyRooms:
    """`RoomBus` over Valkey or Redis. One connection for each conversation that is followed."""

    def __init__(self, url: str, vault: Vault) -> None:
        self._client = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        patience = BLOCK_MILLISECONDS / 1000 + TIMEOUT_SECONDS
        self._reader = Redis.from_url(url, socket_timeout=patience, socket_connect_timeout=TIMEOUT_SECONDS)
        self._change = self._client.register_script(CHANGE)
        self._vault = vault

    async def apply(self, visit_id: VisitId, event: Event) -> Outcome:
        try:
            for _ in range(ATTEMPTS):
                outcome = await self._try(visit_id, event)
                if outcome is not None:
                    return outcome
                await asyncio.sleep(random.uniform(0, 0.01))  # noqa: S311 - jitter, not a secret
        except (RedisError, OSError):
            raise RoomsAway from None
        raise RoomsAway

    async def look(self, visit_id: VisitId) -> Room:
        state, _ = _keys(visit_id)
        try:
            return _room(await self._client.get(state))
        except (RedisError, OSError):
            raise RoomsAway from None

    @asynccontextmanager
    async def follow(self, visit_id: VisitId, after: int) -> AsyncIterator[AsyncGenerator[Delivery, None]]:
        deliveries = self._deliveries(visit_id, after)
        try:
            yield deliveries
        finally:
            await deliveries.aclose()

    async def close(self) -> None:
        await self._client.aclose()
        await self._reader.aclose()

    async def _try(self, visit_id: VisitId, event: Event) -> Outcome | None:
        state, stream = _keys(visit_id)
        before = await self._client.get(state) or b""
        room, effects = step(_room(before), event)
        entries = [part for each in effects if isinstance(each, Send) for part in self._entry(visit_id, each)]
        arguments = [before, ROOM.dump_json(room), ROOM_SECONDS, REPLAY, *entries]
        changed = await self._change(keys=[state, stream], args=arguments)
        return Outcome(room, effects) if changed else None

    async def _deliveries(self, visit_id: VisitId, after: int) -> AsyncGenerator[Delivery, None]:
        _, stream = _keys(visit_id)
        while True:
            try:
                found = await self._reader.xread({stream: f"{after}-0"}, count=BATCH, block=BLOCK_MILLISECONDS)
            except (RedisError, OSError):
                raise RoomsAway from None
            for entry in _entries(found):
                delivery = self._delivery(visit_id, *entry)
                if delivery.seq != after + 1:
                    raise Behind
                after = delivery.seq
                yield delivery

    def _entry(self, visit_id: VisitId, send: Send) -> tuple[int, str, bytes]:
        return send.seq, send.to, self._vault.seal(_place(visit_id), json.dumps(dict(send.message)))

    def _delivery(self, visit_id: VisitId, name: bytes, fields: dict[bytes, bytes]) -> Delivery:
        try:
            body = self._vault.open(_place(visit_id), fields[b"body"])
        except SealBroken:
            raise RoomsAway from None
        return Delivery(int(name.partition(b"-")[0]), fields[b"to"].decode(), json.loads(body))


def _room(state: bytes | str | None) -> Room:
    return ROOM.validate_json(state) if state else Room()


def _keys(visit_id: VisitId) -> tuple[str, str]:
    """Braces keep both on one node of a cluster."""
    return f"telehealth:room:{{{visit_id}}}:state", f"telehealth:room:{{{visit_id}}}:events"


def _place(visit_id: VisitId) -> tuple[str, str, VisitId]:
    return ("room", "event", visit_id)


def _entries(found: Any) -> list[tuple[bytes, dict[bytes, bytes]]]:
    """XREAD answers [[stream, [entry, …]]], or nothing at all."""
    return found[0][1] if found else []
