"""One stream as it goes out to one subscriber, whatever it is made of at the moment (RFC 3550; RFC 4588).

    stream = Outgoing(ssrc=..., mid=..., extensions=..., slab=..., send=...)
    stream.begin(receiver, packet, now, payload_types)     from this packet on, of this source
    stream.write(packet)                                   one packet of it: the hot path
    stream.repeat(sequence_numbers, now)                   answers a NACK
    stream.report(now) / stream.hear(block, now)              sender report out, report block in

The subscriber sees one stream: sequence numbers go on by one and timestamps go on in time, over changes of layer and of
sender. What lies between two changes is a stretch: numbers and timestamps of the source plus a constant. So nothing has
to be kept for a subscriber: a packet asked for again is found by its stretch in what its receiver keeps.
"""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from telehealth.media.receiving import Receiver
from telehealth.media.rtcp import ReportBlock, SenderReport
from telehealth.media.rtp import NUMBERS, STAMP, Extensions, Layout, RtpPacket, lay_out
from telehealth.media.unheard import unheard

MOST_STRETCHES: Final = 16
MOST_LAYOUTS: Final = 32
REPEATED_PER_SECOND: Final = 250_000.0  # octets: what one subscriber may have sent again
REPEATED_AT_ONCE: Final = 125_000
OCTETS_A_LOOK: Final = 16  # what looking for a packet counts as, so that asking for what is not there is limited too
LARGEST_CLOCK_ERROR: Final = 1.0
STAMPS_PER_SECOND: Final = 1 << 18  # abs-send-time: 6 bits of seconds, 18 of the fraction

_NOT_NEGOTIATED = 0xFF
_WORD, _CLOCK, _HALF_CLOCK = 0xFFFF, 0xFFFFFFFF, 0x80000000

Send = Callable[[int], object]


class Slab(Protocol):
    """Where packets that go out are written: at `free` there are rtp.ROOM bytes."""

    buffer: bytearray
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Retransmission:
    """A negotiated stream of retransmissions: payload type of the media to that of its retransmission."""

    ssrc: int
    payload_types: Mapping[int, int]
    sequence_number: int = 0


@dataclass(slots=True, kw_only=True)
class Quality:
    """What the subscriber last told of this stream, and when: fraction 0 to 1, seconds; None until it did.

    `loss` is of the subscriber's own way: what was lost before, on the sender's, is not counted.
    """

    loss: float | None = None
    jitter: float | None = None
    rtt: float | None = None
    told_at: float = 0.0


class _Stretch:
    """From the source's packet `first` on: add these to its numbers and timestamps. `types` maps payload types."""

    __slots__ = ("first", "receiver", "shift", "time_shift", "types")

    def __init__(self, receiver: Receiver, types: bytes, *, first: int, shift: int, time_shift: int) -> None:
        self.receiver, self.types, self.first, self.shift, self.time_shift = receiver, types, first, shift, time_shift


@dataclass(frozen=True, slots=True)
class Plan:
    """How a stream is made of its source's packets: these are added to their numbers and timestamps, `types` maps
    their payload types, and `layouts` has a header for each signature that has come, the newest last.
    """

    shift: int
    time_shift: int
    types: bytes
    layouts: Mapping[int, Layout]


def payload_types(pairs: Mapping[int, int]) -> bytes:
    """A table of the sender's payload types (RFC 3551) to the subscriber's, for `begin`."""
    table = bytearray((_NOT_NEGOTIATED,)) * 128
    for theirs, ours in pairs.items():
        table[theirs] = ours
    return bytes(table)


def stamp(now: float) -> int:
    """abs-send-time of that second, 24 bits."""
    return int(now * STAMPS_PER_SECOND) & 0xFFFFFF


class Outgoing:
    """`send(length)` protects the packet of so many bytes at `slab.free`, sends it, and may move `free` on.

    `packets` and `octets` (of payload) are what a sender report counts (RFC 3550, section 6.4.1). `repeat_rate` is how
    many octets a second may be sent again: on a jammed way repeating what was lost jams it further. `door` is where
    its packets go when they go by themselves (lanes.Door), where that can be.
    """

    __slots__ = (
        "_allowance",
        "_allowed_at",
        "_current",
        "_extensions",
        "_first",
        "_layouts",
        "_mid",
        "_reports",
        "_retransmission",
        "_retransmission_layouts",
        "_retransmission_number",
        "_send",
        "_shift",
        "_slab",
        "_stretches",
        "_time_shift",
        "_told_of",
        "_types",
        "door",
        "highest",
        "not_kept",
        "octets",
        "packets",
        "quality",
        "repeat_rate",
        "repeated",
        "ssrc",
        "start",
        "timestamp",
    )

    def __init__(
        self,
        *,
        ssrc: int,
        mid: str,
        extensions: Extensions,
        slab: Slab,
        send: Send,
        retransmission: Retransmission | None = None,
        sequence_number: int = 0,
        timestamp: int = 0,
    ) -> None:
        """The first packet will have that sequence number and timestamp: random ones (RFC 3550, section 5.1)."""
        self.ssrc, self._mid, self._extensions = ssrc, mid, extensions
        self._slab, self._send = slab, send
        self.door: Any = None
        self._retransmission = retransmission
        self._retransmission_number = retransmission.sequence_number if retransmission is not None else 0
        self._layouts: dict[int, Layout] = {}
        self._retransmission_layouts: dict[int, Layout] = {}
        self._stretches: deque[_Stretch] = deque(maxlen=MOST_STRETCHES)
        self._current: _Stretch | None = None
        self._first = self._shift = self._time_shift = 0
        self._types = b""
        self.start = sequence_number + _WORD + 1
        self.highest = self.start - 1
        self.timestamp = timestamp
        self._told_of = (0, self.highest)
        self.packets = self.octets = self.repeated = self.not_kept = 0
        self._allowance, self._allowed_at = float(REPEATED_AT_ONCE), 0.0
        self.repeat_rate = REPEATED_PER_SECOND
        self._reports: deque[tuple[int, float]] = deque(maxlen=8)
        self.quality = Quality()

    def begin(self, receiver: Receiver, packet: RtpPacket, now: float, types: bytes) -> None:
        """From that packet of that receiver on (for a picture: where a keyframe begins) the stream is made of it."""
        shift = self.highest + 1 - packet.number
        time_shift = self._continued(receiver, packet, now) - packet.timestamp & _CLOCK
        stretch = _Stretch(receiver, types, first=packet.number, shift=shift, time_shift=time_shift)
        self._current = stretch
        self._stretches.append(stretch)
        self._first, self._shift, self._time_shift, self._types = packet.number, shift, time_shift, types

    def _continued(self, receiver: Receiver, packet: RtpPacket, now: float) -> int:
        """The timestamp that goes on from what was sent: by the sender's clock where it is known, else by ours."""
        before = self._current
        if before is None:
            return self.timestamp
        old, rate = before.receiver, receiver.clock_rate
        ours = old.timestamp + before.time_shift + round((now - old.arrived) * old.clock_rate)
        wanted = ours
        if old.sender == receiver.sender and old.reference is not None and receiver.reference is not None:
            theirs = old.reference[1] + before.time_shift + _elapsed(old.reference, receiver, packet)
            if abs(_signed(theirs - ours)) < LARGEST_CLOCK_ERROR * rate:
                wanted = theirs
        ahead = _signed(wanted - self.timestamp)
        return wanted if ahead > 0 else self.timestamp + rate // 100

    def write(self, packet: RtpPacket) -> None:
        """Sends a packet of the current source. What was before the stretch, or is of no negotiated type, is not sent.

        Only after `begin`, with packets of its receiver.
        """
        number = packet.number
        if number < self._first:
            return
        payload_type = self._types[packet.payload_type]
        if payload_type == 0xFF:
            return
        layout = self._layouts.get(packet.signature)
        if layout is None:
            layout = self._lay_out(packet, self._layouts, self.ssrc)
        number += self._shift
        timestamp = packet.timestamp + self._time_shift & 0xFFFFFFFF
        slab = self._slab
        buffer, at = slab.buffer, slab.free
        body = at + layout.length
        end = body + packet.end - packet.start
        buffer[at:body] = layout.head
        NUMBERS.pack_into(buffer, at + 1, packet.marker | payload_type, number & 0xFFFF, timestamp)
        if layout.stamp_at:
            STAMP.pack_into(buffer, at + layout.stamp_at, layout.stamp | packet.stamp)
        if packet.signature:
            _carry(buffer, at, packet, layout)
        buffer[body:end] = packet.data[packet.start : packet.end]
        if number > self.highest:
            self.highest = number
            self.timestamp = timestamp
        self.packets += 1
        self.octets += end - body
        self._send(end - at)

    def wrote(self, packet: RtpPacket) -> None:
        """Counts a packet that went by itself, as `plan` said, as one that was written."""
        number = packet.number + self._shift
        if self._types[packet.payload_type] == _NOT_NEGOTIATED:
            return
        if number > self.highest:
            self.highest = number
            self.timestamp = packet.timestamp + self._time_shift & _CLOCK
        self.packets += 1
        self.octets += packet.end - packet.start

    def plan(self) -> Plan | None:
        """How `write` makes its packets until the next `begin`; None before the first."""
        if self._current is None:
            return None
        return Plan(self._shift, self._time_shift, self._types, self._layouts)

    def repeat(self, sequence_numbers: Iterable[int], now: float) -> tuple[int, ...]:
        """Sends again what is kept of those, and gives back those of which nothing is.

        As retransmissions where they are negotiated, else the same to the last bit. What one subscriber asks for is
        limited, so that nobody can make the node send without end: what is beyond is as good as not asked for.
        """
        since = now - self._allowed_at
        burst = min(float(REPEATED_AT_ONCE), self.repeat_rate / 2)
        self._allowance = min(burst, self._allowance + since * self.repeat_rate)
        self._allowed_at = now
        lacking: list[int] = []
        for sequence_number in sequence_numbers:
            if self._allowance <= 0.0:
                break
            self._allowance -= OCTETS_A_LOOK
            if not self._repeat(self.highest - (self.highest - sequence_number & _WORD), now):
                lacking.append(sequence_number)
        self.not_kept += len(lacking)
        return tuple(lacking)

    def _repeat(self, number: int, now: float) -> bool:
        for stretch in reversed(self._stretches):
            if number >= stretch.first + stretch.shift:
                break
        else:
            return False
        packet = stretch.receiver.find(number - stretch.shift)
        if packet is None or stretch.types[packet.payload_type] == _NOT_NEGOTIATED:
            return False
        self._send_again(packet, stretch, number, now)
        return True

    def _send_again(self, packet: RtpPacket, stretch: _Stretch, number: int, now: float) -> None:
        payload_type = stretch.types[packet.payload_type]
        payload = packet.data[packet.start : packet.end]
        ssrc, sent_as, sent_at, layouts = self.ssrc, number, packet.stamp, self._layouts
        again = self._retransmission
        if again is not None and payload_type in again.payload_types:
            payload_type, ssrc, layouts = again.payload_types[payload_type], again.ssrc, self._retransmission_layouts
            payload = (number & _WORD).to_bytes(2, "big") + payload  # RFC 4588, section 4: the original number
            sent_as, sent_at = self._retransmission_number, stamp(now)
            self._retransmission_number += 1
        layout = layouts.get(packet.signature) or self._lay_out(packet, layouts, ssrc)
        buffer, at = self._slab.buffer, self._slab.free
        body = at + layout.length
        buffer[at:body] = layout.head
        timestamp = packet.timestamp + stretch.time_shift & _CLOCK
        NUMBERS.pack_into(buffer, at + 1, packet.marker | payload_type, sent_as & _WORD, timestamp)
        if layout.stamp_at:
            STAMP.pack_into(buffer, at + layout.stamp_at, layout.stamp | sent_at)
        _carry(buffer, at, packet, layout)
        buffer[body : body + len(payload)] = payload
        self.repeated += 1
        self._allowance -= len(payload)
        self._send(layout.length + len(payload))

    def _lay_out(self, packet: RtpPacket, layouts: dict[int, Layout], ssrc: int) -> Layout:
        if len(layouts) >= MOST_LAYOUTS:
            layouts.clear()
        layout = lay_out(self._extensions, ssrc=ssrc, mid=self._mid, carried=packet.carried)
        layouts[packet.signature] = layout
        return layout

    def close(self) -> None:
        """Nothing goes out any more, and neither who sent nor who was sent to is held by it."""
        self._stretches.clear()
        self._current, self._send = None, unheard

    def report(self, now: float) -> SenderReport | None:
        """The source's last report with this stream's timestamps and counts; None before it had one."""
        current = self._current
        if current is None or current.receiver.reference is None:
            return None
        ntp, rtp = current.receiver.reference
        self._reports.append((ntp >> 16 & _CLOCK, now))
        return SenderReport(
            ssrc=self.ssrc,
            ntp_timestamp=ntp,
            rtp_timestamp=rtp + current.time_shift & _CLOCK,
            packet_count=self.packets & _CLOCK,
            octet_count=self.octets & _CLOCK,
        )

    def hear(self, block: ReportBlock, now: float) -> None:
        """Takes a subscriber's report block: loss, jitter, and the round trip when it answers a report of ours."""
        current = self._current
        self.quality.loss, self.quality.told_at = self._own_loss(block.fraction_lost / 256), now
        if current is not None:
            self.quality.jitter = block.jitter / current.receiver.clock_rate
        for middle, sent in reversed(self._reports):
            if middle == block.last_report:
                self.quality.rtt = max(0.0, now - sent - block.delay / 65536)
                break

    def _own_loss(self, told: float) -> float:
        """Of the numbers since the last block, some were never sent: the subscriber counts them as lost as well."""
        packets, highest = self._told_of
        self._told_of = (self.packets, self.highest)
        span = self.highest - highest
        sent = min(1.0, (self.packets - packets) / span) if span > 0 else 1.0
        return max(0.0, min(1.0, 1.0 - (1.0 - told) / sent)) if sent > 0.0 else 0.0


def _carry(buffer: bytearray, at: int, packet: RtpPacket, layout: Layout) -> None:
    """Copies the extensions that are carried through."""
    for place, each in zip(layout.places, packet.carried, strict=False):
        if place >= 0:
            start, length = each >> 16, each >> 8 & 0xFF
            buffer[at + place : at + place + length] = packet.data[start : start + length]


def _elapsed(since: tuple[int, int], receiver: Receiver, packet: RtpPacket) -> int:
    """From that NTP time to when the packet was sampled, in units of its clock."""
    ntp, rtp = receiver.reference or since
    seconds = (ntp - since[0]) / (1 << 32)
    return round(seconds * receiver.clock_rate) + _signed(packet.timestamp - rtp)


def _signed(timestamp: int) -> int:
    """The nearest way between two timestamps: 32 bits with a sign."""
    return (timestamp + _HALF_CLOCK & _CLOCK) - _HALF_CLOCK
