"""What comes in from outside: texts that a gateway brings, forms of those who are written to, words of messages."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field

from telehealth.core.time import parse_zone
from telehealth.http.schemas import Instant, Message
from telehealth.notifications.kinds import Purpose, Whom
from telehealth.notifications.rules import Attempted, Channel, MessageKind, MessageState
from telehealth.notifications.slots import Published, Words
from telehealth.notifications.wording import Wording, cleaned


def known_zone(name: str) -> str:
    """Raises ValueError for a name that is no zone's; empty is none."""
    return parse_zone(name).key if name else ""


class TextedBack(Message):
    """One text that came back, by a gateway of the plain kind; `from` is E.164."""

    id: Annotated[str, Field(min_length=1, max_length=200)]
    sender: Annotated[str, Field(alias="from", pattern=r"^\+[1-9][0-9]{3,14}$")]
    text: Annotated[str, Field(max_length=2000)]


class TextAnswer(Message):
    """What to text back; null for nothing."""

    reply: str | None


class Receipt(Message):
    """What became of a message, by a gateway of the plain kind or the caller; `id` is ours. `code` says why not:
    `bad_recipient`, `opted_out`, or a number of theirs.
    """

    id: UUID
    status: Literal["delivered", "undelivered", "failed"]
    code: Annotated[int, Field(ge=0, le=99_999)] | Annotated[str, Field(max_length=40)] | None = None


class DeviceKeys(Message):
    """Of one browser, as PushSubscription.toJSON says: base64url."""

    p256dh: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{87}=?$")]
    auth: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{22}(==)?$")]


class Browser(Message):
    """One browser, by where its push service takes what is for it."""

    endpoint: Annotated[str, Field(pattern=r"^https?://[!-~]+$", max_length=1000)]


class Subscription(Browser):
    """PushSubscription.toJSON (Push API, section 8.4)."""

    keys: DeviceKeys
    expiration: Annotated[float | None, Field(alias="expirationTime")] = None


class Renewal(Message):
    """A browser's subscription as it was, which proves that it is that browser, and as it is now."""

    former: Subscription
    present: Subscription


class Notifying(Message):
    """`key` is what browsers subscribe with (Push API, applicationServerKey), empty in a house without notifications;
    `known` are the SHA-256 of the endpoints of those that are shown them, in hexadecimal.
    """

    key: str
    known: list[str]


class WishesForm(Message):
    """Which purposes are wanted at each address, and what comes first. A box that is not ticked is not sent, so
    `shown` says what addresses there were boxes for.
    """

    shown: Annotated[list[Channel], Field(min_length=1)]
    email: list[Purpose] = Field(default_factory=list)
    sms: list[Purpose] = Field(default_factory=list)
    push: list[Purpose] = Field(default_factory=list)
    phone: list[Purpose] = Field(default_factory=list)
    first: Channel | None = None

    def wanted(self, channel: Channel) -> frozenset[Purpose]:
        ticked = {Channel.EMAIL: self.email, Channel.SMS: self.sms, Channel.PUSH: self.push, Channel.PHONE: self.phone}
        return frozenset(ticked[channel])


class MessageTextContent(Message):
    """`{when}` and the like are places, a closed list of each text; a text message has no subject."""

    subject: Annotated[str, Field(max_length=1000)] = ""
    body: Annotated[str, Field(max_length=10_000)]

    def wording(self) -> Wording:
        return Wording(cleaned(self.subject), cleaned(self.body))


class MessageTextView(MessageTextContent):
    """What is said in one language. Version 0 is the catalogue's, which nobody has published."""

    name: Annotated[str, Field(examples=["invitation-patient-email"])]
    kind: MessageKind
    whom: Whom
    channel: Channel
    language: str
    version: int
    places: list[str]
    published_at: Instant | None = None
    published_by: UUID | None = None
    retired_at: Instant | None = None

    @classmethod
    def of(cls, found: Published) -> Self:
        view = cls.of_catalogue(found.words, found.language, found.wording)
        kept = ("version", "published_at", "published_by", "retired_at")
        return view.model_copy(update={name: getattr(found, name) for name in kept})

    @classmethod
    def of_catalogue(cls, words: Words, language: str, wording: Wording) -> Self:
        return cls(
            name=words.name,
            kind=words.kind,
            whom=words.whom,
            channel=words.channel,
            language=language,
            version=0,
            places=sorted(words.frame.known),
            subject=wording.subject,
            body=wording.body,
        )


class MessageTextsView(Message):
    items: list[MessageTextView]


class PreviewText(MessageTextContent):
    """`time_zone` is an IANA name, the reader's."""

    time_zone: Annotated[str, Field(max_length=60, examples=["Europe/Paris"]), AfterValidator(known_zone)] = "UTC"
    at: Instant | None = None


class TextFault(Message):
    """`line` counts from 1; 0 is the whole. `word` is what is meant."""

    field: Literal["subject", "body"]
    line: int
    code: str
    word: str


class TextPreview(Message):
    """How it would read. `parts` are those of a text message on the air at most, which may be `budget`."""

    subject: str
    body: str
    language: str
    direction: Literal["ltr", "rtl"]
    parts: int | None
    budget: int | None
    faults: list[TextFault]


class MessageTextQuery(Message):
    """`told`: what was just done."""

    told: Literal["", "published", "retired"] = ""
    lang: str | None = None


class MessageTextForm(MessageTextContent):
    """`zone` is that of the preview."""

    body: Annotated[str, Field(max_length=10_000)] = ""
    version: Annotated[int, Field(ge=0, lt=2**31)]
    zone: Annotated[str, Field(max_length=60), AfterValidator(known_zone)] = ""
    action: Literal["preview", "publish", "retire"] = "publish"


class SavedQuery(Message):
    """`saved`: it was just saved."""

    saved: Literal["", "yes"] = ""
    lang: str | None = None


class StuckMessagesQuery(Message):
    """`after` is the id of the last message of the page before."""

    after: UUID | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class StuckMessagesPage(Message):
    """`told`: again, after a message was sent again."""

    after: UUID | None = None
    told: Annotated[str, Field(max_length=20)] = ""
    lang: str | None = None


class StuckMessageView(Message):
    """One message that was given up, or that failed and is tried again: nothing of whom it is about or goes to. `age`
    is in seconds since it was due, `attempt` counts how often it was taken up, `tries` what failed for its own sake.

    `outcome` is what came of the last attempt, `fault` its code or the name of a fault.
    """

    id: UUID
    kind: MessageKind
    channel: Channel
    state: MessageState
    due_at: Instant
    age: int
    attempt: int
    tries: int
    next_attempt_at: Instant | None
    fault: str | None
    outcome: Attempted | None
    tried_at: Instant | None


class ChannelBalance(Message):
    """One channel in numbers: `due` and not sent, given up in 30 days, the age of the oldest due in seconds."""

    channel: Channel
    due: int
    dead: int
    oldest_age: int | None


class StuckMessagesView(Message):
    """What is not sent, the longest due first."""

    channels: list[ChannelBalance]
    items: list[StuckMessageView]
