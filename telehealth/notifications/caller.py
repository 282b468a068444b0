"""Calls, or whatever else brings words to a number, by a system of the institution that is told so by webhook.

POST of JSON {"id", "kind", "language", "to", "words"}, signed as Standard Webhooks says, with `Idempotency-Key`: the
id, which stays the same when it is told again. Any 2xx is taken; 410 says that the number reaches nobody, 400, 413
and 422 that this call will not be made.
"""

import json
from datetime import datetime, timedelta

from telehealth.core.time import Clock
from telehealth.notifications.ports import Away, Call, Deferred, Outcome, Refused, Sent, Unreachable
from telehealth.notifications.signature import webhook_headers
from telehealth.tasks.outbound import NoAnswer, NotSent, Outbound, Reply

UNTOLD = timedelta(seconds=5)  # what it is spared that has too much and does not say for how long
OF_MESSAGE = frozenset({400, 413, 422})


class CallerWebhook:
    """A Caller."""

    def __init__(self, outbound: Outbound, url: str, *, secret: str, clock: Clock) -> None:
        self._outbound = outbound
        self._url = url
        self._secret = secret
        self._clock = clock

    async def send(self, call: Call) -> Outcome:
        told = {"id": call.id, "kind": call.kind, "language": call.language, "to": call.number, "words": call.words}
        body = json.dumps(told, ensure_ascii=False).encode()
        headers = webhook_headers(call.id, body, self._secret, self._clock.now())
        headers |= {"content-type": "application/json", "idempotency-key": call.id}
        try:
            reply = await self._outbound.send("POST", self._url, headers=headers, content=body)
        except (NotSent, NoAnswer) as error:
            return Away(str(error))
        return _judge(reply, self._clock.now())


def _judge(reply: Reply, now: datetime) -> Outcome:
    """A status that speaks of the call settles it; one that speaks of us or of the system may hold all of them up:
    429 does, and 503 that says for how long.
    """
    status = reply.status
    if 200 <= status < 300:
        return Sent()
    if status == 410:
        return Unreachable(status)
    if status in OF_MESSAGE:
        return Refused(status)
    if status in (409, 425):
        return Deferred(status)
    return Away(str(status), reply.retry_after(now) or (UNTOLD if status == 429 else None))
