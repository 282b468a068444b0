"""Text messages by HTTP: a gateway of the plain kind, or one that speaks as Twilio's Messages resource expects.

Plain: POST of JSON {"id", "from", "to", "text"} with `Authorization: Bearer` and `Idempotency-Key`; any 2xx is taken.
Twilio: POST of a form with To, From (or MessagingServiceSid) and Body under HTTP Basic; 201 is taken. It knows no
idempotency key: a message whose answer was lost is sent again.

What became of it later Twilio tells where StatusCallback says; a plain gateway is told where once, when it is set up.

What is refused (400, 422) for the number's sake says so by `code`: a plain gateway `bad_recipient` or `opted_out`,
Twilio by its error codes.
"""

import base64
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from telehealth.core.time import Clock
from telehealth.notifications.ports import (
    Away,
    Deferred,
    GatewayKind,
    OptedOut,
    Outcome,
    Refused,
    Sent,
    Text,
    Unreachable,
)
from telehealth.tasks.outbound import NoAnswer, NotJson, NotSent, Outbound, Reply

# Twilio: no valid number, none that takes texts, nobody's, a landline; one that has sent STOP.
NO_NUMBER: frozenset[int | str] = frozenset({21211, 21217, 21614, 30005, 30006, "bad_recipient"})
STOPPED: frozenset[int | str] = frozenset({21610, "opted_out"})
UNTOLD = timedelta(seconds=5)  # what a gateway is spared that has too much and does not say for how long


@dataclass(frozen=True, slots=True)
class Account:
    """`user` is Twilio's account SID or API key; a plain gateway knows the secret alone."""

    user: str
    secret: str = field(repr=False)


class SmsGateway:
    """A Texter. `sender` is a number, a name or a messaging service; `receipts` the address that Twilio tells later
    what became of a message, with {id} in it, if any.
    """

    def __init__(
        self,
        outbound: Outbound,
        url: str,
        *,
        kind: GatewayKind,
        sender: str,
        account: Account,
        region: str,
        clock: Clock,
        receipts: str = "",
    ) -> None:
        self._outbound = outbound
        self._url = url
        self._kind = kind
        self._sender = sender
        self._account = account
        self._clock = clock
        self._receipts = receipts
        self.region = region

    async def send(self, text: Text) -> Outcome:
        try:
            reply = await (self._plain(text) if self._kind is GatewayKind.PLAIN else self._twilio(text))
        except (NotSent, NoAnswer) as error:
            return Away(str(error))
        return _judge(reply, self._clock.now())

    async def _plain(self, text: Text) -> Reply:
        body = {"id": text.id, "from": self._sender, "to": text.recipient, "text": text.text}
        headers = {"content-type": "application/json", "idempotency-key": text.id}
        if self._account.secret:
            headers["authorization"] = f"Bearer {self._account.secret}"
        return await self._outbound.send("POST", self._url, headers=headers, content=json.dumps(body).encode())

    async def _twilio(self, text: Text) -> Reply:
        service = self._sender.startswith("MG")
        sender = {"MessagingServiceSid" if service else "From": self._sender}
        told = {"StatusCallback": self._receipts.format(id=text.id)} if self._receipts else {}
        token = base64.b64encode(f"{self._account.user}:{self._account.secret}".encode()).decode()
        return await self._outbound.send(
            "POST",
            self._url,
            headers={"authorization": f"Basic {token}"},
            form={"To": text.recipient, "Body": text.text} | sender | told,
        )


def _judge(reply: Reply, now: datetime) -> Outcome:
    """A status that speaks of the message settles it; one that speaks of us or of the gateway may hold all of them up:
    429 does, and 503 that says for how long.
    """
    status = reply.status
    if 200 <= status < 300:
        return Sent()
    if status in (400, 422):
        return said_by(_code(reply), status)
    if status == 413:
        return Refused(status)
    if status in (409, 425):
        return Deferred(status)
    return Away(str(status), reply.retry_after(now) or (UNTOLD if status == 429 else None))


def said_by(code: int | str, status: int) -> Refused | Unreachable | OptedOut:
    """What a gateway's code says of the number, if anything; `status` stands in for a word."""
    number = code if isinstance(code, int) else status
    return Unreachable(number) if code in NO_NUMBER else OptedOut(number) if code in STOPPED else Refused(number)


def _code(reply: Reply) -> int | str:
    """The gateway's own code where it gives one, such as 21610; a word that we know says nothing of anyone either."""
    try:
        told = reply.json()
    except NotJson:
        return reply.status
    code = told.get("code") if isinstance(told, dict) else None
    if isinstance(code, str) and code in NO_NUMBER | STOPPED:
        return code
    return code if isinstance(code, int) and not isinstance(code, bool) else reply.status
