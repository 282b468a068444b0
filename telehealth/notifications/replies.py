"""What comes back by the gateway: STOP, START, HELP, what nobody here reads, and what became of a message."""

from collections.abc import Collection
from typing import Any, TypeVar
from urllib.parse import parse_qsl
from uuid import UUID
from xml.sax.saxutils import escape

from pydantic import BaseModel
from starlette.responses import Response

from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.http.body import FORM_TYPE, media_type, parse_json, read_bytes
from telehealth.http.call import Call
from telehealth.http.locales import Locales
from telehealth.http.paging import CursorKey
from telehealth.http.problems import MalformedBody, UnsupportedMediaType
from telehealth.notifications import addresses, receipts
from telehealth.notifications.channels import reach_of
from telehealth.notifications.ports import CallerSecret, GatewayDoor, GatewayKind, Sent
from telehealth.notifications.receipts import Heard
from telehealth.notifications.rules import Channel
from telehealth.notifications.schemas import Receipt, TextAnswer, TextedBack
from telehealth.notifications.signature import is_proof, signed_by_twilio, signed_by_webhook
from telehealth.notifications.sms_gateway import said_by
from telehealth.notifications.texts import answer_to
from telehealth.notifications.wishes import meaning
from telehealth.people import queries as people

LARGEST = 64 * 1024
ARRIVED, LOST = frozenset({"delivered", "read"}), frozenset({"undelivered", "failed", "canceled"})  # Twilio's words
UNSAID = 0  # a code in the place of none
Told = TypeVar("Told", bound=BaseModel)


class NotOurGateway(Refusal):
    kind, slug, title = Kind.FORBIDDEN, "not-our-gateway", "This was not signed by the gateway of this house"


async def text_back(call: Call) -> TextAnswer:
    """Take a text that came back, from a gateway of the plain kind; signed as Standard Webhooks says."""
    secret = _secret(call, GatewayKind.PLAIN)
    body = await read_bytes(call.request, LARGEST)
    if not signed_by_webhook(call.request.headers, body, secret, call.kit.unit_of_work.clock.now()):
        raise NotOurGateway
    told = _read(TextedBack, parse_json(body))
    return TextAnswer(reply=await _answer(call, told.id, told.sender, told.text))


async def text_back_by_twilio(call: Call) -> Response:
    """Take a text that came back, as Twilio brings it; answers TwiML."""
    said = dict(await _signed_form(call))
    told = _read(TextedBack, {"id": said.get("MessageSid"), "from": said.get("From"), "text": said.get("Body", "")})
    reply = await _answer(call, told.id, told.sender, told.text)
    # With OptOutType Twilio has answered already, in the words of its own.
    message = f"<Message>{escape(reply)}</Message>" if reply and not said.get("OptOutType") else ""
    return Response(f"<Response>{message}</Response>", media_type="text/xml")


async def receipt(call: Call) -> None:
    """Take what became of a message, from a plain gateway or the caller; signed as Standard Webhooks says."""
    body = await read_bytes(call.request, LARGEST)
    told, of = _receipt(call, body)
    outcome = Sent() if told.status == "delivered" else said_by(told.code or UNSAID, UNSAID)
    await _hear(call, told.id, outcome, of)


async def receipt_by_twilio(call: Call, message: UUID) -> None:
    """Take what became of a message, as Twilio tells it; what is still under way changes nothing."""
    fields = dict(await _signed_form(call))
    status, code = fields.get("MessageStatus", ""), fields.get("ErrorCode", "")
    if status in ARRIVED or status in LOST:
        number = int(code[:5]) if code.isascii() and code.isdigit() else UNSAID
        outcome = Sent() if status in ARRIVED else said_by(number, UNSAID)
        await _hear(call, message, outcome, {Channel.SMS})


async def shown(call: Call, message: UUID, proof: str) -> None:
    """A browser has shown a notification: no other channel has to tell the same."""
    if not is_proof(call.port(CursorKey), message, proof):
        raise NotFound
    await _hear(call, message, Sent(), {Channel.PUSH})


async def _hear(call: Call, message_id: UUID, came: Heard, of: Collection[Channel]) -> None:
    """What follows is the house's own doing, as when the gateway had said so at once. Raises NotFound."""
    await call.kit.unit_of_work.run(receipts.heard, SYSTEM, message_id, came, of=of, reach=reach_of(call.kit.ports))


def _receipt(call: Call, body: bytes) -> tuple[Receipt, Collection[Channel]]:
    """The receipt, and of which channels whoever has signed it may tell. Raises NotFound, NotOurGateway."""
    door = call.port(GatewayDoor)
    secrets = {
        Channel.SMS: door.secret if door.kind is GatewayKind.PLAIN else "",
        Channel.PHONE: call.port(CallerSecret),
    }
    if not any(secrets.values()):
        raise NotFound
    headers, now = call.request.headers, call.kit.unit_of_work.clock.now()
    signed = {each for each, secret in secrets.items() if secret and signed_by_webhook(headers, body, secret, now)}
    if not signed:
        raise NotOurGateway
    return _read(Receipt, parse_json(body)), signed


async def _signed_form(call: Call) -> list[tuple[str, str]]:
    """The fields of a form that Twilio has signed. Raises NotFound, UnsupportedMediaType, MalformedBody and
    NotOurGateway.
    """
    token = _secret(call, GatewayKind.TWILIO)
    if media_type(call.request) != FORM_TYPE:
        raise UnsupportedMediaType
    body = await read_bytes(call.request, LARGEST)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise MalformedBody from None
    url = f"{call.kit.public_url}{call.request.url.path}"
    if not signed_by_twilio(url, fields, call.header("x-twilio-signature") or "", token):
        raise NotOurGateway
    return fields


def _secret(call: Call, kind: GatewayKind) -> str:
    """Raises NotFound where the house has no such gateway, or none that brings anything."""
    door = call.port(GatewayDoor)
    if door.kind is not kind or not door.secret:
        raise NotFound
    return door.secret


def _read(shape: type[Told], value: Any) -> Told:
    """Raises MalformedBody."""
    try:
        return shape.model_validate(value)
    except ValueError:
        raise MalformedBody from None


async def _answer(call: Call, name: str, number: str, text: str) -> str | None:
    meant, language = meaning(text)
    if not await call.run(addresses.texted_back, name, number, meant):
        return None
    clinic = await call.run(people.clinic)
    locale = call.port(Locales).negotiate(accept=language)
    return answer_to(locale, meant, clinic=clinic.name, phone=clinic.phone)
