"""What crosses the wire for a call: tickets, the network check, credentials, polls."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from telehealth.http.schemas import Instant, Message
from telehealth.people.schemas import Name
from telehealth.visits.lifecycle.parts import ParticipantKind

Sdp = Annotated[str, Field(min_length=1, max_length=60_000)]
Secret = Annotated[str, Field(max_length=128)]


class TicketView(Message):
    """A ticket for one conversation at /v1/signalling."""

    ticket: str
    expires_at: Instant


class Offer(Message):
    """RTCSessionDescriptionInit of the browser's side of the network check."""

    type: Literal["offer"]
    sdp: Sdp


class Answer(Message):
    type: Literal["answer"] = "answer"
    sdp: str


class IceServer(Message):
    """RTCIceServer (W3C WebRTC, section 4.2.4)."""

    urls: list[str]
    username: str
    credential: str


class IceServersView(Message):
    ice_servers: list[IceServer]


class ChatMessageView(Message):
    """What somebody wrote in a call."""

    id: UUID
    participant: UUID
    kind: ParticipantKind
    at: Instant
    text: str


class ChatView(Message):
    """Everything the reader was there for, first said first."""

    items: list[ChatMessageView]


class CallQualityView(Message):
    """What one participant received: median of the minutes and worst round trip, mean and worst loss (0 to 1), for how
    long pictures stood still; `relayed` is the share that came over a TURN server.
    """

    participant: UUID
    minutes: int
    rtt_ms: int
    worst_rtt_ms: int
    loss: float
    worst_loss: float
    frozen_seconds: int
    relayed: float


class CallQualitiesView(Message):
    """Of everybody who received media."""

    items: list[CallQualityView]


class MakeMediaCredential(Message):
    """What a device sends with (`device`, WHIP) or an observer receives with (`observer`, WHEP), and for how long it
    opens a connection. `name` is what staff call them.
    """

    kind: Literal["device", "observer"]
    name: Name
    minutes: Annotated[int, Field(ge=1, le=240)] = 30


class MediaCredentialView(Message):
    """`endpoint` takes an SDP offer with `token` as the bearer; the token is told here and nowhere else."""

    participant: UUID
    kind: ParticipantKind
    endpoint: str
    token: str
    expires_at: Instant


class Poll(Message):
    """One turn of long polling: what the browser says, and the last number it has heard; none with a hello."""

    ticket: Secret
    after: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    messages: Annotated[list[dict[str, Any]], Field(max_length=20)]


class Polled(Message):
    """The server's turn: messages as a socket carries them, and the number to go on from."""

    messages: list[dict[str, Any]]
    after: int
