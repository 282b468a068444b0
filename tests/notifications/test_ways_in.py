"""What comes back: texts by the gateway, one click in a mail, the patient's own page. By links and forms alone."""

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlencode

import httpx
import pytest

from telehealth.access.authentication import StoredCredentials
from telehealth.core.actors import SYSTEM
from telehealth.db.unit import Unit
from telehealth.http.locales import Locales
from telehealth.http.ports import Authenticator
from telehealth.notifications import addresses
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryPusher
from telehealth.notifications.ports import Caller, CallerSecret, GatewayDoor, GatewayKind, Pusher, Rates, Texter
from telehealth.notifications.routes import OPERATIONS, PAGES
from telehealth.notifications.rules import Channel
from telehealth.visits.participants import routes as participants
from tests.kit.by_hand import BIRTH, SAME_SITE
from tests.kit.web import ORIGIN, client_of
from tests.notifications.conftest import HOME, NUMBER, ROSA, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)
TOKEN = "a token that nobody guesses"
KEY = base64.b64encode(b"a key of thirty-two octets, or so").decode()
TWILIO, PLAIN = "/v1/texts/inbound/twilio", "/v1/texts/inbound"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Doors:
    twilio: httpx.AsyncClient
    plain: httpx.AsyncClient


@pytest.fixture
async def doors(texting: Post, locales: Locales) -> AsyncIterator[Doors]:
    async with AsyncExitStack() as stack:

        async def opened(door: GatewayDoor) -> httpx.AsyncClient:
            ports: Mapping[type, object] = {
                Authenticator: StoredCredentials(texting.unit_of_work),
                GatewayDoor: door,
                Locales: locales,
                Texter: texting.texter,
                Pusher: MemoryPusher(),
                Caller: texting.caller,
                CallerSecret: CallerSecret(""),
                Rates: Rates(),
            }
            ways_in = (*OPERATIONS, *PAGES, *participants.PAGES)
            return await stack.enter_async_context(client_of(texting.unit_of_work, ways_in, {}, ports=ports))

        yield Doors(
            await opened(GatewayDoor(GatewayKind.TWILIO, TOKEN)), await opened(GatewayDoor(GatewayKind.PLAIN, KEY))
        )


async def by_twilio(doors: Doors, *, token: str = TOKEN, **fields: str) -> httpx.Response:
    said = {"MessageSid": "SM1", "From": NUMBER, "To": "+15075550100", "Body": "STOP", "NumMedia": "0", **fields}
    text = f"{ORIGIN}{TWILIO}" + "".join(f"{name}{said[name]}" for name in sorted(said))
    signed = base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()
    headers = {"content-type": FORM, "x-twilio-signature": signed}
    return await doors.twilio.post(TWILIO, content=urlencode(said), headers=headers)


async def by_webhook(doors: Doors, text: str, *, name: str = "m1", late: int = 0, at: int) -> httpx.Response:
    body = json.dumps({"id": name, "from": NUMBER, "text": text}).encode()
    mac = hmac.new(base64.b64decode(KEY), f"{name}.{at - late}.".encode() + body, hashlib.sha256).digest()
    headers = {
        "webhook-id": name,
        "webhook-timestamp": str(at - late),
        "webhook-signature": f"v1,bm90IHRoaXM= v1,{base64.b64encode(mac).decode()}",
        "content-type": "application/json",
    }
    return await doors.plain.post(PLAIN, content=body, headers=headers)


async def stopped(post: Post, channel: Channel, address: str) -> frozenset[Purpose]:
    async def look(unit: Unit) -> frozenset[Purpose]:
        return (await addresses.known(unit, channel, address)).stopped

    return await post.unit_of_work.run(look)


async def test_stop_and_start_by_twilio(doors: Doors, texting: Post) -> None:
    answer = await by_twilio(doors)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.startswith("<Response><Message>Riverside: You get no more text messages")
    assert await stopped(texting, Channel.SMS, NUMBER) == set(Purpose)
    told = await by_twilio(doors, MessageSid="SM2", Body="Début", OptOutType="START")
    assert told.text == "<Response></Response>"  # Twilio has said it already
    assert await stopped(texting, Channel.SMS, NUMBER) == set()


async def test_only_the_gateway_brings_texts(doors: Doors, texting: Post) -> None:
    for wrong in (await by_twilio(doors, token="another token, as long"), await doors.plain.post(PLAIN, content=b"{}")):
        assert wrong.status_code == 403
        assert wrong.json()["type"].endswith("/not-our-gateway")
    assert (await doors.plain.post(TWILIO, content=b"")).status_code == 404
    assert (await doors.twilio.post(PLAIN, content=b"{}")).status_code == 404
    assert await stopped(texting, Channel.SMS, NUMBER) == set()


async def test_what_is_no_text_is_refused_and_loses_nothing(doors: Doors) -> None:
    assert (await by_twilio(doors, From="Riverside")).status_code == 400
    headers = {"content-type": "application/json"}
    assert (await doors.twilio.post(TWILIO, content=b"{}", headers=headers)).status_code == 415


async def test_stop_by_a_signed_webhook_answers_in_its_language(doors: Doors, texting: Post) -> None:
    now = int(texting.clock.now().timestamp())
    assert (await by_webhook(doors, "ALTO", late=301, at=now)).status_code == 403
    answer = await by_webhook(doors, "¡ALTO!", at=now)
    assert answer.json()["reply"].startswith("Riverside: Ya no recibirá mensajes de texto")
    assert (await by_webhook(doors, "¡ALTO!", at=now)).json() == {"reply": None}
    assert await stopped(texting, Channel.SMS, NUMBER) == set(Purpose)
    other = await by_webhook(doors, "me duele", name="m2", at=now)
    assert "Nobody reads" in other.json()["reply"]


async def test_one_click_in_a_mail(doors: Doors, texting: Post) -> None:
    await texting.book(START)
    await texting.deliver()
    (mail,) = texting.to_patient()
    path = mail.stop_url.removeprefix(HOME)
    shown = await doors.plain.get(path)
    assert "r…@home.example" in shown.text
    assert "rosa@" not in shown.text
    assert await stopped(texting, Channel.EMAIL, ROSA) == set()  # a scanner has opened it
    one_click = await doors.plain.post(path, files={"List-Unsubscribe": (None, "One-Click")})
    assert one_click.status_code == 200  # no redirect (RFC 8058, section 3.1)
    assert await stopped(texting, Channel.EMAIL, ROSA) == {Purpose.APPOINTMENTS}
    again = await doors.plain.post(f"{path}/again")
    assert (again.status_code, again.headers["location"]) == (303, path)  # a page that can be loaded again
    assert await stopped(texting, Channel.EMAIL, ROSA) == set()
    assert (await doors.plain.get("/unsubscribe/nobody/care")).status_code == 404
    assert (await doors.plain.get(path.replace("appointments", "anything"))).status_code == 404


async def test_the_patients_own_page(doors: Doors, texting: Post) -> None:
    booked = await texting.book(START)
    phone = doors.plain
    entered = await phone.post(f"/join/{booked.link_secret}", data=BIRTH)
    phone.headers.update(SAME_SITE)
    phone.headers["Cookie"] = entered.headers["set-cookie"].partition(";")[0]
    page = await phone.get("/visit/messages")
    assert page.status_code == 200
    assert page.text.count(" checked") == 6
    assert (await phone.post("/visit/messages", data={"email": ["care"]})).status_code == 422  # whose boxes?
    ticked = {"shown": ["email", "sms"], "email": ["care"], "sms": ["appointments"], "first": "sms"}
    saved = await phone.post("/visit/messages", data=ticked)
    assert saved.status_code == 200
    assert saved.text.count(" checked") == 3
    assert await stopped(texting, Channel.EMAIL, ROSA) == {Purpose.APPOINTMENTS, Purpose.SURVEYS}
    assert await stopped(texting, Channel.SMS, NUMBER) == {Purpose.CARE, Purpose.SURVEYS}
    patient = texting.clinic.patient.id
    assert await texting.unit_of_work.run(addresses.preferred, SYSTEM, patient) == dict.fromkeys(Purpose, Channel.SMS)
    await write_down(texting, phone=None, email=None)
    assert (await phone.get("/visit/messages")).status_code == 200
