"""From one sender to its subscribers: the hot path, and what the sender is told.

    uplink = Uplink(extensions, tracks=[track, ...], ssrc=ours)
    uplink.declare(ssrc, mid="1")                  where SDP names the SSRC; else packets say where they belong
    uplink.receive(data, now)                      one decrypted packet in, one out for each subscriber; or Malformed
    uplink.hear(packets, now)                      its RTCP
    uplink.due(now)                                RTCP for it, to be asked for some twenty times a second
    uplink.negotiate(extensions) / uplink.add(track) / uplink.remove(mid)     what a later offer changes

What is allocated for a packet is its bytes, which are kept to be sent again, and numbers.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from telehealth.media.feedback import TransportArrivals
from telehealth.media.keyframes import Bell
from telehealth.media.receiving import Receiver
from telehealth.media.rtcp import (
    MOST_BLOCKS,
    Nack,
    Packet,
    PictureLoss,
    ReceiverEstimate,
    ReceiverReport,
    SenderReport,
)
from telehealth.media.rtp import Extensions, RtpPacket, read_names, unwrap
from telehealth.media.sending import STAMPS_PER_SECOND, Outgoing
from telehealth.media.tracks import Source, Track

REPORT_SECONDS: Final = 1.0
LOOK_SECONDS: Final = 0.1  # how often is looked for what is due, where nothing is wanted at once
CALM: Final = 16  # packets, one after the other, before a stream goes by itself
USUAL_RTT: Final = 0.1  # a node of ICE-lite asks nobody, and a sender that hears no sender reports tells nothing


@dataclass(slots=True)
class Counts:
    """Packets that went no further: of an `unknown` source or type; `repeated` or too late; `empty` retransmissions."""

    unknown: int = 0
    repeated: int = 0
    empty: int = 0


@dataclass(frozen=True, slots=True)
class _Feed:
    """What an SSRC carries: an encoding, or what was lost of it (`repairs`, RFC 4588)."""

    track: Track
    source: Source
    receiver: Receiver | None
    repairs: bool


@dataclass(frozen=True, slots=True)
class Flow:
    """A stream of which nobody waits for a keyframe: its next packet goes where the last one went.

    `types` are the payload types that are media, `kinds` those of Extensions.
    """

    uplink: "Uplink"
    source: Source
    receiver: Receiver
    ssrc: int
    kinds: bytes
    types: frozenset[int]

    @property
    def next(self) -> int:
        """The sequence number of its next packet."""
        return self.receiver.next

    @property
    def offset(self) -> int:
        """How far packet numbers are from sequence numbers."""
        return self.receiver.highest + 1 - self.receiver.next

    @property
    def outgoings(self) -> Sequence[Outgoing]:
        return self.source.live

    def fail(self, leap: int) -> None:
        """Ends all that its sender sends, because what went by itself is not known for sure. `leap` is more than that
        can have been: no number of those is used again.
        """
        self.uplink.fail(leap)


class Uplink:
    """What one participant sends. `ssrc` is the one that our RTCP to it comes from. `failed`: what went by itself
    is not known for sure, and nothing goes on.
    """

    def __init__(self, extensions: Extensions, *, tracks: Iterable[Track], ssrc: int) -> None:
        self.ssrc = ssrc
        self.tracks: dict[str, Track] = {}
        self.arrivals = TransportArrivals(ssrc, 0)
        self.counts = Counts()
        self._extensions, self._kinds = extensions, extensions.kinds
        self._feeds: dict[int, _Feed] = {}
        self._spare = RtpPacket()
        self._bell = Bell()
        self._report_at = self._look_at = float("-inf")
        self._limit = -1
        self.failed = False
        for track in tracks:
            self.add(track)

    def receive(self, data: bytes, now: float) -> None:
        """Takes a decrypted packet and sends it on. Malformed when it is none: it is not counted as received then."""
        packet = self._spare
        source = self._accept(data, now)
        if source is None:
            return
        if source.lane is not None:
            source.halt()  # it was not what the lane waits for
        if source.waiting or source.requests.wanted:
            source.admit(packet, self._feeds[packet.ssrc].track.codecs[packet.payload_type], now)
        for outgoing in source.live:
            outgoing.write(packet)

    def account(self, data: bytes, now: float) -> None:
        """Takes a decrypted packet that was sent on by itself. Malformed as `receive`."""
        packet = self._spare
        source = self._accept(data, now)
        if source is not None:
            for outgoing in source.live:
                outgoing.wrote(packet)

    def _accept(self, data: bytes, now: float) -> Source | None:
        """Reads, numbers and keeps a packet, which is in `_spare` before; None: it goes no further."""
        packet = self._spare
        packet.load(data, self._kinds)
        if packet.transport_number >= 0:
            self.arrivals.record(packet.transport_number, now)
        feed = self._feeds.get(packet.ssrc) or self._learn(packet)
        if feed is None:
            self.counts.unknown += 1
            return None
        receiver = feed.receiver if not feed.repairs else self._unwrap(packet, feed)
        if receiver is None:
            return None
        if packet.payload_type not in feed.track.codecs:
            self.counts.unknown += 1
            return None
        spare = receiver.accept(packet, now, repaired=feed.repairs)
        if spare is None:
            self.counts.repeated += 1
            return None
        self._spare = spare
        packet.stamp = int(now * STAMPS_PER_SECOND) & 0xFFFFFF
        return feed.source

    def flow(self, ssrc: int) -> Flow | None:
        """How the stream of that SSRC goes on by itself; None: the next packet has to be looked at too. Asked after
        each packet that was: one in CALM is an answer, for to begin a lane costs more than to forward a few.
        """
        feed = self._feeds.get(ssrc)
        if feed is None or feed.repairs or feed.receiver is None or feed.receiver.highest < 0:
            return None
        source = feed.source
        source.calm += 1
        if source.calm < CALM or source.waiting or source.requests.wanted:
            return None
        source.calm = 0
        return Flow(self, source, feed.receiver, ssrc, self._kinds, frozenset(feed.track.codecs))

    def negotiate(self, extensions: Extensions) -> None:
        """Takes the identifiers of a later offer: more sections may name more."""
        self._halt(self.tracks.values())
        self._extensions, self._kinds = extensions, extensions.kinds

    def declare(self, ssrc: int, *, mid: str, rid: str = "", repairs: bool = False) -> None:
        """Says what an SSRC carries; `repairs`: retransmissions. Of an unknown mid or rid it says nothing."""
        track = self.tracks.get(mid)
        source = _encoding(track, rid)
        if track is not None and source is not None:
            self._bind(ssrc, track, source, repairs=repairs)

    def source(self, ssrc: int) -> Source | None:
        """The encoding that comes from that SSRC."""
        feed = self._feeds.get(ssrc)
        return feed.source if feed is not None and not feed.repairs else None

    def add(self, track: Track) -> None:
        """Takes a track, in place of another of the same mid."""
        self.remove(track.mid)
        self.tracks[track.mid] = track
        for source in track.sources:
            source.requests.bell = self._bell
        self._bell.rung = True

    def remove(self, mid: str) -> None:
        track = self.tracks.pop(mid, None)
        if track is not None:
            self._halt([track])
            track.close()
            self._feeds = {ssrc: feed for ssrc, feed in self._feeds.items() if feed.track is not track}

    def close(self) -> None:
        for mid in tuple(self.tracks):
            self.remove(mid)

    def fail(self, leap: int) -> None:
        """Ends it, with so many numbers left out in each stream that is made of it."""
        self.failed = True
        for track in self.tracks.values():
            for outgoing in [each for source in track.sources for each in source.live]:
                outgoing.highest += leap
        self.close()

    @staticmethod
    def _halt(tracks: Iterable[Track]) -> None:
        for track in tracks:
            for source in track.sources:
                source.halt()

    def hear(self, packets: Iterable[Packet], now: float) -> None:
        """Takes the sender's reports (RFC 3550, section 6.4.1); all else it may say is no news here."""
        for packet in packets:
            if isinstance(packet, SenderReport):
                source = self.source(packet.ssrc)
                if source is not None and source.receiver is not None:
                    source.receiver.hear(packet, now)

    def due(self, now: float) -> list[Packet]:
        """What is to be told now: what is missing, keyframes that are needed, reports, arrivals, the limit."""
        looking = now >= self._look_at
        if not looking and not self._bell.rung:
            return []
        if looking:
            self._look_at = now + LOOK_SECONDS
            for track in self.tracks.values():
                track.refresh(now)
        told: list[Packet] = []
        received = [(track, each) for track in self.tracks.values() for each in track.sources if each.receiver]
        if self.arrivals.due(now):
            if received and received[0][1].receiver is not None:
                self.arrivals.media = received[0][1].receiver.ssrc
            told += self.arrivals.take()
        limit = sum(track.limit.update(track.best_wanted, now) for track in self.tracks.values() if not track.is_audio)
        if received and (now - self._report_at >= REPORT_SECONDS or limit != self._limit):
            self._report_at, self._limit = now, limit
            told = [*self._reports(received, limit, now), *told]
        for track, source in received:
            told += self._wishes(track, source, now)
        self._bell.rung = self._wishing
        return told

    @property
    def _wishing(self) -> bool:
        """Whether something may be wanted of the sender at the next beat already."""
        for track in self.tracks.values():
            sources = track.sources
            for source in sources:
                receiver = source.receiver
                if source.requests.wanted or (receiver is not None and (receiver.awaited or receiver.broken)):
                    return True
            if len(sources) > 1 and track.best_wanted != track.limit.best:
                return True
        return False

    def _reports(self, received: Sequence[tuple[Track, Source]], limit: int, now: float) -> Iterator[Packet]:
        receivers = [(track, source.receiver) for track, source in received if source.receiver is not None]
        blocks = tuple(receiver.block(now) for _, receiver in receivers)[:MOST_BLOCKS]
        yield ReceiverReport(ssrc=self.ssrc, blocks=blocks)
        pictures = tuple(receiver.ssrc for track, receiver in receivers if not track.is_audio)
        if pictures:
            yield ReceiverEstimate(sender=self.ssrc, bitrate=limit, sources=pictures)

    def _wishes(self, track: Track, source: Source, now: float) -> Iterator[Packet]:
        receiver = source.receiver
        if receiver is None:
            return
        if lost := receiver.due(now, USUAL_RTT):
            yield Nack(sender=self.ssrc, media=receiver.ssrc, lost=lost)
        if receiver.broken:
            receiver.broken = False
            if source.live and not track.is_audio:
                source.want_keyframe()
        if source.requests.wanted and source.sends(now) and source.requests.due(now):
            yield PictureLoss(sender=self.ssrc, media=receiver.ssrc)

    def _learn(self, packet: RtpPacket) -> _Feed | None:
        """Finds where an unknown SSRC belongs, by the names in its packet or by its payload type alone."""
        names = read_names(packet.data, self._extensions)
        track = self.tracks.get(names.mid) or self._only(packet.payload_type)
        form = track.formats.get(packet.payload_type) if track is not None else None
        source = _encoding(track, names.rid or names.repaired_rid)
        if track is None or form is None or source is None:
            return None
        return self._bind(packet.ssrc, track, source, repairs=form.retransmits is not None)

    def _only(self, payload_type: int) -> Track | None:
        found = [track for track in self.tracks.values() if payload_type in track.formats]
        return found[0] if len(found) == 1 else None

    def _bind(self, ssrc: int, track: Track, source: Source, *, repairs: bool) -> _Feed:
        """An encoding comes from one SSRC at a time, and so do its retransmissions: the newest."""
        source.halt()
        for old, feed in tuple(self._feeds.items()):
            if feed.source is source and feed.repairs == repairs:
                del self._feeds[old]
        receiver = None if repairs else track.listen(source, ssrc)
        if receiver is not None:
            receiver.bell = self._bell
        self._feeds[ssrc] = made = _Feed(track, source, receiver, repairs)
        return made

    def _unwrap(self, packet: RtpPacket, feed: _Feed) -> Receiver | None:
        """Makes of a retransmission the packet that it brings; the receiver it is for, None when it brings none."""
        receiver = feed.source.receiver
        form = feed.track.formats.get(packet.payload_type)
        if receiver is None or form is None or form.retransmits is None:
            self.counts.unknown += 1
            return None
        data = unwrap(packet, ssrc=receiver.ssrc, payload_type=form.retransmits)
        if data is None:
            self.counts.empty += 1
            return None
        packet.load(data, self._kinds)
        return receiver


def _encoding(track: Track | None, rid: str) -> Source | None:
    return next((each for each in track.sources if each.rid == rid), None) if track is not None else None
