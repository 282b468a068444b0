"""What a forwarded packet costs in Python, without SRTP and socket: `python -m tests.bench.packets [figures.json]`."""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

from telehealth.media.forward import Uplink
from telehealth.media.keyframes import Codec
from telehealth.media.rtp import ROOM
from telehealth.media.sending import Outgoing, payload_types
from telehealth.media.tracks import Format, Subscription, Track
from tests.bench.figures import Report
from tests.kit.packets import DOWNLINK, UPLINK, Element, rtp

COUNT, ROUNDS = 5000, 5
TYPES = payload_types({96: 100, 111: 109})
MOST = 15_000  # nanoseconds for a packet forwarded to one


class Nowhere:
    """A slab, and packets that go nowhere."""

    def __init__(self) -> None:
        self.buffer = bytearray(ROOM)
        self.free = 0

    def send(self, length: int) -> None:
        """Sends nothing."""


def nanoseconds(datagrams: Sequence[bytes], codec: Codec, subscribers: int) -> int:
    """Per packet, the best of some rounds."""
    payload_type, rate = (111, 48_000) if codec is Codec.OPUS else (96, 90_000)
    track = Track(mid="0", sender="p1", formats={payload_type: Format(codec, rate)})
    uplink = Uplink(UPLINK, tracks=[track], ssrc=1)
    for number in range(subscribers):
        slab = Nowhere()
        outgoing = Outgoing(ssrc=100 + number, mid="0", extensions=DOWNLINK, slab=slab, send=slab.send)
        Subscription(track, outgoing, TYPES).want(0, 0.0)
    best = float("inf")
    for begin in range(0, len(datagrams), COUNT):
        part = datagrams[begin : begin + COUNT]
        started = time.perf_counter()
        for each in part:
            uplink.receive(each, 1.0)
        best = min(best, (time.perf_counter() - started) / len(part))
        uplink.arrivals.take()
    return round(best * 1e9)


def stream(codec: Codec, size: int, elements: Sequence[Element]) -> list[bytes]:
    """Packets of that size of payload; the first is a keyframe of VP8."""
    return [
        rtp(
            (b"\x10\x00" if number == 0 else b"\x10\x01") + bytes(size - 2),
            sequence_number=number,
            timestamp=number * 960,
            payload_type=111 if codec is Codec.OPUS else 96,
            elements=elements,
        )
        for number in range(COUNT * ROUNDS)
    ]


def main() -> None:
    report = Report("What a packet costs, without SRTP and socket")
    timed: Sequence[Element] = [(2, b"abc"), (3, b"ab")]
    for name, codec, size, elements in (
        ("picture, 1100 octets", Codec.VP8, 1100, timed),
        ("sound, 80 octets, with its level", Codec.OPUS, 80, [*timed, (1, b"\x30")]),
    ):
        datagrams = stream(codec, size, elements)
        none, one, three = (nanoseconds(datagrams, codec, subscribers) for subscribers in (0, 1, 3))
        report.at_most(f"{name}: taken in", none, MOST, "ns")
        report.at_most(f"{name}: taken in and sent to one", one, MOST, "ns")
        report.at_most(f"{name}: sent to each further", (three - one) // 2, MOST, "ns")
    report.show(Path(sys.argv[1]) if sys.argv[1:] else None)


if __name__ == "__main__":
    main()
