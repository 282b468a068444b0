"""What a browser may say while signalling, as PROTOCOL.md has it."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError, model_validator

from telehealth.core.ids import ParticipantId
from telehealth.http.schemas import Message
from telehealth.video import language
from telehealth.video.language import (
    Admit,
    Bye,
    Chat,
    Command,
    Consent,
    Deny,
    Hold,
    Mute,
    Renew,
    Report,
    Resume,
    Signal,
    Stats,
    Taking,
    TapRequest,
    Want,
)
from telehealth.video.room import Media, MediaState, Tap
from telehealth.video.schemas import Sdp, Secret


def _uuid(value: object) -> object:
    """JSON has no UUIDs, and what is strict takes no text for one."""
    try:
        return UUID(value) if isinstance(value, str) else value
    except ValueError:
        return None


Number = Annotated[int, Field(ge=1, lt=2**53)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Id = Annotated[UUID, BeforeValidator(_uuid)]


class ResumeAt(Message):
    session: Annotated[str, Field(max_length=64, min_length=1, pattern=r"^[A-Za-z0-9_-]+$")]
    last_seq: Annotated[int, Field(ge=0, lt=2**53)]


class Hello(Message):
    type: Literal["hello"]
    v: Literal[1]
    ticket: Secret
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
    """Of the connection with the partner, by generation, or of those with the media node, by epoch."""

    type: Literal["media_state"]
    id: Number
    generation: Number | None = None
    epoch: Number | None = None
    state: Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]

    @model_validator(mode="after")
    def _says_of_which(self) -> Self:
        if (self.generation is None) == (self.epoch is None):
            raise ValueError("either a generation or an epoch")
        return self

    def command(self) -> Command:
        return Report(self.id, MediaState(self.state), self.generation, self.epoch)


class OfferSaid(Message):
    type: Literal["offer"]
    id: Number
    epoch: Number
    direction: language.Direction
    connection: Annotated[int, Field(ge=1, le=1000)]
    sdp: Sdp

    def command(self) -> Command:
        return language.Offer(self.id, self.epoch, self.direction, self.connection, self.sdp)


class StatsSaid(Message):
    type: Literal["stats"]
    id: Number
    rtt_ms: Annotated[int, Field(ge=0, le=60_000)]
    loss: Share
    kbps: Annotated[int, Field(ge=0, le=10**6)]
    frozen_ms: Annotated[int, Field(ge=0, le=60_000)]
    relayed: bool
    jitter_ms: Annotated[int, Field(ge=0, le=60_000)] = 0

    def command(self) -> Command:
        return Stats(self.id, self.rtt_ms, self.loss, self.kbps, self.frozen_ms, self.relayed, jitter_ms=self.jitter_ms)


class MuteSaid(Message):
    """What is not sent just now, all of it."""

    type: Literal["mute"]
    id: Number
    kinds: Annotated[list[Media], Field(max_length=2)]

    def command(self) -> Command:
        return Mute(self.id, tuple(sorted(set(self.kinds))))


class AdmitSaid(Message):
    type: Literal["admit"]
    id: Number
    participant: Id

    def command(self) -> Command:
        return Admit(self.id, ParticipantId(self.participant))


class HoldSaid(Message):
    type: Literal["hold"]
    id: Number
    participant: Id

    def command(self) -> Command:
        return Hold(self.id, ParticipantId(self.participant))


class DenySaid(Message):
    type: Literal["deny"]
    id: Number
    participant: Id

    def command(self) -> Command:
        return Deny(self.id, ParticipantId(self.participant))


class RecordRequestSaid(Message):
    type: Literal["record_request"]
    id: Number
    on: bool

    def command(self) -> Command:
        return TapRequest(self.id, Tap.RECORDING, self.on)


class CaptionRequestSaid(Message):
    type: Literal["caption_request"]
    id: Number
    on: bool

    def command(self) -> Command:
        return TapRequest(self.id, Tap.CAPTIONS, self.on)


class ConsentSaid(Message):
    """To a recording or to captions: one of both."""

    type: Literal["consent"]
    id: Number
    recording: Id | None = None
    captions: Id | None = None
    given: bool

    @model_validator(mode="after")
    def _says_to_what(self) -> Self:
        if (self.recording is None) == (self.captions is None):
            raise ValueError("either to a recording or to captions")
        return self

    def command(self) -> Command:
        return Consent(self.id, self._taking(), self.given)

    def _taking(self) -> Taking:
        if self.recording is not None:
            return Taking(Tap.RECORDING, self.recording)
        if self.captions is not None:
            return Taking(Tap.CAPTIONS, self.captions)
        raise AssertionError("unreachable: it says to what")


class WantSaid(Message):
    type: Literal["want"]
    id: Number
    what: Literal["state", "ice"]

    def command(self) -> Command:
        return Want(self.id, self.what)


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


Said = (
    DescriptionSaid
    | CandidateSaid
    | MediaStateSaid
    | OfferSaid
    | StatsSaid
    | MuteSaid
    | ChatSaid
    | RenewSaid
    | AdmitSaid
    | HoldSaid
    | DenySaid
    | RecordRequestSaid
    | CaptionRequestSaid
    | ConsentSaid
    | WantSaid
    | ByeSaid
)
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
