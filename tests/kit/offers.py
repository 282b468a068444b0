"""Offers as browsers write them, by hand: short enough to read, with everything the node looks at."""

FINGERPRINT = ":".join(["AB"] * 32)
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
SESSION = ("v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0")
TRANSPORT = ("c=IN IP4 0.0.0.0", "a=ice-ufrag:abcd", "a=ice-pwd:" + "p" * 24, f"a=fingerprint:sha-256 {FINGERPRINT}")


def audio(mid: str, direction: str = "sendonly", ssrc: int | None = 1001) -> list[str]:
    return [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
        *TRANSPORT,
        "a=setup:actpass",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        f"a=extmap:4 {MID}",
        f"a=extmap:3 {TRANSPORT_CC}",
        "a=rtpmap:111 opus/48000/2",
        "a=rtcp-fb:111 transport-cc",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        *([f"a=ssrc:{ssrc} cname:me"] if ssrc and direction == "sendonly" else []),
    ]


def video(mid: str, direction: str = "sendonly", *, simulcast: bool = False) -> list[str]:
    return [
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 108 109 98 45 118",
        *TRANSPORT,
        "a=setup:actpass",
        f"a=mid:{mid}",
        f"a={direction}",
        "a=rtcp-mux",
        f"a=extmap:4 {MID}",
        f"a=extmap:10 {RID}",
        f"a=extmap:3/sendrecv {TRANSPORT_CC}",
        "a=rtpmap:96 VP8/90000",
        "a=rtcp-fb:96 goog-remb",
        "a=rtcp-fb:96 transport-cc",
        "a=rtcp-fb:96 nack",
        "a=rtcp-fb:96 nack pli",
        "a=rtcp-fb:96 rrtr",
        "a=rtpmap:97 rtx/90000",
        "a=fmtp:97 apt=96",
        "a=rtpmap:108 H264/90000",
        "a=fmtp:108 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        "a=rtpmap:109 rtx/90000",
        "a=fmtp:109 apt=108",
        "a=rtpmap:98 VP9/90000",
        "a=fmtp:98 profile-id=0",
        "a=rtpmap:45 AV1/90000",
        "a=rtpmap:118 red/90000",
        *(["a=rid:h send", "a=rid:l send", "a=simulcast:send h;l"] if simulcast else []),
        *(["a=ssrc-group:FID 2001 2002", "a=ssrc:2001 cname:me", "a=ssrc:2002 cname:me"] if not simulcast else []),
    ]


def data(mid: str) -> list[str]:
    return [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        *TRANSPORT,
        "a=setup:actpass",
        f"a=mid:{mid}",
        "a=sctp-port:5000",
        "a=max-message-size:262144",
    ]


def offer(*sections: list[str], bundle: str | None = None) -> str:
    """The whole text; `bundle` in place of all the mids."""
    mids = [line.removeprefix("a=mid:") for section in sections for line in section if line.startswith("a=mid:")]
    head = [*SESSION, f"a=group:BUNDLE {' '.join(mids) if bundle is None else bundle}", "a=extmap-allow-mixed"]
    return "\r\n".join([*head, *(line for section in sections for line in section)]) + "\r\n"
