"""What goes by itself is what the sources would have sent, to the last bit, and is accounted for as they would have.

lanes.c is compiled for these tests; without a C compiler they say that they did not run.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from telehealth.media.compiling import compile_lanes
from telehealth.media.forward import CALM
from telehealth.media.lanes import Lanes
from telehealth.media.sending import payload_types
from tests.kit.packets import rtp
from tests.kit.worlds import AGAIN, HIGH, LOW, OPUS, REPAIR, SOUND, VIDEO, Sender, World, worlds

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
KEYFRAME, PICTURE = b"\x10\x00key", b"\x10\x01picture"
STEP = 0.004


@pytest.fixture(scope="module")
def native(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """lanes.c as a module."""
    spec = spec_from_file_location("telehealth.media._lanes", compile_lanes(tmp_path_factory.mktemp("native")))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass
class Stream:
    """A stream of the sender's: the sequence number and timestamp of its next packet."""

    ssrc: int
    number: int
    timestamp: int = 0xFFFFFF00
    late: list[bytes] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)

    def packet(self, payload: bytes, **more: Any) -> bytes:
        marker = self.number % 3 == 0
        told = {"marker": marker, "payload_type": VIDEO, "elements": [(3, self.number.to_bytes(4, "big")[2:])], **more}
        made = rtp(payload, sequence_number=self.number, timestamp=self.timestamp, ssrc=self.ssrc, **told)
        self.number += 1
        self.timestamp += 3000 if marker else 0
        return made


FORMS: Sequence[dict[str, Any]] = (
    {"elements": None},
    {"elements": [(3, b"ab"), (13, b"\x01"), (2, b"abc")]},
    {"elements": [(1, b"\x30"), (12, b"\x00\x01\x02")]},
    {"elements": [(12, b"\x80\x00\x05\x81" + b"t" * 11), (13, b"\x03"), (1, b"\x31")]},
    {"elements": [(3, b"ab"), (12, b"abc")], "two_byte": True},
    {"elements": [(200, b"long" * 20)], "two_byte": True},
    {"padding": 9},
    {"sources": (7, 8)},
    {"payload_type": 35},
)
EVENTS = ("next",) * 12 + ("sound",) * 6 + (
    "key", "lose", "delay", "late", "twice", "repair", "form", "torn", "far", "short",
    "layer", "ask", "nack", "leave", "join", "hang_up", "beat", "beat", "rest",
)  # fmt: skip
lives = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 200), st.booleans()), max_size=150)


class Life:
    """The same things happen to both worlds: a method for each, which has a number to make something of."""

    def __init__(self, sender: Sender, both: Sequence[World]) -> None:
        self.sender, self.both, self.now = sender, both, 1000.0
        self.high, self.low, self.other = Stream(HIGH, 65_500), Stream(LOW, 100), Stream(SOUND, 7)
        self.again = Stream(AGAIN, 1)
        self.watched(lambda world, place: world.watchers[place].picture.want(0, self.now), 0, 1)

    def live(self, event: str, size: int) -> None:
        getattr(self, event)(size)

    def stream(self, size: int) -> Stream:
        return self.low if size % 5 == 0 else self.high

    def say(self, stream: Stream, payload: bytes, **more: Any) -> None:
        stream.sent.append(stream.packet(payload, **more))
        self.sender.say(stream.sent[-1])

    def watched(self, change: Callable[[World, int], None], *places: int) -> None:
        """What is not a packet; before it, all that came is taken."""
        self.take()
        for world in self.both:
            for place in places:
                change(world, place)
        self.compare()

    # What the sender does

    def next(self, size: int) -> None:
        self.say(self.stream(size), PICTURE + bytes(size))

    def key(self, size: int) -> None:
        self.say(self.stream(size), KEYFRAME)

    def sound(self, size: int) -> None:
        level = [(1, bytes((size % 128,)))] if size % 3 else [(4, b"0"), (1, b"\x30"), (3, b"zz")]
        self.say(self.other, b"s" * size, payload_type=OPUS, elements=level, marker=False)

    def lose(self, size: int) -> None:
        self.stream(size).packet(PICTURE)

    def delay(self, size: int) -> None:
        self.stream(size).late.append(self.stream(size).packet(PICTURE + b"late"))

    def late(self, size: int) -> None:
        for packet in self.stream(size).late[-1:]:
            self.sender.say(packet)

    def twice(self, size: int) -> None:
        for packet in self.stream(size).sent[-1 - size % 3 :][:1]:
            self.sender.say(packet)

    def repair(self, _size: int) -> None:
        for lost in self.high.late[-1:]:
            after_header = 20  # with one extension
            self.sender.say(self.again.packet(lost[2:4] + lost[after_header:], payload_type=REPAIR))

    def form(self, size: int) -> None:
        self.say(self.stream(size), PICTURE, **FORMS[size % len(FORMS)])

    def torn(self, size: int) -> None:
        self.sender.say(self.stream(size).packet(PICTURE + bytes(30)), torn_at=size)

    def far(self, size: int) -> None:
        self.stream(size).number += 4000 + size

    def short(self, size: int) -> None:
        self.say(self.stream(size), b"", elements=None)

    # What subscribers do, and time

    def layer(self, size: int) -> None:
        self.watched(
            lambda world, place: world.watchers[place].picture.want((None, 0, 1)[size % 3], self.now), size % 2
        )

    def ask(self, size: int) -> None:
        self.watched(lambda world, place: world.watchers[place].picture.needs_keyframe(), size % 2)

    def leave(self, size: int) -> None:
        self.watched(lambda world, place: world.watchers[place].sound.want(None, self.now), size % 2)

    def join(self, size: int) -> None:
        self.watched(lambda world, place: world.watchers[place].sound.want(0, self.now), size % 2)

    def hang_up(self, size: int) -> None:
        if size > 180:
            self.watched(lambda world, place: world.watchers[place].hang_up(), size % 2)

    def nack(self, size: int) -> None:
        def ask(world: World, place: int) -> None:
            world.settle()
            stream = world.watchers[place].streams[size % 2]
            stream.repeat([stream.highest - size % 7 & 0xFFFF], self.now)

        self.watched(ask, size % 2)

    def beat(self, _size: int, seconds: float = 0.02) -> None:
        self.take()
        self.now += seconds
        plain, laned = (world.due(self.now) for world in self.both)
        assert laned == plain
        self.watched(lambda world, _place: world.pictures.refresh(self.now), 0)

    def rest(self, size: int) -> None:
        self.beat(size, seconds=0.7)

    def take(self) -> None:
        self.now += STEP
        for world in self.both:
            world.take(self.now)

    def compare(self) -> None:
        plain, laned = (world.state() for world in self.both)
        assert laned == plain
        for one, other in zip(self.both[0].watchers, self.both[1].watchers, strict=True):
            assert other.heard() == one.heard()


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives)
def test_it_is_as_without_lanes(native: Any, events: Sequence[tuple[str, int, bool]]) -> None:
    with worlds(Lanes(native)) as (sender, *both):
        life = Life(sender, both)
        for event, size, taken in events:
            life.live(event, size)
            if taken:
                life.take()
        life.beat(0)
        life.rest(0)


@pytest.fixture
def life(native: Any) -> Iterator[Life]:
    with worlds(Lanes(native)) as (sender, *both):
        life = Life(sender, both)
        both[1].eager = False
        life.key(1)
        life.take()
        yield life


def steady(life: Life, packets: int, **more: Any) -> tuple[int, int]:
    """Pictures, one after the other: how many did not go by themselves, and how often a lane was to begin."""
    world = life.both[1]
    left, begun = world.left, world.begun
    for size in range(packets):
        life.say(life.high, PICTURE + bytes(5 * size % 190), **more)
        life.take()
    life.compare()
    return world.left - left, world.begun - begun


def test_a_steady_stream_goes_by_itself(life: Life) -> None:
    assert steady(life, 200) == (CALM - 1, 1)  # one came before
    life.lose(1)
    assert steady(life, 200) == (CALM, 1)


@pytest.mark.parametrize("form", [FORMS[4], FORMS[5], FORMS[6]], ids=["two-byte", "long", "padded"])
def test_what_no_lane_takes_begins_few(life: Life, form: dict[str, Any]) -> None:
    steady(life, 100)
    left, begun = steady(life, 160, **form)
    assert left == 160
    assert begun <= 160 // CALM


def test_who_takes_no_such_payload_type_keeps_nobody_from_it(life: Life) -> None:
    for world in life.both:
        world.watchers[0].picture.types = payload_types({OPUS: 109})
        world.watchers[0].picture.needs_keyframe()
        world.watchers[0].picture.begin_anew(world.pictures.sources[0])
    life.key(1)
    life.take()
    assert steady(life, 100) == (CALM - 1, 1)


def test_what_has_another_way_too_goes_no_lane(life: Life) -> None:
    """As when it is recorded."""
    for world in life.both:
        world.watchers[1].streams[0].door = None
    assert steady(life, 100)[0] == 100


def test_who_has_begun_nothing_yet_is_not_left_out(life: Life) -> None:
    for world in life.both:
        world.watchers[1].streams[0]._current = None
    assert steady(life, 100)[0] == 100


def test_of_many_forms_the_newest_go_by_themselves(life: Life) -> None:
    for length in range(1, 13):
        steady(life, 3, elements=[(12, bytes(length))])
    steady(life, 2 * CALM, elements=[(12, bytes(12))])
    assert steady(life, 50, elements=[(12, bytes(12))])[0] == 0
    assert steady(life, 1, elements=[(12, bytes(1))])[0] == 1


def test_who_sends_more_than_is_allowed_goes_by_itself_no_longer(life: Life) -> None:
    steady(life, 100)
    for world in life.both:
        world.allowed = 10
    world = life.both[1]
    for _ in range(40):
        life.next(1)
        life.take()
        world.settle()
    life.next(1)
    left = world.left
    life.take()
    assert world.left == left + 1
    plain, laned = (each.watchers[0].streams[0].packets for each in life.both)
    assert laned == plain + 1  # found out when it is accounted for


def test_what_cannot_be_accounted_for_is_sealed_by_no_number_again(
    life: Life, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    steady(life, 100)
    world = life.both[1]
    stream = world.watchers[0].streams[0]
    monkeypatch.setattr(world.uplink, "_kinds", b"")
    for _ in range(3):
        life.next(1)
        life.take()
    highest = stream.highest
    world.settle()
    monkeypatch.undo()
    assert "could not be accounted for" in caplog.text
    assert stream.highest >= highest + 3
    assert not world.uplink.tracks
    assert not world.pictures.sources[0].live
    assert world.uplink.failed
    life.next(1)
    life.take()
    assert len(world.watchers[0].heard()) == 3
