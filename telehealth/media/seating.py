"""Who is in a room, and which section of whose connection shows whom. No I/O: connections do what this decides."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from telehealth.media.sections import Codec, Section


class Key(NamedTuple):
    """The nth thing of a kind (audio, video) that a participant sends: a second video is a shared screen."""

    participant: str
    kind: str
    number: int


def keys_of(participant: str, sections: Iterable[Section]) -> dict[str, Key]:
    """For each section that sends, by its mid, what it is. Sections keep their order, so a key keeps its meaning."""
    counts: dict[str, int] = {}
    found: dict[str, Key] = {}
    for section in sections:
        if section.kind in ("audio", "video"):
            number = counts.get(section.kind, 0)
            counts[section.kind] = number + 1
            if section.live and section.sends:
                found[section.mid] = Key(participant, section.kind, number)
    return found


def seat(sections: Sequence[Section], shown: Mapping[str, Key], offered: Iterable[Key]) -> dict[str, Key]:
    """Which section of a receiving connection, by its mid, shows what.

    A section goes on showing what it showed while that is offered; what is not shown yet takes the free sections of
    its kind in order. So an answer never moves a face to another place of the screen.
    """
    waiting = list(offered)
    found: dict[str, Key] = {}
    for section in sections:
        key = shown.get(section.mid)
        if key is None or key.kind != section.kind or not section.live or not section.receives:
            continue
        if key in waiting:
            found[section.mid] = key
            waiting.remove(key)
    for section in sections:
        if section.mid in found or not section.live or not section.receives:
            continue
        key = next((each for each in waiting if each.kind == section.kind), None)
        if key is not None:
            found[section.mid] = key
            waiting.remove(key)
    return found


def common(theirs: Sequence[Codec], ours: Sequence[Codec]) -> dict[int, Codec]:
    """For each payload type of a sender that this subscriber takes too, the subscriber's codec; in the sender's order.

    Two payload types may carry the same thing: the first stands for it.
    """
    found: dict[int, Codec] = {}
    for codec in theirs:
        match = next((each for each in ours if each.key == codec.key), None)
        if match is not None:
            found[codec.payload_type] = match
    return found
