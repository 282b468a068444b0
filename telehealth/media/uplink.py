"""What one participant sends: tracks, each of one or more layers (simulcast), and what the sender is told of them."""

from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from telehealth.media.answer import Idle, Receive, Refuse, Reply
from telehealth.media.keyframes import Codec as Encoding
from telehealth.media.keyframes import KeyframeRequests, begins_keyframe
from telehealth.media.malformed import Malformed
from telehealth.media.receiving import AUDIO_ROOM, VIDEO_ROOM, Receiver
from telehealth.media.rtcp import MOST_BLOCKS, Nack, PictureLoss, ReceiverEstimate, ReceiverReport, SenderReport
from telehealth.media.rtcp import Packet as Control
from telehealth.media.rtcp import build as build_rtcp
from telehealth.media.rtcp import parse as parse_rtcp
from telehealth.media.rtp import Extensions, RtpPacket, read_names, unwrap
from telehealth.media.schemas import StreamView
from telehealth.media.seating import Key, keys_of
from telehealth.media.sections import Offer, Section
from telehealth.media.secure import Packet
from telehealth.media.sending import stamp
from telehealth.media.transport import Ending, Transport

OWN_SSRC: Final = 1  # what the node calls itself in RTCP
REPORT_SECONDS: Final = 1.0
USUAL_RTT: Final = 0.1
UPLINK_LIMIT: Final = 2_500_000  # bits per second


class Subscriber(Protocol):
    """One subscriber's view of a track."""

    def start(self, layer: "Layer", packet: RtpPacket, now: float) -> None:
        """One can begin with that packet, which is the next to `take`."""

    def take(self, layer: "Layer", packet: RtpPacket) -> None: ...

    def lost(self, track: "Track") -> None:
        """The track ended."""


class Layer:
    """One encoding of a track: its stream, and whoever waits for a keyframe of it. `rid` is empty without simulcast."""

    __slots__ = ("receiver", "requests", "rid", "track")

    def __init__(self, track: "Track", rid: str, ssrc: int) -> None:
        codec = track.codecs[0]
        self.track, self.rid = track, rid
        self.receiver = Receiver(
            ssrc,
            clock_rate=codec.clock_rate,
            sender=track.key.participant,
            room=AUDIO_ROOM if track.key.kind == "audio" else VIDEO_ROOM,
            asks="nack" in codec.feedback,
        )
        self.requests = KeyframeRequests()

    @property
    def current(self) -> bool:
        """False once another source sends this layer."""
        return self.track.layers.get(self.rid) is self

    def begins(self, packet: RtpPacket) -> bool:
        """Whether a subscriber can begin with that packet."""
        encoding = self.track.encodings.get(packet.payload_type)
        return encoding is not None and begins_keyframe(encoding, packet)


class Track:
    """One thing a participant sends, from one section. `encodings` and `repaired` are by payload type."""

    def __init__(self, key: Key, section: Section) -> None:
        self.key, self.codecs, self.rids = key, section.codecs, section.rids
        self.encodings = {each.payload_type: Encoding(each.mime.partition("/")[2]) for each in section.codecs}
        self.repaired = {each.rtx: each.payload_type for each in section.codecs if each.rtx is not None}
        self.layers: dict[str, Layer] = {}
        self.subscribers: list[Subscriber] = []

    def best(self) -> Layer | None:
        """The first of its layers, in the order that the offer gave them."""
        return next((self.layers[rid] for rid in (*self.rids, "") if rid in self.layers), None)

    def pass_on(self, layer: Layer, packet: RtpPacket, now: float) -> None:
        packet.stamp = stamp(now)
        if layer.requests.wanted and layer.begins(packet):
            layer.requests.came()
            for subscriber in self.subscribers:
                subscriber.start(layer, packet, now)
        for subscriber in self.subscribers:
            subscriber.take(layer, packet)

    def end(self) -> None:
        for subscriber in tuple(self.subscribers):
            subscriber.lost(self)
        self.subscribers.clear()


class _Stream:
    """What the packets of one SSRC are."""

    __slots__ = ("layer", "repairs")

    def __init__(self, layer: Layer, *, repairs: bool) -> None:
        self.layer, self.repairs = layer, repairs


class Uplink:
    """The handler of a sending connection. `on_closed` is told when it is over; `on_open` when media can come."""

    def __init__(
        self,
        participant: str,
        *,
        clock: Callable[[], float],
        on_open: Callable[[], None],
        on_closed: Callable[[Ending], None],
    ) -> None:
        self.participant = participant
        self.tracks: dict[str, Track] = {}
        self.transport: Transport | None = None
        self.opened, self.closed = on_open, on_closed
        self.malformed = self.unknown = 0
        self._clock = clock
        self._extensions = Extensions({})
        self._streams: dict[int, _Stream] = {}
        self._repairs: dict[int, int] = {}
        self._spare = RtpPacket()
        self._report_at = 0.0

    # Negotiation

    def take(self, offer: Offer) -> list[Reply]:
        """What is answered to that offer, the first one or a later. Tracks of sections that stopped end."""
        self._extensions = Extensions(offer.extensions)
        keys = keys_of(self.participant, offer.sections)
        for mid in [mid for mid in self.tracks if mid not in keys]:
            self._drop(mid)
        replies = []
        for section in offer.sections:
            key = keys.get(section.mid)
            if key is None or not section.codecs:
                replies.append(_passive(section))
                continue
            if section.mid not in self.tracks:
                self._add(key, section)
            replies.append(Receive(codecs=section.codecs, rids=section.rids))
        return replies

    def _add(self, key: Key, section: Section) -> None:
        track = Track(key, section)
        self.tracks[section.mid] = track
        if not section.rids:
            for ssrc in section.ssrcs:
                if ssrc not in section.repairs and not track.layers:
                    self._begin(track, "", ssrc)
            self._repairs |= section.repairs

    def _drop(self, mid: str) -> None:
        track = self.tracks.pop(mid)
        track.end()
        self._streams = {ssrc: each for ssrc, each in self._streams.items() if each.layer.track is not track}

    def end(self) -> None:
        """The connection is over: so are its tracks."""
        for mid in list(self.tracks):
            self._drop(mid)

    # Media

    def rtp(self, packet: Packet, length: int) -> None:
        spare, kinds = self._spare, self._extensions.kinds
        try:
            spare.load(bytes(packet.view[:length]), kinds)
            stream = self._streams.get(spare.ssrc) or self._learn(spare)
            if stream is None:
                self.unknown += 1
                return
            layer, now = stream.layer, self._clock()
            if stream.repairs:
                inner = self._unwrapped(layer, spare)
                if inner is None:
                    return
                spare.load(inner, kinds)
        except Malformed:
            self.malformed += 1
            return
        taken = layer.receiver.accept(spare, now, repaired=stream.repairs)
        if taken is None:
            return
        self._spare = taken
        layer.track.pass_on(layer, spare, now)

    def _unwrapped(self, layer: Layer, packet: RtpPacket) -> bytes | None:
        number = layer.track.repaired.get(packet.payload_type)
        if number is None:
            return None
        return unwrap(packet, ssrc=layer.receiver.ssrc, payload_type=number)

    def _learn(self, packet: RtpPacket) -> _Stream | None:
        """Finds out what a new SSRC is, by the group it was offered in or by what its packet says (RFC 8852)."""
        original = self._repairs.get(packet.ssrc)
        if original is not None:
            known = self._streams.get(original)
            return self._keep(packet.ssrc, _Stream(known.layer, repairs=True)) if known is not None else None
        names = read_names(packet.data, self._extensions)
        track = self.tracks.get(names.mid)
        if track is None:
            return None
        if names.repaired_rid or packet.payload_type in track.repaired:
            repaired = track.layers.get(names.repaired_rid or names.rid)
            return self._keep(packet.ssrc, _Stream(repaired, repairs=True)) if repaired is not None else None
        if names.rid not in (track.rids or ("",)) or packet.payload_type not in track.encodings:
            return None
        return self._begin(track, names.rid, packet.ssrc)

    def _begin(self, track: Track, rid: str, ssrc: int) -> _Stream:
        """A layer begins, or begins anew from another source."""
        layer = Layer(track, rid, ssrc)
        track.layers[rid] = layer
        self._streams = {known: each for known, each in self._streams.items() if each.layer.current}
        layer.requests.want()
        return self._keep(ssrc, _Stream(layer, repairs=False))

    def _keep(self, ssrc: int, stream: _Stream) -> _Stream:
        self._streams[ssrc] = stream
        return stream

    # RTCP

    def rtcp(self, data: bytes) -> None:
        try:
            packets = parse_rtcp(data)
        except Malformed:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, SenderReport):
                stream = self._streams.get(packet.ssrc)
                if stream is not None and not stream.repairs:
                    stream.layer.receiver.hear(packet, self._clock())

    def channel(self, channel: Any) -> None:
        """No data channel is asked for; a browser may open one."""

    def beat(self, now: float) -> None:
        """Tells the sender what is due: called some twenty times a second."""
        if self.transport is None:
            return
        layers = [layer for track in self.tracks.values() for layer in track.layers.values()]
        told: list[Control] = []
        if now >= self._report_at:
            self._report_at = now + REPORT_SECONDS
            told += self._reports(layers, now)
        for layer in layers:
            told += self._wishes(layer, now)
        if told:
            self.transport.send_rtcp(build_rtcp(told))

    def _reports(self, layers: Sequence[Layer], now: float) -> list[Control]:
        blocks = tuple(layer.receiver.block(now) for layer in layers)[:MOST_BLOCKS]
        sources = tuple(layer.receiver.ssrc for layer in layers if layer.track.key.kind == "video")
        return [
            ReceiverReport(ssrc=OWN_SSRC, blocks=blocks),
            ReceiverEstimate(sender=OWN_SSRC, bitrate=UPLINK_LIMIT, sources=sources),
        ]

    def _wishes(self, layer: Layer, now: float) -> list[Control]:
        receiver = layer.receiver
        told: list[Control] = []
        lost = receiver.due(now, USUAL_RTT)
        if lost:
            told.append(Nack(sender=OWN_SSRC, media=receiver.ssrc, lost=lost))
        if receiver.broken and layer.track.key.kind == "video":
            receiver.broken = False
            layer.requests.want()
        if layer.track.key.kind == "video" and layer.requests.due(now):
            told.append(PictureLoss(sender=OWN_SSRC, media=receiver.ssrc))
        return told

    def views(self) -> list[StreamView]:
        layers = [layer for track in self.tracks.values() for layer in track.layers.values()]
        return [_view(layer) for layer in layers]


def _view(layer: Layer) -> StreamView:
    receiver, key = layer.receiver, layer.track.key
    return StreamView(
        kind=key.kind,
        participant=key.participant,
        number=key.number,
        rid=layer.rid,
        packets=receiver.received,
        octets=receiver.octets,
        repeated=receiver.repaired,
        lost=receiver.lost_for_good,
        loss=None,
        rtt_ms=None,
    )


def _passive(section: Section) -> Reply:
    return Idle() if section.kind == "application" or section.codecs else Refuse()
