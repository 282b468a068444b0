"""Inputs nearly as they should be: bytes, texts and JSON values changed in a few places, by a seeded chance."""

import random
from collections.abc import Callable, Sequence
from typing import Any

LARGEST = 1400
EDGES = (0, 1, 0x7F, 0x80, 0xFF)
MOST_REPEATED = 4_000  # characters of a member that is repeated 200 times: what it holds may have been repeated before
ODD: tuple[Any, ...] = (
    None, True, 0, -1, 1, 2**31, 2**53, 2**64, 0.5, float("nan"), float("inf"), "", "x", "\0", "\ud800", "é" * 3000,
    [], {}, [[]], {"": None}, "00000000-0000-0000-0000-000000000000",
)  # fmt: skip


def torn(data: bytes, chance: random.Random, *, keep: int = 0) -> bytes:
    """That datagram with one to four changes, none in the first `keep` bytes; at most 1,400 bytes long."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        if len(made) > keep:
            chance.choice(CHANGES)(made, chance, keep)
    return bytes(made[:LARGEST])


def _flip(data: bytearray, chance: random.Random, keep: int) -> None:
    data[chance.randrange(keep, len(data))] ^= 1 << chance.randrange(8)


def _set(data: bytearray, chance: random.Random, keep: int) -> None:
    data[chance.randrange(keep, len(data))] = chance.choice([*EDGES, chance.randrange(256)])


def _cut(data: bytearray, chance: random.Random, keep: int) -> None:
    del data[chance.randrange(keep, len(data)) :]


def _lose(data: bytearray, chance: random.Random, keep: int) -> None:
    at = chance.randrange(keep, len(data))
    del data[at : at + chance.randint(1, 8)]


def _repeat(data: bytearray, chance: random.Random, keep: int) -> None:
    at = chance.randrange(keep, len(data))
    data[at:at] = data[at : at + chance.randint(1, 40)]


def _insert(data: bytearray, chance: random.Random, keep: int) -> None:
    at = chance.randrange(keep, len(data))
    data[at:at] = chance.randbytes(chance.choice([1, 2, 4, 30]))


def _count(data: bytearray, chance: random.Random, keep: int) -> None:
    """Somewhere two bytes, such as a length, that say too much, too little or nothing."""
    at = chance.randrange(keep, len(data))
    data[at : at + 2] = chance.choice([0, 1, 3, min(len(data), 0xFFFF), 0x7FFF, 0xFFFF]).to_bytes(2, "big")


CHANGES: Sequence[Callable[[bytearray, random.Random, int], None]] = (
    _flip, _flip, _set, _set, _count, _cut, _lose, _repeat, _insert,
)  # fmt: skip


def torn_text(text: str, chance: random.Random) -> str:
    """A description with a few lines cut, doubled, moved, swapped in part, or given other numbers."""
    lines = text.split("\r\n")
    for _ in range(chance.randint(1, 4)):
        at, other = chance.randrange(len(lines)), chance.randrange(len(lines))
        line = lines[at]
        lines[at] = chance.choice(
            [
                "",
                line[: chance.randint(0, len(line))],
                f"{line} {line}",
                "\r\n".join([line] * 30),
                lines[other],
                line.replace(":", " ", 1),
                line.replace("1", chance.choice(["-1", "x", "99999999999", ""])),
                line.partition(":")[0] + ":" + lines[other].partition(":")[2],
            ]
        )
    return "\r\n".join(lines)


def torn_value(value: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A JSON object with one to three members lost, added, or of another kind, at any depth."""
    made = dict(value)
    for _ in range(chance.randint(1, 3)):
        name = chance.choice([*made, "more"])
        within = made.get(name)
        match chance.randrange(4):
            case 0:
                made.pop(name, None)
            case 1 if isinstance(within, dict) and within:
                made[name] = torn_value(within, chance)
            case 2:
                made[name] = [within] * (chance.choice([1, 2, 200]) if len(repr(within)) <= MOST_REPEATED else 1)
            case _:
                made[name] = chance.choice(ODD)
    return made
