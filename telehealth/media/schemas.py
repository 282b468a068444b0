"""What crosses the control door of the media node."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from telehealth.media.verdict import Verdict


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Offer(Wire):
    """RTCSessionDescriptionInit of the browser."""

    type: Literal["offer"]
    sdp: str


class Answer(Wire):
    type: Literal["answer"] = "answer"
    sdp: str


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
    """A session's figures. `drops` counts what the guard stopped, by reason."""

    session: UUID
    state: str
    age_s: float
    probes: ProbeView
    audio: AudioView | None
    drops: dict[str, int]
    verdict: Verdict


class Health(Wire):
    status: Literal["ok", "full"]
    sessions: int
    most_sessions: int
