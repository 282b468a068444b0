"""The parsers of aiortc and aioice that meet the network, each with one error: Malformed.

They raise whatever comes: struct.error leaves the STUN parser of aioice 0.13, and kills the task that carries media.
"""

from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from aioice import stun
from aiortc import rtcsctptransport, sdp

from telehealth.media.malformed import Malformed

MOST_ALIKE = 200  # lines of one attribute in a section; of rtcp-fb Chromium writes about ninety
MOST_ALIKE_OF = {"a=rtpmap": 128, "a=rtcp-fb:*": 8}  # aiortc multiplies these with each other, into memory

P = ParamSpec("P")
R = TypeVar("R")


def _only_malformed(parser: Callable[P, R]) -> Callable[P, R]:
    @wraps(parser)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return parser(*args, **kwargs)
        except Exception:  # noqa: BLE001 - foreign parsers: twenty-two kinds were counted leaving the SDP parser alone
            raise Malformed(parser.__name__.partition("_")[2]) from None

    return guarded


@_only_malformed
def parse_stun(data: bytes) -> stun.Message:
    """A STUN message (RFC 8489) that may be answered: with its magic cookie, and its PRIORITY when it is a check."""
    if data[4:8] != stun.COOKIE.to_bytes(4, "big"):
        raise Malformed("stun")
    message = stun.parse_message(data)
    if message.message_class is stun.Class.REQUEST and "PRIORITY" not in message.attributes:
        raise Malformed("stun")  # RFC 8445, section 7.1.1: a check carries one; aioice reads it without asking
    return message


@_only_malformed
def parse_dtls(data: bytes) -> None:
    """Checks that a datagram is whole DTLS records (RFC 6347, section 4.1).

    The sealed form of DTLS 1.3 (first byte 32 to 63) is not looked into: its length is optional.
    """
    position = 0
    while position < len(data) and data[position] < 32:
        if data[position + 1] != 0xFE or len(data) < position + 13:
            raise Malformed("dtls")
        position += 13 + int.from_bytes(data[position + 11 : position + 13], "big")
    if position > len(data):
        raise Malformed("dtls")


@_only_malformed
def parse_sctp(data: bytes) -> list[rtcsctptransport.Chunk]:
    """The chunks of an SCTP packet (RFC 9260). An INIT stands alone (section 3.3.2): aiortc asserts it."""
    _, _, _, chunks = rtcsctptransport.parse_packet(data)
    if len(chunks) != 1 and any(isinstance(chunk, rtcsctptransport.InitChunk) for chunk in chunks):
        raise Malformed("sctp")
    return chunks


@_only_malformed
def parse_sdp(text: str) -> sdp.SessionDescription:
    """A session description (RFC 8866) as aiortc reads it.

    It compares each line with all lines alike before it: what repeats itself beyond measure is not read at all.
    """
    _check_repetition(text)
    return sdp.SessionDescription.parse(text)


def _check_repetition(text: str) -> None:
    seen: Counter[str] = Counter()
    for line in text.splitlines():
        if line.startswith("m="):
            seen.clear()
        name = "a=rtcp-fb:*" if line.startswith("a=rtcp-fb:*") else line.partition(":")[0]
        seen[name] += 1
        if seen[name] > MOST_ALIKE_OF.get(name, MOST_ALIKE):
            raise Malformed("sdp")
