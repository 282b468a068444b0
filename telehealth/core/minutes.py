"""Sets of minutes as whole numbers: bit n stands for minute `origin + n` of some frame. Stdlib only.

One `&` compares a month of minutes at once, which is why search can ask about every start instead of sampling some.
"""

from collections.abc import Iterable, Iterator, Sequence

Pair = tuple[int, int]


def filled(length: int) -> int:
    """Every minute of a frame of that length."""
    return (1 << length) - 1 if length > 0 else 0


def between(start: int, end: int, length: int) -> int:
    """The minutes [start, end), cut to the frame [0, length)."""
    low, high = max(start, 0), min(end, length)
    return ((1 << (high - low)) - 1) << low if low < high else 0


def covered(pairs: Iterable[Pair], length: int) -> int:
    """The union of half-open pairs, in any order, cut to the frame.

    A run of ones from a to b is 2**b - 2**a, so that all the ends less all the starts is the whole set.
    """
    starts, ends = bytearray(length // 8 + 1), bytearray(length // 8 + 1)
    for start, end in _merged(pairs, length):
        starts[start >> 3] |= 1 << (start & 7)
        ends[end >> 3] |= 1 << (end & 7)
    return int.from_bytes(ends, "little") - int.from_bytes(starts, "little")


def _merged(pairs: Iterable[Pair], length: int) -> Iterator[Pair]:
    low = high = -1
    for start, end in sorted(pairs):
        begin, stop = max(start, 0), min(end, length)
        if begin >= stop:
            continue
        if begin > high:
            if low >= 0:
                yield low, high
            low, high = begin, stop
        elif stop > high:
            high = stop
    if low >= 0:
        yield low, high


def every(step: int, first: int, length: int) -> int:
    """The minutes first, first + step, first + 2 step, … below length. Doubles what it has until it is enough."""
    if first >= length:
        return 0
    bits, reach = 1, step
    wanted = length - first
    while reach < wanted:
        bits |= bits << reach
        reach *= 2
    return (bits & filled(wanted)) << first


def fits(bits: int, minutes: int) -> int:
    """The minutes from which `minutes` in a row are in the set, by doubling: log2 steps."""
    run = 1
    while run < minutes and bits:
        step = min(run, minutes - run)
        bits &= bits >> step
        run += step
    return bits


def at_least(sets: Sequence[int], count: int) -> int:
    """The minutes that are in `count` or more of the sets."""
    if count == 1:
        return any_of(sets)
    reached = [0] * (count + 1)
    for bits in sets:
        for level in range(count, 1, -1):
            reached[level] |= reached[level - 1] & bits
        reached[1] |= bits
    return reached[count]


def any_of(sets: Iterable[int]) -> int:
    together = 0
    for bits in sets:
        together |= bits
    return together


def minutes_of(bits: int) -> list[int]:
    """The members, in order."""
    return list(in_order(bits))


def in_order(bits: int) -> Iterator[int]:
    """The members one by one, for whoever needs the first few."""
    text = bin(bits)[:1:-1]
    at = text.find("1")
    while at >= 0:
        yield at
        at = text.find("1", at + 1)


def table_of(bits: int) -> bytes:
    """The same set to look single minutes up in with `has`: shifting a long number would copy it for each."""
    return bits.to_bytes(bits.bit_length() // 8 + 1, "little")


def has(table: bytes, minute: int) -> bool:
    return 0 <= minute < len(table) * 8 and bool(table[minute >> 3] >> (minute & 7) & 1)
