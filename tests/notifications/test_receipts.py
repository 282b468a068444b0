"""What is said later of a message that was taken: kept once, believed of who carried it; the next channel goes on."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.notifications.memory import MemoryCaller, MemoryPusher, MemoryTexter
from telehealth.notifications.models import AddressRow, MessageRow
from telehealth.notifications.ports import (
    Caller,
    CallerSecret,
    GatewayDoor,
    GatewayKind,
    Pusher,
    Rates,
    Sent,
    Texter,
    Unreachable,
)
from telehealth.notifications.routes import OPERATIONS
from telehealth.notifications.rules import Channel
from telehealth.notifications.signature import proof_of, webhook_headers
from telehealth.visits.appointments import service as appointments
from tests.kit.web import ORIGIN, client_of
from tests.notifications.conftest import Post

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
TOKEN = "a token that nobody guesses"
GATEWAY, CALLER = "whsec_" + base64.b64encode(b"a key of a gateway, long enough").decode(), "the secret of a caller"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Doors:
    post: Post
    plain: httpx.AsyncClient
    twilio: httpx.AsyncClient

    async def tell(self, message_id: UUID, status: str, *, secret: str = GATEWAY, **more: Any) -> int:
        body = json.dumps({"id": str(message_id), "status": status, **more}).encode()
        headers = webhook_headers("r1", body, secret, self.post.clock.now()) | {"content-type": "application/json"}
        return (await self.plain.post("/v1/messages/receipts", content=body, headers=headers)).status_code

    async def twilio_tells(self, message_id: UUID, token: str = TOKEN, **fields: str) -> int:
        path, said = f"/v1/messages/{message_id}/receipts/twilio", {"MessageSid": "SM1", **fields}
        text = f"{ORIGIN}{path}" + "".join(f"{name}{said[name]}" for name in sorted(said))
        signed = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
        headers = {"content-type": FORM, "x-twilio-signature": signed}
        return (await self.twilio.post(path, content=urlencode(said), headers=headers)).status_code


@pytest.fixture
async def doors(texting: Post, locales: Locales) -> AsyncIterator[Doors]:
    texting.caller = MemoryCaller()
    ports: dict[type, object] = {
        Locales: locales,
        Texter: texting.texter,
        Pusher: MemoryPusher(),
        Caller: texting.caller,
        Rates: Rates(),
        CallerSecret: CallerSecret(CALLER),
    }
    plain, twilio = GatewayDoor(GatewayKind.PLAIN, GATEWAY), GatewayDoor(GatewayKind.TWILIO, TOKEN)
    async with (
        client_of(texting.unit_of_work, OPERATIONS, {}, ports={**ports, GatewayDoor: plain}) as one,
        client_of(texting.unit_of_work, OPERATIONS, {}, ports={**ports, GatewayDoor: twilio}) as other,
    ):
        yield Doors(texting, one, other)


@pytest.fixture
async def texted(doors: Doors, clock: FixedClock) -> UUID:
    """The reminder an hour before, which went out by text."""
    await doors.post.book(START)
    await doors.post.deliver()
    clock.advance(START - timedelta(hours=1) - clock.now())
    await doors.post.deliver()
    return (await rows(doors.post, channel=Channel.SMS, state="sent"))[0].id


async def rows(post: Post, **which: object) -> list[MessageRow]:
    async def look(unit: Unit) -> list[MessageRow]:
        asked = select(MessageRow).filter_by(recipient_role="patient", **which).order_by(MessageRow.id)
        return list(await unit.session.scalars(asked))

    return await post.unit_of_work.run(look)


async def about(post: Post, message_id: UUID) -> tuple[str, str | None, str | None]:
    (row,) = await rows(post, id=message_id)
    return row.state, row.fault, row.receipt


async def bad_numbers(post: Post) -> int:
    async def look(unit: Unit) -> int:
        return len(list(await unit.session.scalars(select(AddressRow).where(AddressRow.failed_at.is_not(None)))))

    return await post.unit_of_work.run(look)


async def test_what_has_arrived_is_kept_and_stays_so(doors: Doors, texted: UUID) -> None:
    before = len(doors.post.to_patient())
    assert await doors.tell(texted, "delivered") == 204
    assert await doors.tell(texted, "delivered") == 204
    assert await doors.tell(texted, "failed", code="bad_recipient") == 204
    assert await about(doors.post, texted) == ("sent", None, "delivered")
    await doors.post.deliver()
    assert (len(doors.post.to_patient()), await bad_numbers(doors.post)) == (before, 0)


async def test_what_was_lost_the_mail_brings_at_once(doors: Doors, texted: UUID) -> None:
    before = len(doors.post.to_patient())
    for _ in range(2):
        assert await doors.tell(texted, "undelivered", code=30003) == 204
        await doors.post.deliver()
    assert len(doors.post.to_patient()) == before + 1
    assert await about(doors.post, texted) == ("rerouted", "30003", "undelivered")
    assert await bad_numbers(doors.post) == 0  # a phone that is off is no bad number


async def test_a_number_of_nobody_is_tried_no_more(doors: Doors, texted: UUID) -> None:
    assert await doors.tell(texted, "failed", code="bad_recipient") == 204
    assert await bad_numbers(doors.post) == 1


async def test_what_is_no_longer_true_is_told_by_nobody(doors: Doors, texted: UUID, clock: FixedClock) -> None:
    before = len(doors.post.to_patient())
    clock.advance(timedelta(minutes=51))  # the next reminder is due
    assert await doors.tell(texted, "undelivered") == 204
    await doors.post.deliver()
    (mail,) = [row for row in await rows(doors.post, channel=Channel.EMAIL) if row.due_at == START - timedelta(hours=1)]
    assert (mail.state, len(doors.post.to_patient())) == ("dropped", before)


async def test_an_answer_that_was_lost_is_made_up_for(doors: Doors, texted: UUID) -> None:
    async def again(unit: Unit) -> None:
        row = (await unit.session.scalars(select(MessageRow).where(MessageRow.id == texted))).one()
        row.state, row.next_attempt_at = "pending", unit.now

    await doors.post.unit_of_work.run(again)
    assert isinstance(doors.post.texter, MemoryTexter)
    before = len(doors.post.texter.sent)
    assert await doors.tell(texted, "delivered") == 204
    await doors.post.deliver()
    assert len(doors.post.texter.sent) == before
    assert await about(doors.post, texted) == ("sent", None, "delivered")


async def test_as_twilio_tells_it(doors: Doors, texted: UUID) -> None:
    assert await doors.twilio_tells(texted, MessageStatus="sent") == 204
    assert await about(doors.post, texted) == ("sent", None, None)
    assert await doors.twilio_tells(texted, MessageStatus="undelivered", ErrorCode="30006") == 204
    assert await about(doors.post, texted) == ("rerouted", "30006", "undelivered")
    assert await bad_numbers(doors.post) == 1
    assert await doors.twilio_tells(texted, MessageStatus="delivered") == 204  # it corrects itself
    assert (await about(doors.post, texted))[2] == "delivered"


async def test_only_who_carried_it_tells_of_it(doors: Doors, texted: UUID) -> None:
    assert await doors.tell(texted, "failed", secret="another secret, as long") == 403
    assert await doors.tell(texted, "failed", secret=CALLER) == 404
    assert await doors.tell(uuid4(), "failed") == 404
    assert await doors.tell(texted, "on its way") == 400
    assert await doors.twilio_tells(texted, token="another token", MessageStatus="failed") == 403
    assert await doors.twilio_tells(uuid4(), MessageStatus="failed") == 404
    mail = (await rows(doors.post, channel=Channel.EMAIL, state="sent"))[0]
    assert await doors.tell(mail.id, "failed") == 404
    assert await about(doors.post, texted) == ("sent", None, None)


async def test_only_the_device_says_that_it_has_shown_it(doors: Doors, texted: UUID) -> None:
    key = CursorKey("k" * 32)
    for message_id, proof in ((texted, "x" * 22), (texted, proof_of(key, texted)), (uuid4(), proof_of(key, texted))):
        assert (await doors.plain.post(f"/v1/messages/{message_id}/shown/{proof}")).status_code == 404

    async def pushed(unit: Unit) -> None:
        row = (await unit.session.scalars(select(MessageRow).where(MessageRow.id == texted))).one()
        row.channel = Channel.PUSH

    await doors.post.unit_of_work.run(pushed)
    assert (await doors.plain.post(f"/v1/messages/{texted}/shown/{proof_of(key, texted)}")).status_code == 204
    assert await about(doors.post, texted) == ("sent", None, "delivered")


async def test_a_move_that_nothing_else_brings_is_called(doors: Doors) -> None:
    booked = await doors.post.book(START)
    await doors.post.deliver()
    assert isinstance(doors.post.texter, MemoryTexter)
    assert isinstance(doors.post.caller, MemoryCaller)
    patients = doors.post.clinic.patient.email
    doors.post.mailer.answer = lambda mail: Unreachable(550) if mail.recipient == patients else Sent()
    doors.post.texter.answer = lambda _: Unreachable(30006)
    move = appointments.reschedule
    await doors.post.unit_of_work.run(move, SYSTEM, booked.visit.id, start=START + timedelta(days=1))
    await doors.post.deliver()
    (call,) = doors.post.caller.sent
    assert (call.kind, call.language, call.number) == ("moved", "es-ES", "+34600123456")
    assert call.words.startswith("Riverside. Su visita por vídeo")
    assert "http" not in call.words
    (row,) = await rows(doors.post, channel=Channel.PHONE)
    assert await doors.tell(row.id, "delivered", secret=CALLER) == 204
    assert await about(doors.post, row.id) == ("sent", None, "delivered")
