"""Offers of session descriptions: what the node accepts of what a browser sends."""

import re

from aiortc import RTCSessionDescription, sdp
from aiortc.rtcsctptransport import RTCSctpCapabilities

from telehealth.media.malformed import Malformed
from telehealth.media.parse import parse_sdp, render_sdp

LONGEST_SDP = 32_768
MOST_LINES = 600

_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")  # RFC 8839, section 5.4
_PWD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_TEXT = re.compile(r"[\r\n\x20-\x7e]*")
_FINGERPRINT = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31}")


def read_offer(text: str) -> RTCSessionDescription:
    """The offer as the node takes it: one data channel section, at most one audio section, one bundle, no candidates.

    Its candidates are left out on purpose: the node answers those who show the ICE password from where they are, and
    never sends a packet to an address that only an offer named. Raises Malformed.
    """
    if len(text) > LONGEST_SDP or text.count("\n") > MOST_LINES or not _TEXT.fullmatch(text):
        raise Malformed("sdp")
    description = parse_sdp(text)
    _check_sections(description)
    for media in description.media:
        _check_media(media)
        media.ice, media.dtls = description.media[0].ice, description.media[0].dtls  # RFC 9143, section 7.3.1
        media.host = media.rtcp_host = None
        media.ice_candidates, media.ice_candidates_complete = [], False
    return RTCSessionDescription(sdp=render_sdp(description), type="offer")


def _check_sections(description: sdp.SessionDescription) -> None:
    kinds = sorted(media.kind for media in description.media)
    mids = [media.rtp.muxId for media in description.media]
    bundles = [group.items for group in description.group if group.semantic == "BUNDLE"]
    if kinds not in (["application"], ["application", "audio"]):
        raise Malformed("sdp: sections")
    if bundles != [mids] or len(set(mids)) != len(mids) or not all(mids):
        raise Malformed("sdp: bundle")


def _check_media(media: sdp.MediaDescription) -> None:
    ice, dtls = media.ice, media.dtls
    if (
        ice is None
        or ice.iceLite
        or not _UFRAG.fullmatch(ice.usernameFragment or "")
        or not _PWD.fullmatch(ice.password or "")
    ):
        raise Malformed("sdp: ice")
    if dtls is None or dtls.role not in ("auto", "client"):
        raise Malformed("sdp: setup")
    if not any(f.algorithm.lower() == "sha-256" and _FINGERPRINT.fullmatch(f.value) for f in dtls.fingerprints):
        raise Malformed("sdp: fingerprint")
    if media.kind == "application":
        _check_channel(media)
    else:
        _check_audio(media)


def _check_audio(media: sdp.MediaDescription) -> None:
    if media.profile != "UDP/TLS/RTP/SAVPF" or not media.rtcp_mux:
        raise Malformed("sdp: audio")
    # Opus alone (RFC 7874, section 3: every browser has it), so that jitter has one clock.
    media.rtp.codecs = [codec for codec in media.rtp.codecs if codec.mimeType.lower() == "audio/opus"]
    if not media.rtp.codecs:
        raise Malformed("sdp: codec")
    media.fmt = [codec.payloadType for codec in media.rtp.codecs]


def _check_channel(media: sdp.MediaDescription) -> None:
    if media.profile != "UDP/DTLS/SCTP" or media.sctp_port is None or not 0 < media.sctp_port < 65_536:
        raise Malformed("sdp: sctp")
    if media.sctpCapabilities is None:
        media.sctpCapabilities = RTCSctpCapabilities(maxMessageSize=65_536)  # RFC 8841, section 6.1: the default
