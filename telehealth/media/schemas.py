"""What crosses the control door of the media node."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from telehealth.core.verdict import Verdict
from telehealth.media.sections import FRAGMENT


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"
Name = Annotated[str, Field(min_length=1, max_length=128)]


class Offer(Wire):
    """RTCSessionDescriptionInit of the browser."""

    type: Literal["offer"]
    sdp: str


class Answer(Wire):
    type: Literal["answer"] = "answer"
    sdp: str


class Restart(Wire):
    """An ICE restart without an offer (RFC 9725, section 4.3.3): the new user fragment of the other side."""

    fragment: Annotated[str, Field(pattern=f"^{FRAGMENT}$")]


class Restarted(Wire):
    """The node's new credentials, and where it is, as lines of SDP."""

    fragment: str
    password: str
    candidates: list[str]


class ProbeView(Wire):
    """Round trip and jitter in milliseconds as the node sees them; loss, 0 to 1, of the way to the node."""

    received: int
    lost: int
    loss: float
    rtt_ms: float | None
    jitter_ms: float


class AudioView(Wire):
    """RTP as it arrived: packets, packets missing, interarrival jitter in milliseconds (RFC 3550, section 6.4.1)."""

    packets: int
    lost: int
    jitter_ms: float


class SessionView(Wire):
    """A session's figures."""

    session: UUID
    state: str
    age_s: float
    probes: ProbeView
    audio: AudioView | None
    verdict: Verdict


class StreamView(Wire):
    """One layer that comes in, or one stream that goes out.

    Packets and octets since it began; of what goes out, those sent again count in `repeated`. Loss is what the other
    side last told, 0 to 1, the round trip in milliseconds.
    """

    kind: str
    participant: str
    number: int
    rid: str
    packets: int
    octets: int
    repeated: int
    lost: int
    loss: float | None
    rtt_ms: float | None


class RoomSessionView(Wire):
    """A connection to a room. `suite` is its SRTP protection profile; where its browser is, is not told.

    Of one who receives: whether the way is too poor for pictures, and what it takes, bits per second.
    """

    session: UUID
    participant: str
    direction: Literal["send", "receive"]
    state: str
    suite: str
    streams: list[StreamView]
    audio_only: bool = False
    estimate: int | None = None


class Record(Wire):
    """Begins a recording of those participants, sealed with that key (32 bytes, base64)."""

    key: Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{43}=$")]
    participants: Annotated[list[Name], Field(max_length=32)]


class Renewal(Wire):
    """Goes on with it, of those participants."""

    participants: Annotated[list[Name], Field(max_length=32)]


class RecordedTrack(Wire):
    """A file: what it is of, its place in the recording in milliseconds, its chunks and the head of their chain."""

    file: UUID
    participant: str
    kind: str
    number: int
    codec: str
    offset_ms: int
    duration_ms: int
    chunks: int
    octets: int
    head: str


class RecordingView(Wire):
    """`paused`: nothing is written just now. `failed`: the disk does not take it; nothing more is written."""

    recording: UUID
    state: Literal["running", "paused", "failed", "over"]
    tracks: list[RecordedTrack]


class Speakers(Wire):
    """Whose sound is heard, and in which language each speaks (BCP 47)."""

    speakers: Annotated[dict[Name, Annotated[str, Field(pattern=LANGUAGE)]], Field(max_length=32)]


class Caption(Wire):
    """What somebody says: the whole sentence, or as much of it as there is; the next of them takes its place."""

    number: int
    participant: str
    text: str
    final: bool


class CaptionsView(Wire):
    """`paused`: nobody is heard just now. `away`: the speech engine does not answer. `number` is that of the last
    caption there was, `dropped` counts frames of 20 ms that were not heard in time.
    """

    captions: UUID
    state: Literal["running", "paused", "away"]
    number: int
    lines: list[Caption]
    dropped: int


class Stats(Wire):
    """The node since it began: what it holds, what it took in, and what it dropped, by reason.

    `life` is another each time the process begins, `load` the share of what it can carry that is in use, 0 to 1. A
    node that drains wants to be left. `tasks` are those of its event loop, the one that answers here among them.
    """

    life: str
    load: float
    draining: bool
    rooms: int
    sessions: int
    tasks: int
    received: int
    drops: dict[str, int]
    endings: dict[str, int]


class Health(Wire):
    status: Literal["ok", "full"]
    sessions: int
    most_sessions: int
