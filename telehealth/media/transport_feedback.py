"""Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01, section 3.1).

One message says of consecutive packets of a transport, whatever their stream, when each came.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from struct import Struct
from typing import Final

from telehealth.media.malformed import Malformed

FORMAT: Final = 15
TICKS_PER_SECOND: Final = 4000
TICKS_PER_REFERENCE: Final = 256  # reference times count 64 ms
MOST_PACKETS: Final = 0xFFFF

_HEAD, _RUN = Struct("!HHI"), Struct("!H")
_NOT_RECEIVED, _SMALL, _LARGE = 0, 1, 2
_LONGEST_RUN = 0x1FFF


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportFeedback:
    """`deltas` has one entry for each packet from `base_number` on: None, it did not come; else the ticks of 250 us
    (-32768 to 32767) since the one before that came, for the first since `reference_time`, which is in 64 ms (24 bits).

    `feedback_number` (8 bits) counts the messages.
    """

    sender: int
    media: int
    base_number: int
    reference_time: int
    feedback_number: int
    deltas: tuple[int | None, ...]


def parse(sender: int, media: int, body: bytes) -> TransportFeedback:
    """Reads what follows the two SSRCs of such a message. Malformed when it ends too early."""
    if len(body) < _HEAD.size:
        raise Malformed("rtcp")
    base, count, reference = _HEAD.unpack_from(body)
    statuses, at = _statuses(body, count)
    return TransportFeedback(
        sender=sender,
        media=media,
        base_number=base,
        reference_time=reference >> 8,
        feedback_number=reference & 0xFF,
        deltas=tuple(_deltas(body, at, statuses)),
    )


def build(feedback: TransportFeedback) -> bytes:
    """The same the other way, padded to whole words."""
    told = _all_soon(feedback.deltas)
    if told is not None:
        reference = feedback.reference_time << 8 | feedback.feedback_number & 0xFF
        body = _HEAD.pack(feedback.base_number, len(told), reference) + _RUN.pack(_SMALL << 13 | len(told)) + told
        return body + bytes(-len(body) % 4)
    statuses = [_status(each) for each in feedback.deltas]
    head = _HEAD.pack(
        feedback.base_number, len(statuses), feedback.reference_time << 8 | feedback.feedback_number & 0xFF
    )
    chunks = b"".join(each.to_bytes(2, "big") for each in _chunks(statuses))
    deltas = b"".join(
        each.to_bytes(1 if 0 <= each <= 0xFF else 2, "big", signed=not 0 <= each <= 0xFF)
        for each in feedback.deltas
        if each is not None
    )
    body = head + chunks + deltas
    return body + bytes(-len(body) % 4)


def _all_soon(deltas: Sequence[int | None]) -> bytes | None:
    """What is told of packets that all came, each within 64 ms of the one before: nearly always it is so."""
    if not 0 < len(deltas) <= _LONGEST_RUN or None in deltas:
        return None
    try:
        return bytes(deltas)  # type: ignore[arg-type]
    except ValueError:
        return None


def _status(delta: int | None) -> int:
    if delta is None:
        return _NOT_RECEIVED
    return _SMALL if 0 <= delta <= 0xFF else _LARGE


def _statuses(body: bytes, count: int) -> tuple[list[int], int]:
    """The status of each packet, and where the deltas begin."""
    statuses: list[int] = []
    at = _HEAD.size
    while len(statuses) < count:
        if len(body) < at + 2:
            raise Malformed("rtcp")
        chunk = body[at] << 8 | body[at + 1]
        at += 2
        if not chunk & 0x8000:
            statuses += [chunk >> 13 & 3] * (chunk & _LONGEST_RUN)
        elif chunk & 0x4000:
            statuses += [chunk >> shift & 3 for shift in range(12, -1, -2)]
        else:
            statuses += [chunk >> shift & 1 for shift in range(13, -1, -1)]
    return statuses[:count], at


def _deltas(body: bytes, at: int, statuses: Sequence[int]) -> Iterator[int | None]:
    for status in statuses:
        size = status if status in {_SMALL, _LARGE} else 0
        if len(body) < at + size:
            raise Malformed("rtcp")
        yield int.from_bytes(body[at : at + size], "big", signed=status == _LARGE) if size else None
        at += size


def _chunks(statuses: Sequence[int]) -> Iterator[int]:
    """Runs where one is longer than what a vector of two-bit statuses holds, vectors of seven elsewhere."""
    pending: list[int] = []
    for status, group in groupby(statuses):
        length = sum(1 for _ in group)
        while length and pending:
            pending.append(status)
            length -= 1
            if len(pending) == 7:
                yield _vector(pending)
                pending.clear()
        while length >= 7:
            yield status << 13 | min(length, _LONGEST_RUN)
            length -= min(length, _LONGEST_RUN)
        pending += [status] * length
    if pending:
        yield _vector(pending)


def _vector(statuses: Sequence[int]) -> int:
    chunk = 0xC000
    for position, status in enumerate(statuses):
        chunk |= status << 12 - 2 * position
    return chunk
