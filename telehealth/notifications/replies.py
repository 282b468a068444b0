"""Texts that come back by the gateway: STOP, START, HELP, and what nobody here reads."""

from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from starlette.responses import Response

from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.http.body import FORM_TYPE, media_type, parse_json, read_bytes
from telehealth.http.call import Call
from telehealth.http.locales import Locales
from telehealth.http.problems import MalformedBody, UnsupportedMediaType
from telehealth.notifications import addresses
from telehealth.notifications.ports import GatewayDoor, GatewayKind
from telehealth.notifications.schemas import TextAnswer, TextedBack
from telehealth.notifications.signature import signed_by_twilio, signed_by_webhook
from telehealth.notifications.texts import answer_to
from telehealth.notifications.wishes import meaning
from telehealth.people import queries as people

LARGEST = 64 * 1024


class NotOurGateway(Refusal):
    kind, slug, title = Kind.FORBIDDEN, "not-our-gateway", "This was not signed by the gateway of this house"


async def text_back(call: Call) -> TextAnswer:
    """Take a text that came back, from a gateway of the plain kind; signed as Standard Webhooks says."""
    secret = _secret(call, GatewayKind.PLAIN)
    body = await read_bytes(call.request, LARGEST)
    if not signed_by_webhook(call.request.headers, body, secret, call.kit.unit_of_work.clock.now()):
        raise NotOurGateway
    told = _read(parse_json(body))
    return TextAnswer(reply=await _answer(call, told.id, told.sender, told.text))


async def text_back_by_twilio(call: Call) -> Response:
    """Take a text that came back, as Twilio brings it; answers TwiML."""
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
    said = dict(fields)
    told = _read({"id": said.get("MessageSid"), "from": said.get("From"), "text": said.get("Body", "")})
    reply = await _answer(call, told.id, told.sender, told.text)
    # With OptOutType Twilio has answered already, in the words of its own.
    message = f"<Message>{escape(reply)}</Message>" if reply and not said.get("OptOutType") else ""
    return Response(f"<Response>{message}</Response>", media_type="text/xml")


def _secret(call: Call, kind: GatewayKind) -> str:
    """Raises NotFound where the house has no such gateway, or none that brings anything."""
    door = call.port(GatewayDoor)
    if door.kind is not kind or not door.secret:
        raise NotFound
    return door.secret


def _read(value: Any) -> TextedBack:
    """Raises MalformedBody."""
    try:
        return TextedBack.model_validate(value)
    except ValueError:
        raise MalformedBody from None


async def _answer(call: Call, name: str, number: str, text: str) -> str | None:
    meant, language = meaning(text)
    if not await call.run(addresses.texted_back, name, number, meant):
        return None
    clinic = await call.run(people.clinic)
    locale = call.port(Locales).negotiate(accept=language)
    return answer_to(locale, meant, clinic=clinic.name, phone=clinic.phone)
