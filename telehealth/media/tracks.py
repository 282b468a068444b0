"""What a sender sends, in its encodings, and who gets which of them (simulcast: RFC 8853).

    track = Track(mid="1", sender="p1", formats={96: Format(Codec.VP8, 90_000)}, rids=("h", "l"))
    track.refresh(now)                             a few times a second
    track.close()

    subscription = Subscription(track, outgoing, types)
    subscription.want(0, now)                      the best encoding; None: nothing
    subscription.needs_keyframe()                  its decoder asks for one
    subscription.follow(another, types, now)       the same stream of another sender, without a seam
    subscription.close()

A change takes effect where a keyframe of the wanted encoding begins; until then the subscriber keeps what it has. Who
wants an encoding that is not sent gets the next lower one that is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from telehealth.media.feedback import UplinkLimit
from telehealth.media.keyframes import Codec, KeyframeRequests, begins_keyframe
from telehealth.media.receiving import AUDIO_ROOM, VIDEO_ROOM, Receiver
from telehealth.media.rtp import RtpPacket
from telehealth.media.sending import Outgoing

SILENT_AFTER: Final = 0.6  # seconds without a packet after which an encoding counts as not sent
MEASURED_OVER: Final = 1.0
USUAL_RATES: Final[Mapping[int, tuple[int, ...]]] = {
    1: (800_000,),
    2: (1_500_000, 200_000),
    3: (1_500_000, 500_000, 150_000),
}


@dataclass(frozen=True, slots=True)
class Format:
    """What a payload type means (RFC 8851 calls it so); `retransmits` is the one whose packets it brings again."""

    codec: Codec
    clock_rate: int
    retransmits: int | None = None


class Running(Protocol):
    """A stream that goes by itself (lanes.Lane)."""

    def stop(self) -> None: ...


class Source:
    """One encoding of a track: what comes in, who has it, and who waits until a keyframe of it begins.

    `lane` is what its packets go by while nothing about it changes, `calm` how many did not since it ended.
    """

    __slots__ = (
        "_measured_at",
        "_octets",
        "calm",
        "lane",
        "live",
        "rate",
        "receiver",
        "requests",
        "rid",
        "waiting",
    )

    def __init__(self, rid: str, usual: int) -> None:
        self.rid = rid
        self.receiver: Receiver | None = None
        self.live: list[Outgoing] = []
        self.lane: Running | None = None
        self.calm = 0
        self.waiting: list[Subscription] = []
        self.requests = KeyframeRequests()
        self.rate = usual
        self._octets, self._measured_at = 0, 0.0

    def halt(self) -> None:
        """Something about it changes: its packets come here again."""
        self.calm = 0
        if self.lane is not None:
            self.lane.stop()

    def want_keyframe(self) -> None:
        self.halt()
        self.requests.want()

    def sends(self, now: float) -> bool:
        return self.receiver is not None and now - self.receiver.arrived < SILENT_AFTER

    def measure(self, now: float) -> None:
        """Sets `rate`, bits per second: what it was over the last second it was sent, before that what is usual."""
        if self.receiver is None or now - self._measured_at < MEASURED_OVER:
            return
        octets = self.receiver.octets - self._octets
        if octets > 0 and self._octets > 0:
            self.rate = int(octets * 8 / (now - self._measured_at))
        self._octets, self._measured_at = self.receiver.octets, now

    def admit(self, packet: RtpPacket, codec: Codec, now: float) -> None:
        """Lets in who waits when a keyframe begins with that packet."""
        if self.receiver is None or not begins_keyframe(codec, packet):
            return
        self.requests.came()
        self.receiver.forget(packet.number)
        self.receiver.broken = False
        waiting, self.waiting = self.waiting, []
        for each in waiting:
            each.begin(self, packet, now)


class Track:
    """What a sender sends under one mid. `sources` are its encodings, the best first, as `rids` are (RFC 8853).

    `formats` are by the sender's payload types, of one clock rate. `asks`: whether NACK was negotiated.
    """

    def __init__(
        self, *, mid: str, sender: str, formats: Mapping[int, Format], rids: Sequence[str] = (), asks: bool = True
    ) -> None:
        self.mid, self.sender, self.formats, self.asks = mid, sender, dict(formats), asks
        usual = USUAL_RATES.get(len(rids) or 1, USUAL_RATES[3])
        names = tuple(rids)[: len(usual)] or ("",)
        self.sources = tuple(Source(rid, rate) for rid, rate in zip(names, usual, strict=True))
        self.subscriptions: list[Subscription] = []
        self.limit = UplinkLimit(usual)
        self.codecs = {number: each.codec for number, each in self.formats.items() if each.retransmits is None}
        self.is_audio = all(each is Codec.OPUS for each in self.codecs.values())

    @property
    def rates(self) -> tuple[int, ...]:
        """Bits per second of each encoding, the best first."""
        return tuple(each.rate for each in self.sources)

    @property
    def best_wanted(self) -> int | None:
        """The best layer that a subscriber wants; None: nobody wants any."""
        return min((each.layer for each in self.subscriptions if each.layer is not None), default=None)

    def serving(self, layer: int, now: float) -> Source:
        """The encoding for who wants that layer: itself, or the best below it that is sent, or above."""
        layer = min(layer, len(self.sources) - 1)
        order = (*self.sources[layer:], *reversed(self.sources[:layer]))
        return next((each for each in order if each.sends(now)), self.sources[layer])

    def listen(self, source: Source, ssrc: int) -> Receiver:
        """Begins to receive that encoding from that SSRC. Who had it from another waits for its keyframe."""
        rate = next((each.clock_rate for each in self.formats.values()), 90_000)
        room = AUDIO_ROOM if self.is_audio else VIDEO_ROOM
        source.receiver = Receiver(ssrc, clock_rate=rate, sender=self.sender, room=room, asks=self.asks)
        for each in self.subscriptions:
            if each.current is source:
                each.begin_anew(source)
        return source.receiver

    def refresh(self, now: float) -> None:
        """A few times a second: rates, and who must be served by another encoding because one fell silent or came."""
        for source in self.sources:
            source.measure(now)
        for each in self.subscriptions:
            each.aim(now)

    def close(self) -> None:
        """The sender stopped it. Its subscribers keep their streams, and may follow another track."""
        for each in tuple(self.subscriptions):
            each.close()


class Subscription:
    """One track on its way to one subscriber. `layer` is what is wanted, `current` what is sent now."""

    __slots__ = ("_target", "current", "layer", "outgoing", "track", "types")

    def __init__(self, track: Track, outgoing: Outgoing, types: bytes) -> None:
        """`types` maps the sender's payload types to the subscriber's (`sending.payload_types`)."""
        self.track, self.outgoing, self.types = track, outgoing, types
        self.layer: int | None = None
        self.current: Source | None = None
        self._target: Source | None = None
        track.subscriptions.append(self)

    def want(self, layer: int | None, now: float) -> None:
        self.layer = layer
        if layer is None:
            self._wait_for(None)
            self._leave()
        else:
            self.aim(now)

    def aim(self, now: float) -> None:
        """Waits for the encoding that serves what is wanted, unless it is already there."""
        if self.layer is None:
            return
        serving = self.track.serving(self.layer, now)
        if self.current is not None and serving is not self.current and not serving.sends(now):
            serving = self.current
        self._wait_for(None if serving is self.current else serving)

    def needs_keyframe(self) -> None:
        """The subscriber's decoder asks for one."""
        source = self._target or self.current
        if source is not None and not self.track.is_audio:
            source.want_keyframe()

    def follow(self, track: Track, types: bytes, now: float) -> None:
        """From its next keyframe on the stream is made of another track; until then of what it had, if that comes."""
        self._wait_for(None)
        if self in self.track.subscriptions:
            self.track.subscriptions.remove(self)
        self.track, self.types = track, types
        track.subscriptions.append(self)
        self.aim(now)

    def close(self) -> None:
        self._wait_for(None)
        self._leave()
        if self in self.track.subscriptions:
            self.track.subscriptions.remove(self)

    def begin(self, source: Source, packet: RtpPacket, now: float) -> None:
        """That source is sent from that packet on: called where a keyframe begins, before the packet itself is sent.

        When that one came late, what came before it and follows it is sent here.
        """
        self._leave()
        self._target, self.current = None, source
        if source.receiver is None:
            return
        source.halt()
        self.outgoing.begin(source.receiver, packet, now, self.types)
        source.live.append(self.outgoing)
        for number in range(packet.number + 1, source.receiver.highest + 1):
            kept = source.receiver.find(number)
            if kept is not None:
                self.outgoing.write(kept)

    def begin_anew(self, source: Source) -> None:
        """It waits for a keyframe of what it had: that comes from another SSRC now."""
        self._leave()
        self._wait_for(source)

    def _leave(self) -> None:
        if self.current is not None and self.outgoing in self.current.live:
            self.current.halt()
            self.current.live.remove(self.outgoing)
        self.current = None

    def _wait_for(self, source: Source | None) -> None:
        if source is self._target:
            return
        if self._target is not None and self in self._target.waiting:
            self._target.waiting.remove(self)
        self._target = source
        if source is not None:
            source.halt()
            source.waiting.append(self)
            if not self.track.is_audio:
                source.want_keyframe()
