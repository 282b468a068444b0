"""A participant that sends sound and a picture in two encodings, and one that watches: as browsers do, without one."""

from dataclasses import dataclass, field

from telehealth.media.forward import Uplink
from telehealth.media.keyframes import Codec
from telehealth.media.rtp import RtpPacket
from telehealth.media.sending import Outgoing, Retransmission, payload_types
from telehealth.media.tracks import Format, Subscription, Track
from tests.kit.packets import DOWNLINK, UPLINK, Wire, rtp

PICTURE, AGAIN, SOUND = 96, 97, 111
TYPES = payload_types({PICTURE: 100, SOUND: 109})
RIDS = ("h", "l")
PARTS = 3


def tracks(sender: str = "p1", rids: tuple[str, ...] = RIDS) -> list[Track]:
    return [
        Track(mid="0", sender=sender, formats={SOUND: Format(Codec.OPUS, 48_000)}, asks=False),
        Track(
            mid="1",
            sender=sender,
            formats={PICTURE: Format(Codec.VP8, 90_000), AGAIN: Format(Codec.VP8, 90_000, retransmits=PICTURE)},
            rids=rids,
        ),
    ]


@dataclass
class Encoding:
    rid: str
    ssrc: int
    number: int
    sends: bool = True
    picture: int = 0
    repairs: int = 0

    def draw(self, now: float, *, key: bool) -> list[bytes]:
        """The packets of one picture. Its payloads tell what they are of."""
        told = f"{self.rid} {self.picture} {'key' if key else 'delta'}".encode()
        starts = [b"\x10" + (b"\x00" if key else b"\x01"), *[b"\x00\x00"] * (PARTS - 1)]
        made = [
            rtp(
                start + told + b" %d" % part,
                sequence_number=self.number + part,
                timestamp=self.ssrc * 1000 + int(now * 90_000),
                ssrc=self.ssrc,
                payload_type=PICTURE,
                marker=part == PARTS - 1,
                elements=[(4, b"1"), (10, self.rid.encode()), (2, b"abc"), (3, b"\0\1")],
            )
            for part, start in enumerate(starts)
        ]
        self.number += PARTS
        self.picture += 1
        return made

    def again(self, data: bytes) -> bytes:
        """That packet as a retransmission (RFC 4588)."""
        packet = RtpPacket()
        packet.load(data, UPLINK.kinds)
        self.repairs += 1
        return rtp(
            data[2:4] + data[packet.start : packet.end],
            sequence_number=self.repairs,
            timestamp=packet.timestamp,
            ssrc=self.ssrc + 1000,
            payload_type=AGAIN,
            marker=bool(packet.marker),
            elements=[(4, b"1"), (11, self.rid.encode())],
        )


@dataclass
class Sender:
    """Draws 25 pictures a second of each encoding; a keyframe when the node asks for one."""

    uplink: Uplink = field(default_factory=lambda: Uplink(UPLINK, tracks=tracks(), ssrc=1))
    encodings: list[Encoding] = field(default_factory=lambda: [Encoding("h", 10, 65_530), Encoding("l", 20, 100)])
    now: float = 100.0

    @property
    def track(self) -> Track:
        return self.uplink.tracks["1"]

    def asked(self, place: int) -> bool:
        return self.track.sources[place].requests.due(self.now)

    def draw(self) -> list[tuple[int, bytes]]:
        """The packets of one picture in each encoding that is sent, with the place of the encoding."""
        self.now += 0.04
        return [
            (place, data)
            for place, each in enumerate(self.encodings)
            if each.sends
            for data in each.draw(self.now, key=self.asked(place))
        ]

    def show(self, pictures: int = 1) -> None:
        for _ in range(pictures):
            for _, data in self.draw():
                self.uplink.receive(data, self.now)
            self.track.refresh(self.now)

    def say(self, number: int) -> None:
        data = rtp(b"sound", sequence_number=number, ssrc=5, payload_type=SOUND, elements=[(4, b"0"), (1, b"\x30")])
        self.uplink.receive(data, self.now)


class Watcher:
    """One stream to one subscriber, and what of it came."""

    def __init__(self, track: Track, *, again: bool = False) -> None:
        self.wire = Wire()
        self.outgoing = Outgoing(
            ssrc=500,
            mid="7",
            extensions=DOWNLINK,
            slab=self.wire,
            send=self.wire.send,
            retransmission=Retransmission(ssrc=501, payload_types={100: 102}) if again else None,
        )
        self.subscription = Subscription(track, self.outgoing, TYPES)

    def seen(self) -> list[str]:
        """What came since the last call, as its payloads tell."""
        return [packet.data[packet.start + 2 : packet.end].decode() for packet in self.wire.taken()]
