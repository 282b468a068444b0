"""What crosses the wire for a call: tickets, the network check, and what a browser may say while signalling."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from telehealth.http.schemas import Instant, Message
from telehealth.video.room import MediaState
from telehealth.video.rules import Bye, Chat, Command, Renew, Report, Resume, Signal

Number = Annotated[int, Field(ge=1, lt=2**53)]
Sdp = Annotated[str, Field(min_length=1, max_length=60_000)]


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


class ResumeAt(Message):
    session: Annotated[str, Field(max_length=64)]
    last_seq: Annotated[int, Field(ge=0, lt=2**53)]


class Hello(Message):
    type: Literal["hello"]
    v: Literal[1]
    ticket: Annotated[str, Field(max_length=128)]
    resume: ResumeAt | None = None

    def resumption(self) -> Resume | None:
        return None if self.resume is None else Resume(self.resume.session, self.resume.last_seq)


class SessionDescription(Message):
    type: Literal["offer", "answer"]
    sdp: Sdp


class IceCandidate(Message):
    """RTCIceCandidateInit (W3C WebRTC, section 4.8.1); the names are the browser's."""

    candidate: Annotated[str, Field(max_length=2048)]
    sdpMid: Annotated[str | None, Field(max_length=64)] = None  # noqa: N815
    sdpMLineIndex: Annotated[int | None, Field(ge=0, le=64)] = None  # noqa: N815
    usernameFragment: Annotated[str | None, Field(max_length=256)] = None  # noqa: N815


class DescriptionSaid(Message):
    type: Literal["description"]
    id: Number
    generation: Number
    description: SessionDescription

    def command(self) -> Command:
        return Signal(self.id, "description", self.generation, self.description.model_dump())


class CandidateSaid(Message):
    """`null` says that there are no more."""

    type: Literal["candidate"]
    id: Number
    generation: Number
    candidate: IceCandidate | None

    def command(self) -> Command:
        body = None if self.candidate is None else self.candidate.model_dump()
        return Signal(self.id, "candidate", self.generation, body)


class MediaStateSaid(Message):
    type: Literal["media_state"]
    id: Number
    generation: Number
    state: Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]

    def command(self) -> Command:
        return Report(self.id, self.generation, MediaState(self.state))


class ChatSaid(Message):
    type: Literal["chat"]
    id: Number
    text: Annotated[str, Field(min_length=1, max_length=2000)]

    def command(self) -> Command:
        return Chat(self.id, self.text)


class RenewSaid(Message):
    type: Literal["renew"]
    id: Number
    generation: Number

    def command(self) -> Command:
        return Renew(self.id, self.generation)


class ByeSaid(Message):
    type: Literal["bye"]
    id: Number

    def command(self) -> Command:
        return Bye(self.id)


class Ping(Message):
    type: Literal["ping"]


Said = DescriptionSaid | CandidateSaid | MediaStateSaid | ChatSaid | RenewSaid | ByeSaid
_SAID: TypeAdapter[Said | Ping] = TypeAdapter(Annotated[Said | Ping, Field(discriminator="type")])


def read_said(message: object) -> Said | Ping | None:
    """One message of a browser; None for what is not in the protocol."""
    try:
        return _SAID.validate_python(message, strict=True)
    except ValidationError:
        return None


def read_hello(message: object) -> Hello | None:
    """The first message; None for anything else."""
    try:
        return Hello.model_validate(message, strict=True)
    except ValidationError:
        return None
