"""What this package needs from outside: whom to hand mails and text messages to, and what bootstrap knows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from telehealth.notifications.rules import Channel, NotNow, Unsendable, Unwritten, Withheld


class PublicUrl(str):
    """The origin that links in messages lead to, such as https://visits.example."""

    __slots__ = ()


class MailFrom(str):
    """The address every message comes from."""

    __slots__ = ()


class Method(StrEnum):
    """iTIP methods (RFC 5546, section 1.4) we use."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Invite:
    """An iCalendar object (RFC 5545) and what it asks for."""

    method: Method
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message to one person. `id` makes the Message-ID: the same message tried again is the same message.

    `stop_url` ends such messages by a POST, with nothing to sign in to (RFC 8058); empty for staff.
    """

    id: str
    sender: str
    recipient: str
    subject: str
    text: str
    language: str
    at: datetime
    invite: Invite | None = None
    stop_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One text message (SMS) to one number, E.164. The same message tried again has the same `id`."""

    id: str
    recipient: str
    text: str


class Urgency(StrEnum):
    """How soon a push service is to wake a device (RFC 8030, section 5.3)."""

    NORMAL = "normal"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One browser that asked for notifications, as the Push API tells: whoever knows these three may write to it."""

    id: UUID
    endpoint: str = field(repr=False)
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """One notification for all devices of one person. `words` is what the service worker reads, JSON.

    `lasts` is how long a push service keeps it for a device that is off; of two with one `topic` it keeps the later.
    """

    id: str
    words: str = field(repr=False)
    lasts: timedelta
    urgency: Urgency
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call by the caller of the institution: what is to be said, and to whom. `language` is BCP 47."""

    id: str
    kind: str
    language: str
    number: str
    words: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The server has taken responsibility for it (RFC 5321, section 4.2.5)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """This message will never be taken, for what is in it or for who sends it."""

    code: int


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing will ever arrive at this address."""

    code: int


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The gateway was told at this number that no texts are wanted, and brings none."""

    code: int


@dataclass(frozen=True, slots=True)
class Deferred:
    """This message is not taken now; others may be. `wait` is how long it is to be left alone."""

    code: int
    wait: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Away:
    """It cannot be handed over now, and perhaps none can. `reason` is the name of a fault, never its text; `wait` is
    how long the provider asks to be left alone.
    """

    reason: str
    wait: timedelta | None = None


Outcome = Sent | Refused | Unreachable | OptedOut | Deferred | Away
Came = Outcome | Unsendable | Unwritten | NotNow | Withheld


class GatewayKind(StrEnum):
    PLAIN = "plain"
    TWILIO = "twilio"


@dataclass(frozen=True, slots=True)
class GatewayDoor:
    """Who brings the texts that come back; without a secret that they are signed with, nobody."""

    kind: GatewayKind
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Rates:
    """How many messages a second each provider takes at most; one that is not named takes what comes."""

    each: Mapping[Channel, float] = field(default_factory=dict)


class CallerSecret(str):
    """What the caller and we sign with: what we tell it, and what it tells later. Empty without a caller."""

    __slots__ = ()


class Mailer(Protocol):
    """Raises nothing for what a mail server does or fails to do."""

    async def send(self, mail: Mail) -> Outcome: ...


class Texter(Protocol):
    """Raises nothing for what a gateway does or fails to do. `region` (ISO 3166-1) is where a number without + is."""

    @property
    def region(self) -> str: ...

    async def send(self, text: Text) -> Outcome: ...


class NoTexter:
    """A house that has no gateway: nothing is handed to it."""

    region = ""

    async def send(self, text: Text) -> Outcome:
        raise AssertionError(f"unreachable: {text.id} is not written without a gateway")


class Pusher(Protocol):
    """Raises nothing for what a push service does or fails to do. `key` is what browsers subscribe with, base64url.

    `takes`: whether that may be the address of a push service; where its name leads is seen when something is sent.
    """

    @property
    def key(self) -> str: ...

    def takes(self, endpoint: str) -> bool: ...

    async def send(self, push: Push, device: Device) -> Outcome: ...


class NoPusher:
    """A house without a key of its own: no browser can ask it for notifications."""

    key = ""

    def takes(self, endpoint: str) -> bool:  # noqa: ARG002 -- none
        return False

    async def send(self, push: Push, device: Device) -> Outcome:
        raise AssertionError(f"unreachable: {push.id} has no {device.id} without a key")


class Caller(Protocol):
    """Raises nothing for what the institution's system does or fails to do."""

    async def send(self, call: Call) -> Outcome: ...


class NoCaller:
    """A house that has nobody to call for it."""

    async def send(self, call: Call) -> Outcome:
        raise AssertionError(f"unreachable: {call.id} is not written without a caller")
