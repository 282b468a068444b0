"""The sending connection of one participant: what it negotiated, and what its browser is told of how it arrives."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from telehealth.media import rtcp
from telehealth.media.answer import Idle, Receive, Refuse, Reply
from telehealth.media.forward import Uplink
from telehealth.media.keyframes import Codec as Encoding
from telehealth.media.malformed import Malformed
from telehealth.media.receiving import Receiver
from telehealth.media.rtp import Extensions
from telehealth.media.schemas import StreamView
from telehealth.media.seating import Key, keys_of
from telehealth.media.sections import Codec, Offer, Section
from telehealth.media.secure import Packet
from telehealth.media.tracks import Format, Track
from telehealth.media.transport import Ending, Transport
from telehealth.media.unheard import unheard

OWN_SSRC: Final = 1  # what the node calls itself in RTCP


@dataclass(frozen=True, slots=True)
class Published:
    """A track as others may have it. `codecs` are the sender's."""

    key: Key
    codecs: tuple[Codec, ...]
    track: Track


class NotAccounted(Exception):
    """What went by itself is not known for sure: who sent it has to connect anew."""


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
        self._link.add(track)
        if section.rids:
            return  # their packets say which they are
        for ssrc in section.ssrcs:
            self._link.declare(ssrc, mid=section.mid, repairs=ssrc in section.repairs)

    def _drop(self, mid: str) -> None:
        del self.published[mid]
        self._link.remove(mid)

    def end(self) -> None:
        """The connection is over: so are its tracks, and nobody who holds this is held by it any more."""
        for mid in list(self.published):
            self._drop(mid)
        self.transport, self.opened, self.closed = None, unheard, unheard

    # What comes

    def rtp(self, packet: Packet, length: int, now: float) -> None:
        try:
            self._link.receive(bytes(packet.view[:length]), now)
        except Malformed:
            self.malformed += 1
            return
        transport = self.transport
        if transport is not None and transport.door is not None:
            transport.go_by_itself(self._link.flow(int.from_bytes(packet.buffer[8:12], "big")))

    def rtcp(self, data: bytes) -> None:
        try:
            self._link.hear(rtcp.parse(data), self._clock())
        except Malformed:
            self.malformed += 1

    def channel(self, channel: Any) -> None:
        """No data channel is asked for; a browser may open one."""

    def beat(self, now: float) -> None:
        """Tells its browser what is due: called some fifty times a second. Raises NotAccounted."""
        if self._link.failed:
            raise NotAccounted
        told = self._link.due(now)
        if told and self.transport is not None:
            for data in rtcp.datagrams(told):
                self.transport.send_rtcp(data)

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
