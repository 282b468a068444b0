"""What a browser offers to the forwarding node, section by section, as frozen values. The parser is aiortc's."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aiortc import sdp
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from telehealth.media.malformed import Malformed
from telehealth.media.parse import parse_sdp
from telehealth.media.rtp import URIS, Extension
from telehealth.media.transport import Remote

LONGEST_SDP = 131_072  # Chromium takes 200 lines for a section that receives video
MOST_LINES = 4_000
MOST_SECTIONS = 40
MOST_RIDS = 3
LONGEST_NAME = 64

FEEDBACK = ("nack", "nack pli", "ccm fir", "goog-remb", "transport-cc")
PASSED_THROUGH = frozenset({"audio/opus", "video/vp8", "video/vp9", "video/h264", "video/av1"})
_TELLING = {"video/vp9": {"profile-id": "0"}, "video/av1": {"profile": "0"}, "video/h264": {"packetization-mode": "0"}}

_TEXT = re.compile(r"[\r\n\x20-\x7e]*")
FRAGMENT = r"[A-Za-z0-9+/]{4,256}"  # RFC 8839, section 5.4
_FRAGMENT = re.compile(FRAGMENT)
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")
_TOKEN = re.compile(r"[A-Za-z0-9_\-{}.]+")  # of a mid (RFC 5888, section 4), as browsers make them
_RID = re.compile(r"[A-Za-z0-9]{1,16}")  # RFC 8852, section 3.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """One payload type that can be passed through. `rtx` is the one of its retransmissions (RFC 4588)."""

    payload_type: int
    mime: str
    clock_rate: int
    channels: int | None
    parameters: str
    told: tuple[tuple[str, str], ...]
    feedback: tuple[str, ...]
    rtx: int | None

    @property
    def key(self) -> tuple[str, int, int | None, tuple[tuple[str, str], ...]]:
        """Equal for payload types of two browsers that carry the same thing."""
        return self.mime, self.clock_rate, self.channels, self.told


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A media description (RFC 8866, section 5.14). `rids` are the simulcast streams it sends, in their order.

    `ssrcs` are the sources it names; `repairs` tells for an SSRC of retransmissions whose they are. What is not live
    was rejected or stopped before.
    """

    kind: str
    mid: str
    live: bool
    direction: str
    codecs: tuple[Codec, ...] = ()
    extensions: Mapping[Extension, int] = field(default_factory=dict)
    rids: tuple[str, ...] = ()
    ssrcs: tuple[int, ...] = ()
    repairs: Mapping[int, int] = field(default_factory=dict)

    @property
    def sends(self) -> bool:
        return self.direction in ("sendonly", "sendrecv")

    @property
    def receives(self) -> bool:
        return self.direction in ("recvonly", "sendrecv")


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """All sections share one transport (RFC 9143): `remote` is the browser's end of it."""

    sections: tuple[Section, ...]
    remote: Remote
    mixed: bool

    @property
    def extensions(self) -> dict[Extension, int]:
        """Identifiers are the same in all sections of a bundle (RFC 9143, section 10)."""
        return {kind: number for section in self.sections for kind, number in section.extensions.items()}


def read_offer(text: str) -> Offer:
    """The offer in that text; its candidates are left out, for nothing is ever sent to an address that only an offer
    named. Raises Malformed.
    """
    if len(text) > LONGEST_SDP or text.count("\n") > MOST_LINES or not _TEXT.fullmatch(text):
        raise Malformed("sdp")
    description = parse_sdp(text)
    session_lines, section_lines = sdp.grouplines(text)
    if not 0 < len(description.media) <= MOST_SECTIONS:
        raise Malformed("sdp: sections")
    sections = tuple(_section(each, lines) for each, lines in zip(description.media, section_lines, strict=True))
    _check_bundle(description, sections)
    live = [media for media, section in zip(description.media, sections, strict=True) if section.live]
    return Offer(sections=sections, remote=_remote(live), mixed="a=extmap-allow-mixed" in map(str.strip, session_lines))


def _check_bundle(description: sdp.SessionDescription, sections: Sequence[Section]) -> None:
    live = sorted(section.mid for section in sections if section.live)
    bundles = [sorted(map(str, group.items)) for group in description.group if group.semantic == "BUNDLE"]
    mids = [section.mid for section in sections]
    if not live or bundles != [live] or len(set(mids)) != len(mids):
        raise Malformed("sdp: bundle")


def _remote(live: Sequence[sdp.MediaDescription]) -> Remote:
    ice, dtls = live[0].ice, live[0].dtls
    if ice is None or ice.iceLite or not _FRAGMENT.fullmatch(ice.usernameFragment or ""):
        raise Malformed("sdp: ice")
    if dtls is None or dtls.role not in ("auto", "client"):
        raise Malformed("sdp: setup")
    fingerprints = tuple(
        each for each in dtls.fingerprints if each.algorithm.lower() == "sha-256" and _FINGERPRINT.fullmatch(each.value)
    )
    if not fingerprints:
        raise Malformed("sdp: fingerprint")
    channels = [media for media in live if media.kind == "application"]
    port = channels[0].sctp_port if channels else None
    if len(channels) > 1 or (channels and (port is None or not 0 < port < 65_536)):
        raise Malformed("sdp: sctp")
    largest = channels[0].sctpCapabilities.maxMessageSize if channels and channels[0].sctpCapabilities else 65_536
    return Remote(
        fragment=str(ice.usernameFragment), fingerprints=fingerprints, sctp_port=port, largest_message=largest
    )


def _section(media: sdp.MediaDescription, lines: Sequence[str]) -> Section:
    mid = str(media.rtp.muxId or "")
    if not _TOKEN.fullmatch(mid) or len(mid) > LONGEST_NAME:
        raise Malformed("sdp: mid")
    live = media.port > 0 or "a=bundle-only" in map(str.strip, lines)  # RFC 9143, section 6
    if media.kind not in ("audio", "video"):
        known = media.kind == "application" and media.profile == "UDP/DTLS/SCTP"
        return Section(kind="application" if known else "unknown", mid=mid, live=live, direction="inactive")
    if live and (media.profile != "UDP/TLS/RTP/SAVPF" or not media.rtcp_mux):
        raise Malformed("sdp: profile")
    ssrcs = tuple(each.ssrc for each in media.ssrc)
    repairs = {
        int(group.items[1]): int(group.items[0])
        for group in media.ssrc_group
        if group.semantic == "FID" and len(group.items) == 2
    }
    if not all(0 <= each < 1 << 32 for each in (*ssrcs, *repairs, *repairs.values())):
        raise Malformed("sdp: ssrc")
    return Section(
        kind=media.kind,
        mid=mid,
        live=live,
        direction=media.direction or "sendrecv",
        codecs=tuple(_codecs(media.rtp.codecs)),
        extensions=_extensions(media),
        rids=tuple(_sent_rids(lines)),
        ssrcs=ssrcs,
        repairs=repairs,
    )


def _codecs(offered: Sequence[RTCRtpCodecParameters]) -> Iterator[Codec]:
    """A payload type has seven bits (RFC 3550, section 5.1); what claims another is no codec."""
    sound = [each for each in offered if each.payloadType is not None and 0 <= each.payloadType < 128]
    repaired = {each.parameters.get("apt"): each.payloadType for each in sound if each.name.lower() == "rtx"}
    for each in sound:
        mime, number = each.mimeType.lower(), each.payloadType
        if mime not in PASSED_THROUGH or number is None or each.clockRate <= 0:
            continue
        feedback = (f"{told.type} {told.parameter}" if told.parameter else told.type for told in each.rtcpFeedback)
        yield Codec(
            payload_type=number,
            mime=mime,
            clock_rate=each.clockRate,
            channels=each.channels,
            parameters=sdp.parameters_to_sdp(each.parameters),
            told=_told(mime, each.parameters),
            feedback=tuple(told for told in feedback if told in FEEDBACK),
            rtx=repaired.get(number),
        )


def _told(mime: str, parameters: Mapping[str, str | int | None]) -> tuple[tuple[str, str], ...]:
    """The parameters that make two payload types of one codec differ. Of H.264's profile, its level does not count."""
    told = {name: str(parameters.get(name, usual)) for name, usual in _TELLING.get(mime, {}).items()}
    if mime == "video/h264":
        told["profile"] = str(parameters.get("profile-level-id", "42e01f"))[:4].lower()
    return tuple(sorted(told.items()))


def _extensions(media: sdp.MediaDescription) -> dict[Extension, int]:
    found: dict[Extension, int] = {}
    for each in media.rtp.headerExtensions:
        extension = URIS.get(each.uri)
        if extension is not None and 0 < each.id < 256 and each.id != 15 and each.id not in found.values():
            found[extension] = each.id
    return found


def _sent_rids(lines: Sequence[str]) -> Iterator[str]:
    """The streams of `a=simulcast:send h;l` (RFC 8853, section 5.1); of alternatives the first, paused ones too."""
    for line in lines:
        told = re.fullmatch(r"a=simulcast:(?:.* )?send (\S+)(?: .*)?", line.strip())
        if told is None:
            continue
        rids = [stream.partition(",")[0].lstrip("~") for stream in told[1].split(";")]
        if len(rids) > MOST_RIDS or len(set(rids)) != len(rids) or not all(map(_RID.fullmatch, rids)):
            raise Malformed("sdp: simulcast")
        yield from rids
        return
