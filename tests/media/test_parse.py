"""One declared error leaves a parser. Beside each property: an input for which the library below raises another."""

import random
import struct
from collections.abc import Callable
from contextlib import suppress

import pytest
from aioice import stun
from aiortc import sdp
from hypothesis import example, given, settings
from hypothesis import strategies as st

from telehealth.media.malformed import Malformed
from telehealth.media.parse import parse_dtls, parse_sctp, parse_sdp, parse_stun
from telehealth.media.sections import LONGEST_SDP, read_offer
from tests.kit.examples import examples
from tests.kit.mutations import torn_text
from tests.kit.offers import audio, offer, video

CHROME_OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS",
        "m=application 53199 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 203.0.113.9",
        "a=candidate:1467250027 1 udp 2122260223 203.0.113.9 53199 typ host generation 0 network-id 1",
        "a=candidate:435653019 1 tcp 1518280447 203.0.113.9 9 typ host tcptype active generation 0",
        "a=candidate:842163049 1 udp 1677729535 4a3b.local 40000 typ srflx raddr 0.0.0.0 rport 0",
        "a=ice-ufrag:Oyef",
        "a=ice-pwd:UTbXK7K4AXGGLZnzVsVGHSJB",
        "a=ice-options:trickle",
        "a=fingerprint:sha-256 " + ":".join(["7B"] * 32),
        "a=setup:actpass",
        "a=mid:0",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 0",
        "c=IN IP4 0.0.0.0",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-ufrag:Oyef",
        "a=ice-pwd:UTbXK7K4AXGGLZnzVsVGHSJB",
        "a=fingerprint:sha-256 " + ":".join(["7B"] * 32),
        "a=setup:actpass",
        "a=mid:1",
        "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        "a=sendrecv",
        "a=msid:- b7a5",
        "a=rtcp-mux",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:63 red/48000/2",
        "a=fmtp:63 111/111",
        "a=rtpmap:0 PCMU/8000",
        "a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6",
        "",
    ]
)


def only_malformed(parse: Callable[[], object]) -> None:
    with suppress(Malformed):
        parse()


BAD_STUN = struct.pack("!HHI12s", 1, 8, stun.COOKIE, b"twelve bytes") + struct.pack("!HH4s", 0x24, 2, b"xx")
STUN_FRONT = st.builds(
    lambda kind, body: struct.pack("!HHI12s", kind, len(body), stun.COOKIE, b"twelve bytes") + body,
    st.sampled_from([0x001, 0x101, 0x111, 0x003]),
    st.lists(
        st.builds(
            lambda kind, value: struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4),
            st.sampled_from(sorted(stun.ATTRIBUTES_BY_TYPE)),
            st.binary(max_size=24),
        ),
        max_size=4,
    ).map(b"".join),
)


@given(st.binary(max_size=200) | STUN_FRONT)
@example(BAD_STUN)
def test_stun(data: bytes) -> None:
    only_malformed(lambda: parse_stun(data))


@given(st.binary(max_size=200))
def test_sctp(data: bytes) -> None:
    only_malformed(lambda: parse_sctp(data))


@given(st.binary(min_size=1, max_size=200) | st.binary(max_size=60).map(lambda tail: b"\x16\xfe\xfd" + tail))
def test_dtls(data: bytes) -> None:
    only_malformed(lambda: parse_dtls(data))


@settings(max_examples=examples(150))
@given(st.integers(0, 2**32) | st.text(max_size=300))
def test_offers(seed: int | str) -> None:
    text = seed if isinstance(seed, str) else torn_text(CHROME_OFFER, random.Random(seed))
    only_malformed(lambda: parse_sdp(text))
    only_malformed(lambda: read_offer(text))


def test_the_libraries_raise_what_they_like() -> None:
    """Sabotage: without the one error, these are what would leave. When it turns red the wrapping may be dropped."""
    kinds = set()
    for seed in range(400):
        try:
            sdp.SessionDescription.parse(torn_text(CHROME_OFFER, random.Random(seed)))
        except Exception as error:  # noqa: BLE001 - counting the kinds is the point
            kinds.add(type(error).__name__)
    assert kinds >= {"ValueError", "AssertionError", "KeyError", "StopIteration"}
    with pytest.raises(struct.error):
        stun.parse_message(BAD_STUN)


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("a=group:BUNDLE 0 1", "a=group:BUNDLE 0"),
        ("a=mid:1", "a=mid:0"),
        ("a=setup:actpass", "a=setup:passive"),
        ("a=setup:actpass", ""),
        ("a=rtcp-mux", ""),
        ("a=sctp-port:5000", ""),
        ("a=sctp-port:5000", "a=sctp-port:0"),
        ("a=ice-ufrag:Oyef", "a=ice-ufrag:x"),
        ("a=fingerprint:sha-256", "a=fingerprint:sha-1"),
        ("s=-", "s=-\r\na=ice-lite"),
    ],
)
def test_an_offer_the_node_does_not_take(line: str, instead: str) -> None:
    assert line in CHROME_OFFER
    with pytest.raises(Malformed):
        read_offer(CHROME_OFFER.replace(line, instead))


def test_an_offer_has_a_largest_size() -> None:
    with pytest.raises(Malformed):
        read_offer(CHROME_OFFER + "a=x\r\n" * (LONGEST_SDP // 5))


COSTLY = {
    "feedback of every codec": [
        *(f"a=rtpmap:{number % 128} VP8/90000" for number in range(90)),
        *(["a=rtcp-fb:* nack"] * 9),
    ],
    "codecs": [f"a=rtpmap:{number} VP8/90000" for number in range(129)],
    "sources": [f"a=ssrc:{number} cname:me" for number in range(201)],
    "formats": ["a=fmtp:96 x=1"] * 201,
}


@pytest.mark.parametrize("lines", COSTLY.values(), ids=COSTLY.keys())
def test_an_offer_whose_lines_multiply_is_not_read(lines: list[str]) -> None:
    """A thousand codecs and three thousand lines of feedback for all, 78 kB, stopped a node for seven seconds."""
    with pytest.raises(Malformed):
        read_offer(offer(audio("0"), [*video("1"), *lines]))
    assert read_offer(offer(audio("0"), [*video("1"), *lines[:50]]))
