"""The sending connection of one participant: what it negotiated, and what its browser is told of how it arrives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from telehealth.media import feedback
from telehealth.media.answer import Idle, Receive, Refuse, Reply
from telehealth.media.forward import Uplink
from telehealth.media.keyframes import Codec as Encoding
from telehealth.media.malformed import Malformed
from telehealth.media.receiving import Receiver
from telehealth.media.rtcp import (
    MOST_BLOCKS,
    Nack,
    PictureLoss,
    ReceiverEstimate,
    ReceiverReport,
    SenderReport,
)
from telehealth.media.rtcp import Packet as Control
from telehealth.media.rtcp import build as build_rtcp
from telehealth.media.rtcp import parse as parse_rtcp
from telehealth.media.rtp import Extensions
from telehealth.media.schemas import StreamView
from telehealth.media.seating import Key, keys_of
from telehealth.media.sections import Codec, Offer, Section
from telehealth.media.secure import Packet
from telehealth.media.tracks import Format, Source, Track
from telehealth.media.transport import Ending, Transport

OWN_SSRC: Final = 1  # what the node calls itself in RTCP
REPORT_SECONDS: Final = 1.0
REFRESH_SECONDS: Final = 0.25
USUAL_RTT: Final = 0.1


@dataclass(frozen=True, slots=True)
class Published:
    """A track as others may have it. `codecs` are the sender's."""

    key: Key
    codecs: tuple[Codec, ...]
    track: Track


class Publisher:
    """The handler of a sending connection. `on_open` is told when media can come, `on_closed` when it is over."""

    def __init__(
        self,
        participant: str,
        *,
        clock: Callable[[], float],
        on_open: Callable[[], None],
        on_closed: Callable[[Ending], None],
    ) -> None:
        self.participant = participant
        self.published: dict[str, Published] = {}
        self.transport: Transport | None = None
        self.opened, self.closed = on_open, on_closed
        self.malformed = 0
        self._clock = clock
        self._link = Uplink(Extensions({}), tracks=(), ssrc=OWN_SSRC)
        self._report_at = self._refresh_at = self._feedback_at = 0.0

    # Negotiation

    def take(self, offer: Offer) -> list[Reply]:
        """What is answered to that offer, the first one or a later. Tracks of sections that stopped end."""
        self._link.negotiate(Extensions(offer.extensions))
        keys = keys_of(self.participant, offer.sections)
        for mid in [mid for mid in self.published if mid not in keys]:
            self._drop(mid)
        return [self._reply(section, keys.get(section.mid)) for section in offer.sections]

    def _reply(self, section: Section, key: Key | None) -> Reply:
        if key is None or not section.codecs:
            return Idle() if section.kind == "application" or section.codecs else Refuse()
        if section.mid not in self.published:
            self._publish(key, section)
        return Receive(codecs=section.codecs, rids=section.rids)

    def _publish(self, key: Key, section: Section) -> None:
        track = Track(
            mid=section.mid,
            sender=self.participant,
            formats=dict(_formats(section)),
            rids=section.rids,
            asks=any("nack" in codec.feedback for codec in section.codecs),
        )
        self.published[section.mid] = Published(key, section.codecs, track)
        self._link.tracks[section.mid] = track
        if section.rids:
            return  # their packets say which they are
        for ssrc in section.ssrcs:
            self._link.declare(ssrc, mid=section.mid, repairs=ssrc in section.repairs)

    def _drop(self, mid: str) -> None:
        del self._link.tracks[mid]
        self.published.pop(mid).track.close()

    def end(self) -> None:
        """The connection is over: so are its tracks."""
        for mid in list(self.published):
            self._drop(mid)

    # What comes

    def rtp(self, packet: Packet, length: int) -> None:
        try:
            self._link.receive(bytes(packet.view[:length]), self._clock())
        except Malformed:
            self.malformed += 1

    def rtcp(self, data: bytes) -> None:
        try:
            packets = parse_rtcp(data)
        except Malformed:
            self.malformed += 1
            return
        for packet in packets:
            if isinstance(packet, SenderReport):
                source = self._link.source(packet.ssrc)
                if source is not None and source.receiver is not None:
                    source.receiver.hear(packet, self._clock())

    def channel(self, channel: Any) -> None:
        """No data channel is asked for; a browser may open one."""

    # What its browser is told

    def beat(self, now: float) -> None:
        """Tells what is due: called some twenty times a second."""
        if self.transport is None:
            return
        if now >= self._refresh_at:
            self._refresh_at = now + REFRESH_SECONDS
            for each in self.published.values():
                each.track.refresh(now)
        told = [*self._arrivals(now), *self._reports(now), *self._wishes(now)]
        if told:
            self.transport.send_rtcp(build_rtcp(told))

    def _arrivals(self, now: float) -> Iterator[Control]:
        if now >= self._feedback_at:
            self._feedback_at = now + feedback.INTERVAL
            yield from self._link.arrivals.take()

    def _reports(self, now: float) -> Iterator[Control]:
        if now < self._report_at:
            return
        self._report_at = now + REPORT_SECONDS
        heard = [source.receiver for _, source in self._sources() if source.receiver is not None]
        yield ReceiverReport(ssrc=OWN_SSRC, blocks=tuple(each.block(now) for each in heard[:MOST_BLOCKS]))
        pictures = [each.track for each in self.published.values() if not each.track.is_audio]
        if pictures:
            wanted = sum(track.limit.update(track.best_wanted, now) for track in pictures)
            yield ReceiverEstimate(sender=OWN_SSRC, bitrate=wanted, sources=tuple(each.ssrc for each in heard))

    def _wishes(self, now: float) -> Iterator[Control]:
        """What is to be sent again, and keyframes."""
        for track, source in self._sources():
            receiver = source.receiver
            if receiver is None:
                continue
            lost = receiver.due(now, USUAL_RTT)
            if lost:
                yield Nack(sender=OWN_SSRC, media=receiver.ssrc, lost=lost)
            if track.is_audio:
                continue
            if receiver.broken:
                receiver.broken = False
                source.requests.want()
            if source.requests.due(now):
                yield PictureLoss(sender=OWN_SSRC, media=receiver.ssrc)

    def _sources(self) -> Iterator[tuple[Track, Source]]:
        return ((each.track, source) for each in self.published.values() for source in each.track.sources)

    def views(self) -> list[StreamView]:
        return [
            _view(each.key, source.rid, source.receiver)
            for each in self.published.values()
            for source in each.track.sources
            if source.receiver is not None
        ]


def _formats(section: Section) -> Iterator[tuple[int, Format]]:
    for codec in section.codecs:
        encoding = Encoding(codec.mime.partition("/")[2])
        yield codec.payload_type, Format(encoding, codec.clock_rate)
        if codec.rtx is not None:
            yield codec.rtx, Format(encoding, codec.clock_rate, codec.payload_type)


def _view(key: Key, rid: str, receiver: Receiver) -> StreamView:
    return StreamView(
        kind=key.kind,
        participant=key.participant,
        number=key.number,
        rid=rid,
        packets=receiver.received,
        octets=receiver.octets,
        repeated=receiver.repaired,
        lost=receiver.lost_for_good,
        loss=None,
        rtt_ms=None,
    )
