"""Offers read, answers written, and the answers read again by aiortc."""

import pytest
from aiortc import RTCDtlsFingerprint, sdp
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.answer import Idle, Local, Receive, Refuse, Reply, Send, render
from telehealth.media.malformed import Malformed
from telehealth.media.rtp import Extension
from telehealth.media.sections import MOST_SECTIONS, Offer, read_offer
from tests.kit.offers import FINGERPRINT, audio, data, offer, video

LOCAL = Local(
    fragment="ours",
    password="q" * 32,
    fingerprints=(RTCDtlsFingerprint("sha-256", FINGERPRINT), RTCDtlsFingerprint("sha-512", FINGERPRINT)),
    addresses=(("192.0.2.1", 4000), ("2001:db8::1", 4000)),
    session=7,
)
UP = offer(audio("0"), video("1", simulcast=True), data("2"))


def answered(text: str, *replies: Reply) -> sdp.SessionDescription:
    return sdp.SessionDescription.parse(render(read_offer(text), replies, LOCAL))


def receive(found: Offer, index: int) -> Receive:
    section = found.sections[index]
    return Receive(codecs=section.codecs, rids=section.rids)


def test_what_is_read_of_an_offer() -> None:
    found = read_offer(UP)
    sound, picture, channel = found.sections
    assert (sound.kind, sound.mid, sound.sends, sound.receives, sound.ssrcs) == ("audio", "0", True, False, (1001,))
    assert [codec.mime for codec in sound.codecs] == ["audio/opus"]
    assert (picture.rids, channel.kind) == (("h", "l"), "application")
    assert [(codec.mime, codec.payload_type, codec.rtx) for codec in picture.codecs] == [
        ("video/vp8", 96, 97),
        ("video/h264", 108, 109),
        ("video/vp9", 98, None),
        ("video/av1", 45, None),
    ]
    assert picture.codecs[0].feedback == ("goog-remb", "transport-cc", "nack", "nack pli")
    assert found.extensions == {Extension.MID: 4, Extension.RID: 10, Extension.TRANSPORT_CC: 3}
    assert (found.remote.fragment, found.remote.sctp_port, found.remote.largest_message) == ("abcd", 5000, 262_144)
    assert found.mixed


def test_repairs_are_read_of_the_group() -> None:
    assert read_offer(offer(video("0"))).sections[0].repairs == {2002: 2001}


def test_the_answer_to_one_who_sends() -> None:
    found = read_offer(UP)
    answer = answered(UP, receive(found, 0), receive(found, 1), Idle())
    text = render(found, (receive(found, 0), receive(found, 1), Idle()), LOCAL)
    assert [media.direction for media in answer.media] == ["recvonly", "recvonly", None]
    assert all(media.ice and media.ice.iceLite and media.ice.usernameFragment == "ours" for media in answer.media)
    assert all(media.dtls and media.dtls.role == "server" for media in answer.media)
    assert [group.items for group in answer.group] == [["0", "1", "2"]]
    assert [candidate.ip for candidate in answer.media[0].ice_candidates] == ["2001:db8::1", "192.0.2.1"]
    assert "a=rid:h recv\r\na=rid:l recv\r\na=simulcast:recv h;l\r\n" in text
    assert "rrtr" not in text
    assert "sha-512" not in text
    assert (answer.media[2].sctp_port, answer.media[2].port) == (5000, 9)


def test_the_answer_to_one_who_receives() -> None:
    text = offer(audio("a", "recvonly"), video("b", "recvonly"), video("c", "recvonly"))
    found = read_offer(text)
    picture = found.sections[1]
    send = Send(codecs=picture.codecs[:1], stream="p2", track="p2-video", ssrc=77, rtx_ssrc=78)
    answer = answered(text, Idle(), send, Idle())
    told = answer.media[1]
    assert [media.direction for media in answer.media] == ["inactive", "sendonly", "inactive"]
    assert told.fmt == [96, 97]
    assert (told.msid, [each.ssrc for each in told.ssrc]) == ("p2 p2-video", [77, 78])
    assert told.ssrc_group[0].items == [77, 78]
    assert {header.id for header in told.rtp.headerExtensions} == {4}
    assert all(feedback.type != "transport-cc" for feedback in told.rtp.codecs[0].rtcpFeedback)


def test_a_refused_section_is_outside_the_bundle() -> None:
    answer = answered(UP, Idle(), Refuse(), Idle())
    assert [group.items for group in answer.group] == [["0", "2"]]
    assert [media.port for media in answer.media] == [9, 0, 9]


def test_bundle_only_sections_are_live() -> None:
    later = [line.replace("m=video 9", "m=video 0") for line in video("1")] + ["a=bundle-only"]
    assert [section.live for section in read_offer(offer(audio("0"), later)).sections] == [True, True]
    stopped = [line.replace("m=video 9", "m=video 0") for line in video("1")]
    assert [section.live for section in read_offer(offer(audio("0"), stopped, bundle="0")).sections] == [True, False]


def key_of(*parameters: str) -> object:
    lines = video("0")
    at = lines.index("a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f")
    lines[at] = f"a=fmtp:108 {';'.join(parameters)}"
    return read_offer(offer(lines)).sections[0].codecs[1].key


def test_codecs_of_two_browsers_are_matched_by_what_they_carry() -> None:
    usual = key_of("packetization-mode=1", "profile-level-id=42e01f")
    assert usual == key_of("profile-level-id=42e034", "level-asymmetry-allowed=1", "packetization-mode=1")
    assert usual != key_of("packetization-mode=0", "profile-level-id=42e01f")
    assert usual != key_of("packetization-mode=1", "profile-level-id=64001f")


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        ("a=setup:actpass", "a=setup:passive"),
        ("a=ice-ufrag:abcd", "a=ice-ufrag:a"),
        ("a=mid:1", "a=mid:0"),
        ("a=mid:1", "a=mid:" + "x" * 65),
        ("a=mid:1", "a=mid:1 2"),
        ("BUNDLE 0 1 2", "BUNDLE 0 1"),
        ("a=group:BUNDLE 0 1 2", "a=x"),
        (f"sha-256 {FINGERPRINT}", f"sha-1 {FINGERPRINT}"),
        (f"sha-256 {FINGERPRINT}", "sha-256 AB"),
        ("a=rtcp-mux", "a=x"),
        ("UDP/TLS/RTP/SAVPF", "RTP/AVP"),
        ("a=simulcast:send h;l", "a=simulcast:send h;l;m;n"),
        ("a=simulcast:send h;l", "a=simulcast:send h;h"),
        ("a=simulcast:send h;l", "a=simulcast:send h;../l"),
        ("a=sctp-port:5000", "a=sctp-port:70000"),
        ("a=ssrc:1001", "a=ssrc:4294967296"),
        ("a=ssrc:1001", "a=ssrc:-1"),
        ("a=ssrc:1001", "a=ssrc-group:FID 1001 99999999999\r\na=ssrc:1001"),
        ("v=0", "a=ice-lite\r\nv=0"),
        ("s=-", "s=\x00"),
    ],
)
def test_offers_that_cannot_be_used(part: str, instead: str) -> None:
    assert part in UP
    with pytest.raises(Malformed):
        read_offer(UP.replace(part, instead))


@pytest.mark.parametrize("number", ["-1", "128", "255"])
def test_a_payload_type_of_more_than_seven_bits_is_no_codec(number: str) -> None:
    text = (
        offer(video("0"))
        .replace("a=rtpmap:96 VP8", f"a=rtpmap:{number} VP8")
        .replace("rtpmap:109 rtx", "rtpmap:200 rtx")
    )
    codecs = read_offer(text.replace("a=fmtp:109", "a=fmtp:200").replace("a=rtcp-fb:96", "a=x:96")).sections[0].codecs
    assert [(each.payload_type, each.rtx) for each in codecs] == [(108, None), (98, None), (45, None)]


def test_offers_that_are_too_long() -> None:
    for text in (UP + "a=x\r\n" * 4_100, UP + "a=" + "x" * 131_072, offer(*(audio(str(n)) for n in range(41)))):
        with pytest.raises(Malformed):
            read_offer(text)
    assert len(read_offer(offer(*(audio(str(n)) for n in range(MOST_SECTIONS)))).sections) == MOST_SECTIONS


LINES = UP.split("\r\n")


@given(st.data())
def test_a_mutated_offer_is_answered_or_malformed(source: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(source.draw(st.integers(1, 4))):
        at = source.draw(st.integers(0, len(lines) - 1))
        match source.draw(st.sampled_from(["drop", "twice", "cut", "swap", "other"])):
            case "drop":
                del lines[at]
            case "twice":
                lines.insert(at, lines[at])
            case "cut":
                lines[at] = lines[at][: source.draw(st.integers(0, len(lines[at])))]
            case "swap":
                lines[at] = source.draw(st.sampled_from(LINES))
            case _:
                lines[at] += source.draw(st.text(st.characters(max_codepoint=0x17F), max_size=8))
    try:
        found = read_offer("\r\n".join(lines))
    except Malformed:
        return
    replies = [Receive(codecs=each.codecs, rids=each.rids) if each.codecs else Refuse() for each in found.sections]
    render(found, replies, LOCAL)
