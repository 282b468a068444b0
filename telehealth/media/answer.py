"""Answers to offers (RFC 3264, RFC 9429): ICE-lite, one bundle, DTLS passive, codecs as they were offered."""

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aiortc import RTCDtlsFingerprint

from telehealth.media.rtp import URIS, Extension
from telehealth.media.sections import Codec, Offer, Section

LARGEST_MESSAGE = 65_536
SCTP_PORT = 5000

# What a subscriber is not asked for: the node estimates its way by REMB, and sends one stream at a time.
ONLY_UP = frozenset({Extension.TRANSPORT_CC, Extension.RID, Extension.REPAIRED_RID})
_URI = {extension: uri for uri, extension in URIS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """The node's end of the transport. `addresses` are (host, port) pairs; `version` counts the answers."""

    fragment: str
    password: str
    fingerprints: tuple[RTCDtlsFingerprint, ...]
    addresses: tuple[tuple[str, int], ...]
    session: int
    version: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Receive:
    """The node takes what the section sends."""

    codecs: tuple[Codec, ...]
    rids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """The node sends a track there, as the source `ssrc`, its retransmissions as `rtx_ssrc`."""

    codecs: tuple[Codec, ...]
    stream: str
    track: str
    ssrc: int
    rtx_ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class Idle:
    """Nothing goes through this section now."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """This section is not for this node; its port is 0."""


Reply = Receive | Send | Idle | Refuse


def render(offer: Offer, replies: Sequence[Reply], local: Local) -> str:
    """The answer's text; `replies` has one for each section. A data channel section is accepted by Idle."""
    pairs = list(zip(offer.sections, replies, strict=True))
    bundle = [section.mid for section, reply in pairs if section.live and not isinstance(reply, Refuse)]
    lines = [
        "v=0",
        f"o=- {local.session} {local.version} IN IP4 0.0.0.0",
        "s=-",
        "t=0 0",
        "a=ice-lite",
        " ".join(["a=group:BUNDLE", *bundle]),
        *(["a=extmap-allow-mixed"] if offer.mixed else []),
        "a=msid-semantic: WMS *",
    ]
    for section, reply in pairs:
        lines += _section(section, reply, local)
    return "\r\n".join(lines) + "\r\n"


def _section(section: Section, reply: Reply, local: Local) -> Iterator[str]:
    if isinstance(reply, Refuse) or not section.live:
        yield from _refused(section)
    elif section.kind == "application":
        yield "m=application 9 UDP/DTLS/SCTP webrtc-datachannel"
        yield from _transport(section, local)
        yield f"a=sctp-port:{SCTP_PORT}"
        yield f"a=max-message-size:{LARGEST_MESSAGE}"
    else:
        yield from _media(section, reply, local)


def _refused(section: Section) -> Iterator[str]:
    profile, what = (
        ("UDP/DTLS/SCTP", "webrtc-datachannel") if section.kind == "application" else ("UDP/TLS/RTP/SAVPF", "0")
    )
    kind = section.kind if section.kind in ("audio", "video", "application") else "application"
    yield f"m={kind} 0 {profile} {what}"
    yield "c=IN IP4 0.0.0.0"
    yield f"a=mid:{section.mid}"
    if kind != "application":
        yield "a=inactive"


def _media(section: Section, reply: Receive | Send | Idle, local: Local) -> Iterator[str]:
    codecs = section.codecs if isinstance(reply, Idle) else reply.codecs
    sending = isinstance(reply, Send)
    types = [str(number) for codec in codecs for number in (codec.payload_type, codec.rtx) if number is not None]
    yield f"m={section.kind} 9 UDP/TLS/RTP/SAVPF {' '.join(types)}"
    yield from _transport(section, local)
    yield "a=rtcp-mux"
    yield "a=rtcp-rsize"
    for extension, number in section.extensions.items():
        if not (sending and extension in ONLY_UP):
            yield f"a=extmap:{number} {_URI[extension]}"
    for codec in codecs:
        yield from _codec(section, codec, sending=sending)
    match reply:
        case Receive():
            yield "a=recvonly"
            yield from _simulcast(reply.rids)
        case Send():
            yield "a=sendonly"
            yield from _sources(reply)
        case Idle():
            yield "a=inactive"


def _codec(section: Section, codec: Codec, *, sending: bool) -> Iterator[str]:
    name = codec.mime.partition("/")[2]
    shown = {"opus": "opus"}.get(name, name.upper())
    channels = f"/{codec.channels}" if section.kind == "audio" and codec.channels not in (None, 1) else ""
    yield f"a=rtpmap:{codec.payload_type} {shown}/{codec.clock_rate}{channels}"
    for told in codec.feedback:
        if not (sending and told == "transport-cc"):
            yield f"a=rtcp-fb:{codec.payload_type} {told}"
    if codec.parameters:
        yield f"a=fmtp:{codec.payload_type} {codec.parameters}"
    if codec.rtx is not None:
        yield f"a=rtpmap:{codec.rtx} rtx/{codec.clock_rate}"
        yield f"a=fmtp:{codec.rtx} apt={codec.payload_type}"


def _simulcast(rids: Sequence[str]) -> Iterator[str]:
    for rid in rids:
        yield f"a=rid:{rid} recv"
    if rids:
        yield f"a=simulcast:recv {';'.join(rids)}"


def _sources(reply: Send) -> Iterator[str]:
    yield f"a=msid:{reply.stream} {reply.track}"
    if reply.rtx_ssrc is not None:
        yield f"a=ssrc-group:FID {reply.ssrc} {reply.rtx_ssrc}"
    for ssrc in (reply.ssrc, reply.rtx_ssrc):
        if ssrc is not None:
            yield f"a=ssrc:{ssrc} cname:{reply.stream}"
            yield f"a=ssrc:{ssrc} msid:{reply.stream} {reply.track}"


def _transport(section: Section, local: Local) -> Iterator[str]:
    yield "c=IN IP4 0.0.0.0"
    yield f"a=mid:{section.mid}"
    yield f"a=ice-ufrag:{local.fragment}"
    yield f"a=ice-pwd:{local.password}"
    for each in local.fingerprints:
        if each.algorithm == "sha-256":
            yield f"a=fingerprint:sha-256 {each.value}"
    yield "a=setup:passive"
    yield from candidates(local.addresses)


def candidates(addresses: Sequence[tuple[str, int]]) -> Iterator[str]:
    """The lines of an answer, or of a fragment of one (RFC 8840), that say where the node is reached."""
    for number, (host, port) in enumerate(sorted(addresses, key=_preference), 1):
        priority = (126 << 24) + ((65_536 - number) << 8) + 255  # RFC 8445, section 5.1.2.1
        yield f"a=candidate:{number} 1 udp {priority} {host} {port} typ host"
    yield "a=end-of-candidates"


def _preference(address: tuple[str, int]) -> int:
    """IPv6 first (RFC 8421, section 4)."""
    return -ipaddress.ip_address(address[0]).version
