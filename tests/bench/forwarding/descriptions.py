"""Session descriptions as Chromium writes them, of what these peers send and take: Opus and VP8 with RTX."""

from collections.abc import Iterable, Iterator, Sequence

from tests.bench.forwarding.peer import Connection

OPUS, VP8, RTX = 111, 96, 97
AUDIO_LEVEL, SEND_TIME, TRANSPORT_CC, MID = 1, 2, 3, 4
SSRCS = {"audio": 1001, "video": 2001, "rtx": 2002}

_EXTENSIONS = {
    SEND_TIME: "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    TRANSPORT_CC: "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    MID: "urn:ietf:params:rtp-hdrext:sdes:mid",
}
_AUDIO = (
    f"a=extmap:{AUDIO_LEVEL} urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    f"a=rtpmap:{OPUS} opus/48000/2",
    f"a=rtcp-fb:{OPUS} transport-cc",
    f"a=fmtp:{OPUS} minptime=10;useinbandfec=1",
)
_VIDEO = (
    f"a=rtpmap:{VP8} VP8/90000",
    *(f"a=rtcp-fb:{VP8} {told}" for told in ("goog-remb", "transport-cc", "ccm fir", "nack", "nack pli")),
    f"a=rtpmap:{RTX} rtx/90000",
    f"a=fmtp:{RTX} apt={VP8}",
)
_DROPPED = (
    "a=ice-",
    "a=fingerprint",
    "a=setup",
    "a=candidate",
    "a=end-of",
    "a=ssrc",
    "a=msid",
    "a=sendonly",
    "a=rtcp:",
)


def offer(connection: Connection, kinds: Sequence[str], *, sends: bool) -> str:
    """An offer with a section of each of these kinds."""
    lines = [
        "v=0",
        f"o=- 1 1 IN IP4 {connection.host}",
        "s=-",
        "t=0 0",
        " ".join(["a=group:BUNDLE", *map(str, range(len(kinds)))]),
    ]
    for number, kind in enumerate(kinds):
        lines += _section(connection, kind, str(number), sends=sends)
    return _text(lines)


def answer(connection: Connection, offered: str) -> str:
    """Takes everything that is offered."""
    lines: list[str] = []
    for line in offered.splitlines():
        if line.startswith(_DROPPED):
            continue
        lines.append(line)
        if line.startswith("a=mid:"):
            lines += [*_transport(connection), "a=recvonly"]
    return _text(lines)


def _section(connection: Connection, kind: str, mid: str, *, sends: bool) -> Iterator[str]:
    types = str(OPUS) if kind == "audio" else f"{VP8} {RTX}"
    yield f"m={kind} 9 UDP/TLS/RTP/SAVPF {types}"
    yield f"c=IN IP4 {connection.host}"
    yield f"a=mid:{mid}"
    yield from _transport(connection)
    yield "a=rtcp-mux"
    yield "a=rtcp-rsize"
    yield "a=sendonly" if sends else "a=recvonly"
    for number, uri in _EXTENSIONS.items():
        yield f"a=extmap:{number} {uri}"
    yield from _AUDIO if kind == "audio" else _VIDEO
    if sends:
        yield from _sources(kind)


def _sources(kind: str) -> Iterator[str]:
    yield f"a=msid:own {kind}"
    if kind == "video":
        yield f"a=ssrc-group:FID {SSRCS['video']} {SSRCS['rtx']}"
    for ssrc in (SSRCS[kind], *((SSRCS["rtx"],) if kind == "video" else ())):
        yield f"a=ssrc:{ssrc} cname:own"


def _transport(connection: Connection) -> Iterator[str]:
    yield f"a=ice-ufrag:{connection.fragment}"
    yield f"a=ice-pwd:{connection.password}"
    for each in connection.fingerprints:
        if each.algorithm == "sha-256":
            yield f"a=fingerprint:sha-256 {each.value}"
    yield "a=setup:active"
    yield f"a=candidate:1 1 udp 2130706431 {connection.host} {connection.port} typ host"
    yield "a=end-of-candidates"


def _text(lines: Iterable[str]) -> str:
    return "\r\n".join(lines) + "\r\n"
