"""Which layer a subscriber gets, on lines that are simulated as receivers report them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.layers import (
    CALM_FOR,
    CLEAN_FOR,
    JAMMED_FOR,
    JAMMED_LOSS,
    LONGEST_WAIT,
    POOR_FOR,
    Demand,
    LayerChooser,
    allocate,
    total,
    worst_loss,
)

HIGH, LOW = 1_500_000, 200_000
TICK = 0.25
ONE = (Demand(key="a", rates=(HIGH, LOW)),)
THREE = tuple(Demand(key=key, rates=(HIGH, LOW)) for key in "abc")


@dataclass
class Line:
    """A line of that capacity before a receiver that estimates as libwebrtc does.

    The estimate grows by 8 % a second up to half as much again as what comes, and falls below what comes when the line
    is full. 40 kb/s of sound are always there.
    """

    capacity: float
    chooser: LayerChooser = field(default_factory=LayerChooser)
    now: float = 0.0
    estimate: float = 300_000
    told: list[dict[str, int | None]] = field(default_factory=list)
    silent: list[bool] = field(default_factory=list)

    def run(self, seconds: float, demands: Sequence[Demand], *, estimates: bool = True) -> None:
        for _ in range(round(seconds / TICK)):
            chosen = self.told[-1] if self.told else {}
            sent = total(chosen, demands) + 40_000
            arriving = min(sent, self.capacity)
            if sent > self.capacity:
                self.estimate = 0.85 * self.capacity
            else:
                self.estimate = min(self.estimate * 1.08**TICK, 1.5 * arriving + 10_000)
            if estimates:
                self.chooser.hear_estimate(self.estimate, self.now)
            self.chooser.hear_loss((sent - arriving) / sent, self.now)
            self.told.append(self.chooser.choose(demands, sent=sent, now=self.now))
            self.silent.append(self.chooser.audio_only)
            self.now += TICK

    def share(self, seconds: float, wanted: dict[str, int | None]) -> float:
        last = self.told[-round(seconds / TICK) :]
        return sum(each == wanted for each in last) / len(last)


@pytest.mark.parametrize("estimates", [True, False])
def test_a_good_line_gets_the_best_and_keeps_it(estimates: bool) -> None:
    line = Line(4_000_000)
    line.run(90, ONE, estimates=estimates)
    assert line.share(80, {"a": 0}) == 1.0
    assert not any(line.silent)


@pytest.mark.parametrize("capacity", [300_000, 500_000, 900_000])
@pytest.mark.parametrize("estimates", [True, False])
def test_a_narrow_line_gets_the_low_layer_and_is_tried_ever_more_rarely(capacity: int, estimates: bool) -> None:
    line = Line(capacity)
    line.run(300, ONE, estimates=estimates)
    assert line.share(150, {"a": 1}) > 0.9
    changes = sum(one != other for one, other in zip(line.told, line.told[1:], strict=False))
    assert changes <= 2 * 8
    assert not any(line.silent)


def test_a_line_that_becomes_good_gets_the_best() -> None:
    line = Line(400_000)
    line.run(60, ONE)
    line.capacity = 5_000_000
    line.run(LONGEST_WAIT + 10, ONE)
    assert line.told[-1] == {"a": 0}


def test_a_line_that_becomes_narrow_is_relieved_within_two_seconds() -> None:
    line = Line(4_000_000)
    line.run(60, ONE)
    line.capacity = 500_000
    line.run(2, ONE)
    assert line.told[-1] == {"a": 1}


def test_of_three_pictures_the_first_is_best_where_not_all_can_be() -> None:
    line = Line(2_200_000)
    line.run(200, THREE)
    assert line.share(100, {"a": 0, "b": 1, "c": 1}) > 0.85


def test_a_line_too_poor_for_pictures_has_sound_alone_and_is_tried_again() -> None:
    line = Line(100_000)
    line.run(POOR_FOR + 3, ONE)
    assert line.silent[-1]
    assert line.told[-1] == {"a": None}
    line.run(200, ONE)
    assert 0.75 < sum(line.silent) / len(line.silent) < 1.0
    line.capacity = 4_000_000
    line.run(LONGEST_WAIT + CLEAN_FOR + 10, ONE)
    assert line.told[-1] == {"a": 0}


@pytest.mark.parametrize(("bitrate", "loss"), [(119_000, 0.0), (2_000_000, 0.13)])
def test_sound_alone_begins_after_three_seconds_and_ends_after_ten_clean_ones(bitrate: int, loss: float) -> None:
    chooser = LayerChooser()

    def ask(begin: float, end: float, loss: float) -> list[bool]:
        found = []
        for step in range(round(begin * 10), round(end * 10)):
            chooser.hear_estimate(bitrate, step / 10)
            chooser.hear_loss(loss, step / 10)
            chooser.choose(ONE, sent=500_000, now=step / 10)
            found.append(chooser.audio_only)
        return found

    ask(0, 2.6, 0.0)  # a first estimate counts as growing for 2.5 s
    assert ask(2.6, 5.6, loss) == [False] * 30
    assert all(ask(5.7, 6, loss))
    assert all(ask(6, 12, 0.06)), "not clean"
    assert ask(12, 22, 0.0) == [True] * 100
    assert ask(22, 22.1, 0.0) == [False]


def test_a_low_estimate_where_little_is_sent_says_nothing() -> None:
    """Seen with Chromium: 95 kb/s sent on a way without bounds, and an estimate of 112 kb/s for half a minute."""
    chooser = LayerChooser()
    for step in range(300):
        chooser.hear_estimate(112_000, step / 10)
        chooser.hear_loss(0.0, step / 10)
        chooser.choose((Demand(key="a", rates=(900_000, 75_000)),), sent=95_000, now=step / 10)
        assert not chooser.audio_only


def test_an_estimate_a_little_below_what_is_sent_says_nothing() -> None:
    """Seen with Chromium on a busy machine: its detector of jams goes by how evenly packets come."""
    chooser = LayerChooser()
    for step in range(300):
        assert chooser.choose(ONE, sent=540_000, now=step / 10) == {"a": 0}
        chooser.hear_estimate(459_000, step / 10)
        chooser.hear_loss(0.0, step / 10)


def test_what_the_way_takes_is_the_estimate_only_where_it_is_believed() -> None:
    chooser = LayerChooser()
    chooser.choose(ONE, sent=900_000, now=0.0)
    assert chooser.takes(0.0) is None
    chooser.hear_estimate(800_000, 1.0)
    assert chooser.takes(10.0) == 900_000
    chooser.hear_estimate(1_200_000, 11.0)
    assert chooser.takes(20.0) == 1_200_000
    chooser.hear_estimate(300_000, 21.0)
    assert chooser.takes(21.0) == 300_000


def test_a_short_spell_of_loss_does_not_end_pictures() -> None:
    chooser = LayerChooser()
    for step in range(100):
        chooser.hear_loss(0.3 if step % 30 < 25 else 0.0, step / 10)
        chooser.choose(ONE, sent=500_000, now=step / 10)
        assert not chooser.audio_only


def test_a_break_that_is_over_does_not_end_pictures() -> None:
    """Of a second and a half without a packet the pictures tell once; the sound tells for five seconds."""
    chooser = LayerChooser()
    told = {"sound": (0.0, 0.0), "picture": (0.0, 0.0)}
    for step in range(150):
        now = step / 10
        if step % 50 == 25:
            told["sound"] = (now, 0.3 if step == 25 else 0.0)
        if step % 10 == 0:
            told["picture"] = (now, 0.9 if step == 20 else 0.0)
        chooser.hear_loss(worst_loss(tuple(told.values())), now)
        assert chooser.choose(ONE, sent=500_000, now=now)["a"] is not None
    assert worst_loss(()) == 0.0


def test_on_another_way_nothing_counts_that_was_told_of_the_break() -> None:
    chooser = LayerChooser()
    for step in range(120):
        now = step / 10
        if step == 20:
            chooser.begin_anew(now)
        broken = 10 <= step < 48
        chooser.hear_loss(0.9 if broken else 0.0, now)
        chooser.hear_estimate(60_000 if broken else 2_000_000, now)
        chosen = chooser.choose(THREE[:2], sent=1_200_000, now=now)
        assert None not in chosen.values()


def test_going_back_to_before_a_trial_gives_nobody_more_than_is_shown() -> None:
    """While one was tried, the other's picture became a small one, which needs the lower layer only."""
    chooser = LayerChooser()
    large, small = (Demand(key="b", rates=(HIGH, LOW), best=best) for best in (0, 1))
    narrow, wide = (Demand(key="a", rates=(HIGH, LOW), best=best) for best in (1, 0))
    chooser.choose((narrow, large), sent=0, now=0.0)
    assert chooser.choose((wide, large), sent=0, now=CALM_FOR) == {"a": 0, "b": 0}  # tried
    chooser.hear_loss(JAMMED_LOSS * 1.1, CALM_FOR)
    chooser.choose((wide, small), sent=0, now=CALM_FOR + TICK)
    back = chooser.choose((wide, small), sent=0, now=CALM_FOR + TICK + JAMMED_FOR)
    assert back == {"a": 1, "b": 1}


def test_old_reports_of_loss_do_not_count() -> None:
    chooser = LayerChooser()
    chooser.hear_loss(0.5, 0.0)
    for step in range(10, 20):
        chooser.choose(ONE, sent=500_000, now=float(step))
    assert not chooser.audio_only


DEMANDS = st.lists(
    st.builds(
        Demand,
        key=st.sampled_from("abcd"),
        rates=st.lists(st.integers(50_000, 3_000_000), max_size=3).map(lambda each: tuple(sorted(each, reverse=True))),
        best=st.integers(0, 3),
    ),
    max_size=4,
    unique_by=lambda each: each.key,
)


@given(st.floats(0, 1e7), DEMANDS)
def test_what_is_allocated_fits(rate: float, demands: list[Demand]) -> None:
    chosen = allocate(rate, demands)
    assert set(chosen) == {demand.key for demand in demands}
    first = next((demand.rates[-1] for demand in demands if demand.rates), 0)
    assert total(chosen, demands) <= max(rate, first)


@given(
    st.lists(
        st.tuples(DEMANDS, st.none() | st.floats(0, 5e6), st.floats(0, 1), st.floats(0, 5e6), st.floats(0.05, 20)),
        max_size=40,
    )
)
def test_every_choice_can_be_met(
    steps: list[tuple[list[Demand], float | None, float, float, float]],
) -> None:
    chooser, now = LayerChooser(), 0.0
    for demands, estimate, loss, sent, step in steps:
        now += step
        if estimate is not None:
            chooser.hear_estimate(estimate, now)
        chooser.hear_loss(loss, now)
        chosen = chooser.choose(demands, sent=sent, now=now)
        assert set(chosen) == {demand.key for demand in demands}
        for demand in demands:
            layer = chosen[demand.key]
            if layer is not None:
                assert min(demand.best, len(demand.rates) - 1) <= layer < len(demand.rates)
            assert layer is None or not chooser.audio_only
