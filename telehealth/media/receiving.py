"""One stream as it comes in: its numbering, what is missing of it, what its sender is told (RFC 3550, RFC 4585).

    receiver = Receiver(ssrc, clock_rate=90_000, sender="p1")
    spare = receiver.accept(packet, now)      None: it came before, or too late. Else the packet to load next
    receiver.find(number)                     what is kept, for subscribers who lack it
    receiver.due(now, rtt)                    sequence numbers to ask for again
    receiver.hear(sender_report, now)         the sender's clock
    receiver.block(now)                       what a receiver report says of it

Times are seconds of one clock that never goes back. The last packets are kept in a ring that takes over the object it
is given and gives back the one that makes room: nothing is allocated for a packet.
"""

from typing import Final

from telehealth.media.keyframes import Bell
from telehealth.media.rtcp import ReportBlock, SenderReport
from telehealth.media.rtp import RtpPacket

VIDEO_ROOM: Final = 512  # packets kept: three seconds at 720p
AUDIO_ROOM: Final = 128

MOST_MISSING: Final = 256
MOST_ASKED: Final = 10
REORDERING: Final = 0.005
SHORTEST_WAIT: Final = 0.025
LONGEST_MISSING: Final = 1.0

_MOST_AHEAD = 3000  # RFC 3550, appendix A.1: MAX_DROPOUT
_HALF, _WORD = 0x8000, 0xFFFF
_HALF_CLOCK, _CLOCK = 0x80000000, 0xFFFFFFFF


class _Missing:
    """A packet that did not come: since when, how often it was asked for, and when it will be again."""

    __slots__ = ("asked", "due", "since")

    def __init__(self, now: float) -> None:
        self.asked = 0
        self.since = now
        self.due = now + REORDERING


class Receiver:
    """The state of one incoming stream.

    `sender` names whose NTP clock its sender reports show. `asks`: whether negative acknowledgement was negotiated.
    `broken`: packets are lost for good, a picture needs a keyframe; who asks for one sets it back.
    `awaited` are the packets that are missing and may still come, by number.
    `bell` is rung when a packet begins to be missing, or is lost for good.
    `late` counts packets from too far away, before or ahead.
    `reference` is the NTP time (64 bits) and RTP timestamp of the last sender report.
    """

    __slots__ = (
        "_base",
        "_expected_before",
        "_highest_sequence",
        "_jitter",
        "_mask",
        "_received_before",
        "_report_at",
        "_restart_at",
        "_ring",
        "arrived",
        "asks",
        "awaited",
        "bell",
        "broken",
        "clock_rate",
        "duplicates",
        "highest",
        "late",
        "lost_for_good",
        "octets",
        "received",
        "reference",
        "repaired",
        "sender",
        "ssrc",
        "timestamp",
    )

    def __init__(self, ssrc: int, *, clock_rate: int, sender: str, room: int = VIDEO_ROOM, asks: bool = True) -> None:
        """`room` is a power of two."""
        self.ssrc, self.clock_rate, self.sender, self.asks = ssrc, clock_rate, sender, asks
        self._ring: list[RtpPacket | None] = [None] * room
        self._mask = room - 1
        self.awaited: dict[int, _Missing] = {}
        self.highest = -1
        self._highest_sequence = self._base = self._restart_at = -1
        self.arrived = 0.0
        self.timestamp = 0
        self.octets = self.received = self.repaired = self.duplicates = self.late = self.lost_for_good = 0
        self.broken = False
        self.bell = Bell()
        self.reference: tuple[int, int] | None = None
        self._report_at = 0.0
        self._jitter = 0.0
        self._expected_before = self._received_before = 0

    def accept(self, packet: RtpPacket, now: float, *, repaired: bool = False) -> RtpPacket | None:
        """Numbers the packet and keeps it. Gives an object to load the next one into, or None: the packet is refused.

        `repaired`: it came as a retransmission, which a report does not count as received (RFC 4588, section 6.3).
        """
        ahead = packet.sequence_number - self._highest_sequence & _WORD
        if ahead == 1 and self.highest >= 0:
            number = self.highest + 1
        else:
            number = self._number(packet, ahead, now)
            if number < 0:
                return None
        slot = number & self._mask
        before = self._ring[slot]
        if before is not None and before.number == number:
            self.duplicates += 1
            return None
        packet.number = number
        self._ring[slot] = packet
        self.octets += packet.end
        if number > self.highest:
            self.highest = number
            self._highest_sequence = packet.sequence_number
            step = (packet.timestamp - self.timestamp + _HALF_CLOCK & _CLOCK) - _HALF_CLOCK
            off = abs((now - self.arrived) * self.clock_rate - step)  # jitter: RFC 3550, appendix A.8
            if off < 1_000_000.0:  # beyond, the sender's clock leapt
                self._jitter += (off - self._jitter) * 0.0625
            self.timestamp = packet.timestamp
            self.arrived = now
        elif self.awaited:
            self.awaited.pop(number, None)
        if repaired:
            self.repaired += 1
        else:
            self.received += 1
        return before if before is not None else RtpPacket()

    def _number(self, packet: RtpPacket, ahead: int, now: float) -> int:
        """The number of a packet that is not the next one; -1 refuses it."""
        if self.highest < 0:
            return self._begin(packet.sequence_number + _WORD + 1, packet, now)
        if ahead < _MOST_AHEAD:
            self._miss(self.highest + 1, self.highest + ahead, now)
            return self.highest + ahead
        if ahead > _WORD - self._mask:
            return self.highest + ahead - _WORD - 1
        if packet.sequence_number == self._restart_at:  # two in a row far away: the sender began anew
            return self._begin(self.highest + 1, packet, now)
        self._restart_at = packet.sequence_number + 1 & _WORD
        self.late += 1
        return -1

    def _begin(self, number: int, packet: RtpPacket, now: float) -> int:
        self._base = number
        self._restart_at = -1
        self.awaited.clear()
        self._expected_before = self._received_before = self.received = 0
        self.arrived, self.timestamp = now, packet.timestamp
        return number

    def _miss(self, first: int, end: int, now: float) -> None:
        if not self.asks:
            return
        if len(self.awaited) + end - first > MOST_MISSING:
            self._give_up(len(self.awaited) + end - first)
            self.awaited.clear()
            return
        for number in range(first, end):
            self.awaited[number] = _Missing(now)
        self.bell.rung = True

    def _give_up(self, count: int) -> None:
        self.lost_for_good += count
        self.broken = self.bell.rung = True

    @property
    def next(self) -> int:
        """The sequence number of the packet after the highest that came."""
        return self._highest_sequence + 1 & _WORD

    def find(self, number: int) -> RtpPacket | None:
        """The packet of that number, while it is kept."""
        packet = self._ring[number & self._mask]
        return packet if packet is not None and packet.number == number else None

    @property
    def jitter(self) -> float:
        """In seconds."""
        return self._jitter / self.clock_rate

    def due(self, now: float, rtt: float) -> tuple[int, ...]:
        """Sequence numbers to put into a NACK now, oldest first. What was asked for in vain too often is given up."""
        if not self.awaited:
            return ()
        wait = max(rtt * 1.25, SHORTEST_WAIT)
        asked: list[int] = []
        given_up: list[int] = []
        for number, each in self.awaited.items():
            if each.due > now:
                continue
            if each.asked >= MOST_ASKED or now - each.since > LONGEST_MISSING:
                given_up.append(number)
                continue
            each.asked += 1
            each.due = now + wait
            asked.append(number)
        for number in given_up:
            del self.awaited[number]
        if given_up:
            self._give_up(len(given_up))
        return tuple(self._highest_sequence - self.highest + number & _WORD for number in sorted(asked))

    def forget(self, number: int) -> None:
        """What is missing before that number is no longer wanted: a keyframe began there."""
        for old in [each for each in self.awaited if each < number]:
            del self.awaited[old]

    def hear(self, report: SenderReport, now: float) -> None:
        """Takes the sender's clock from its report (RFC 3550, section 6.4.1)."""
        self.reference = (report.ntp_timestamp, report.rtp_timestamp)
        self._report_at = now

    def block(self, now: float) -> ReportBlock:
        """What a receiver report says now; the fraction lost is since the block before."""
        expected = self.highest - self._base + 1 if self.highest >= 0 else 0
        interval = expected - self._expected_before
        lost = interval - (self.received - self._received_before)
        self._expected_before, self._received_before = expected, self.received
        last = self.reference[0] >> 16 & _CLOCK if self.reference is not None else 0
        delay = int((now - self._report_at) * 65536) if self.reference is not None else 0
        cycles = max(0, self.highest - _WORD - 1) & ~_WORD
        return ReportBlock(
            ssrc=self.ssrc,
            fraction_lost=min(255, (lost << 8) // interval) if interval > 0 and lost > 0 else 0,
            packets_lost=max(-0x800000, min(0x7FFFFF, expected - self.received)),
            highest_number=(cycles | max(0, self._highest_sequence)) & _CLOCK,
            jitter=min(_CLOCK, int(self._jitter)),
            last_report=last,
            delay=max(0, min(_CLOCK, delay)),
        )
