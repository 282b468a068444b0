"""What one participant receives: for each section that shows something, one stream made of whatever stands for it."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from telehealth.media.answer import ONLY_UP, Idle, Refuse, Reply, Send
from telehealth.media.layers import Demand, LayerChooser, worst_loss
from telehealth.media.malformed import Malformed
from telehealth.media.publisher import Published
from telehealth.media.rtcp import (
    FullIntra,
    Nack,
    PictureLoss,
    ReceiverEstimate,
    ReceiverReport,
    ReportBlock,
    SenderReport,
    SourceDescription,
)
from telehealth.media.rtcp import Packet as Control
from telehealth.media.rtcp import build as build_rtcp
from telehealth.media.rtcp import parse as parse_rtcp
from telehealth.media.rtp import Extensions
from telehealth.media.schemas import StreamView
from telehealth.media.seating import Key, common, seat
from telehealth.media.sections import Codec, Offer, Section
from telehealth.media.secure import Packet
from telehealth.media.sending import REPEATED_PER_SECOND, Outgoing, Retransmission, Slab, payload_types
from telehealth.media.tracks import Subscription
from telehealth.media.transport import Ending, Transport
from telehealth.media.unheard import unheard

REPORT_SECONDS: Final = 1.0
CHOOSE_SECONDS: Final = 0.25
REPEATED_SHARE: Final = 0.25  # of what the way takes, for what was lost


class Feed:
    """A section that shows one key: the same stream whichever track stands for that key."""

    def __init__(self, key: Key, codecs: Mapping[int, Codec], outgoing: Outgoing, *, rtx_ssrc: int | None) -> None:
        """`codecs` are the section's, by the payload types of the first sender."""
        self.key, self.codecs, self.outgoing, self.rtx_ssrc = key, codecs, outgoing, rtx_ssrc
        self.subscription: Subscription | None = None

    def follow(self, published: Published, now: float) -> None:
        """Shows that track from its next keyframe on."""
        matched = common(published.codecs, tuple(self.codecs.values()))
        types = payload_types({theirs: ours.payload_type for theirs, ours in matched.items()})
        if self.subscription is None:
            self.subscription = Subscription(published.track, self.outgoing, types)
        elif self.subscription.track is not published.track:
            self.subscription.follow(published.track, types, now)

    def begin(self, now: float) -> None:
        """From now on the subscriber can be sent what it shows."""
        if self.subscription is not None and self.subscription.layer is None:
            self.subscription.want(0, now)

    def leave(self) -> None:
        if self.subscription is not None:
            self.subscription.close()

    def refresh(self) -> None:
        """The subscriber needs a keyframe."""
        if self.subscription is not None:
            self.subscription.needs_keyframe()

    @property
    def demand(self) -> Demand | None:
        """What its picture takes, while there is one."""
        shown = self.subscription
        if shown is None or shown.track.is_audio or shown not in shown.track.subscriptions:
            return None
        return Demand(key=self.key.participant + str(self.key.number), rates=shown.track.rates)

    def view(self) -> StreamView:
        sent, quality, shown = self.outgoing, self.outgoing.quality, self.subscription
        return StreamView(
            kind=self.key.kind,
            participant=self.key.participant,
            number=self.key.number,
            rid=shown.current.rid if shown is not None and shown.current is not None else "",
            packets=sent.packets,
            octets=sent.octets,
            repeated=sent.repeated,
            lost=sent.not_kept,
            loss=quality.loss,
            rtt_ms=None if quality.rtt is None else quality.rtt * 1000,
        )


class Subscriber:
    """The handler of a receiving connection. `slab` is where packets are written and sealed, its transport's outbox."""

    def __init__(
        self,
        participant: str,
        *,
        slab: Slab,
        clock: Callable[[], float],
        on_open: Callable[[], None],
        on_closed: Callable[[Ending], None],
    ) -> None:
        self.participant = participant
        self.feeds: dict[str, Feed] = {}
        self.transport: Transport | None = None
        self.opened, self.closed = on_open, on_closed
        self._up = False
        self.malformed = 0
        self._chooser = LayerChooser()
        self._choose_at = 0.0
        self._sent, self._sent_at = 0, clock()
        self._clock, self._slab = clock, slab
        self._report_at = 0.0
        self._moves = 0

    # Negotiation

    def take(self, offer: Offer, tracks: Mapping[Key, Published]) -> list[Reply]:
        """What is answered to that offer, the first one or a later, when those tracks are to be had."""
        shown = {mid: feed.key for mid, feed in self.feeds.items()}
        seats = seat(offer.sections, shown, [key for key in tracks if key.participant != self.participant])
        for mid in [mid for mid, feed in self.feeds.items() if seats.get(mid) != feed.key]:
            self.feeds.pop(mid).leave()
        extensions = Extensions({kind: at for kind, at in offer.extensions.items() if kind not in ONLY_UP})
        return [self._reply(section, seats.get(section.mid), tracks, extensions) for section in offer.sections]

    def _reply(
        self, section: Section, key: Key | None, tracks: Mapping[Key, Published], extensions: Extensions
    ) -> Reply:
        if section.kind == "application":
            return Idle()
        feed = self.feeds.get(section.mid)
        if feed is None and key is not None and self.transport is not None:
            feed = self._begin(section, tracks[key], extensions, self.transport)
        if feed is None:
            return Idle() if section.codecs else Refuse()
        self._follow(feed, tracks[feed.key])
        return Send(
            codecs=tuple(dict.fromkeys(feed.codecs.values())),
            stream=feed.key.participant,
            track=f"{feed.key.kind}-{feed.key.number}",
            ssrc=feed.outgoing.ssrc,
            rtx_ssrc=feed.rtx_ssrc,
        )

    def _begin(
        self, section: Section, published: Published, extensions: Extensions, transport: Transport
    ) -> Feed | None:
        codecs = common(published.codecs, section.codecs)
        if not codecs:
            return None
        types = {codec.payload_type: codec.rtx for codec in codecs.values() if codec.rtx is not None}
        again = Retransmission(ssrc=_source(), payload_types=types) if types else None
        outgoing = Outgoing(
            ssrc=_source(),
            mid=section.mid,
            extensions=extensions,
            slab=self._slab,
            send=transport.send_rtp,
            retransmission=again,
            sequence_number=secrets.randbits(15),
            timestamp=secrets.randbits(32),
        )
        outgoing.door = transport.door
        feed = Feed(published.key, codecs, outgoing, rtx_ssrc=again.ssrc if again is not None else None)
        self.feeds[section.mid] = feed
        return feed

    def show(self, published: Published) -> None:
        """A track began: whoever shows its key goes on with it."""
        for feed in self.feeds.values():
            if feed.key == published.key:
                self._follow(feed, published)

    def _follow(self, feed: Feed, published: Published) -> None:
        now = self._clock()
        fresh = feed.subscription is None
        feed.follow(published, now)
        if fresh and self._up:
            feed.begin(now)

    def begin(self) -> None:
        """It is connected: pictures begin. A keyframe that came before would have been lost on it, and the next is not
        asked for at once.
        """
        self._up = True
        for feed in self.feeds.values():
            feed.begin(self._clock())

    def end(self) -> None:
        """The connection is over: nobody who holds this is held by it any more."""
        for feed in self.feeds.values():
            feed.leave()
        self.feeds.clear()
        self.transport, self.opened, self.closed = None, unheard, unheard

    # Media: a subscriber sends none

    def rtp(self, packet: Packet, length: int, now: float) -> None:  # noqa: ARG002 - a handler's shape
        self.malformed += 1

    def rtcp(self, data: bytes) -> None:
        try:
            packets = parse_rtcp(data)
        except Malformed:
            self.malformed += 1
            return
        now = self._clock()
        for packet in packets:
            self._hear(packet, now)

    def _hear(self, packet: Control, now: float) -> None:
        match packet:
            case Nack():
                self._repeat(packet, now)
            case PictureLoss():
                self._refresh(packet.media)
            case FullIntra():
                for ssrc, _ in packet.requests:
                    self._refresh(ssrc)
            case ReceiverReport() | SenderReport():
                self._learn(packet.blocks, now)
            case ReceiverEstimate():
                self._chooser.hear_estimate(packet.bitrate, now)
            case _:
                pass

    def _repeat(self, packet: Nack, now: float) -> None:
        feed = self._feed(packet.media)
        if feed is not None:
            feed.outgoing.repeat(packet.lost, now)

    def _learn(self, blocks: Sequence[ReportBlock], now: float) -> None:
        for block in blocks:
            feed = self._feed(block.ssrc)
            if feed is not None:
                feed.outgoing.hear(block, now)
        heard = (feed.outgoing.quality for feed in self.feeds.values())
        self._chooser.hear_loss(worst_loss([(each.told_at, each.loss) for each in heard if each.loss is not None]), now)

    def _feed(self, ssrc: int) -> Feed | None:
        return next((feed for feed in self.feeds.values() if feed.outgoing.ssrc == ssrc), None)

    def _refresh(self, ssrc: int) -> None:
        feed = self._feed(ssrc)
        if feed is not None:
            feed.refresh()

    def channel(self, channel: Any) -> None:
        """No data channel is asked for; a browser may open one."""

    def beat(self, now: float) -> None:
        """Chooses layers and reports: called some fifty times a second."""
        if self.transport is None or not self._up:
            return
        if self._moves != self.transport.moves:
            self._moves = self.transport.moves
            self._begin_anew(now)
        if now >= self._choose_at:
            self._choose_at = now + CHOOSE_SECONDS
            self._choose(now)
        if now >= self._report_at:
            self._report_at = now + REPORT_SECONDS
            self._report(now)

    def _begin_anew(self, now: float) -> None:
        """The browser came from elsewhere: pictures begin with a keyframe, not with all that was lost meanwhile."""
        self._chooser.begin_anew(now)
        for feed in self.feeds.values():
            feed.outgoing.repeat_rate = REPEATED_PER_SECOND
            feed.refresh()

    def _choose(self, now: float) -> None:
        demands = {feed: demand for feed in self.feeds.values() if (demand := feed.demand) is not None}
        chosen = self._chooser.choose(tuple(demands.values()), sent=self._rate(now), now=now)
        for feed, demand in demands.items():
            shown = feed.subscription
            if shown is not None and shown.layer != chosen[demand.key]:
                shown.want(chosen[demand.key], now)
        if (takes := self._chooser.takes(now)) is not None:
            for feed in self.feeds.values():
                feed.outgoing.repeat_rate = min(REPEATED_PER_SECOND, takes * REPEATED_SHARE / 8)

    def _rate(self, now: float) -> float:
        """Bits per second sent since it was asked before."""
        octets = sum(feed.outgoing.octets for feed in self.feeds.values())
        rate = max(0, octets - self._sent) * 8 / max(now - self._sent_at, 0.001)
        self._sent, self._sent_at = octets, now
        return rate

    def _report(self, now: float) -> None:
        for feed in self.feeds.values():
            report = feed.outgoing.report(now)
            if report is not None and self.transport is not None:
                name = SourceDescription(ssrc=report.ssrc, cname=feed.key.participant)
                self.transport.send_rtcp(build_rtcp([report, name]))

    @property
    def audio_only(self) -> bool:
        """Whether its way is too poor for pictures."""
        return self._chooser.audio_only

    @property
    def estimate(self) -> int | None:
        """What its browser says the way takes, bits per second."""
        return None if self._chooser.estimate is None else int(self._chooser.estimate)

    def views(self) -> list[StreamView]:
        return [feed.view() for feed in self.feeds.values()]


def _source() -> int:
    """A random SSRC (RFC 3550, section 8.1)."""
    return secrets.randbits(31) | 1 << 31
