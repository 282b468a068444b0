"""How much of each picture one subscriber gets: a layer of its simulcast, or none (RFC 8853).

    chooser = LayerChooser()
    chooser.hear_estimate(bitrate, now)            from REMB
    chooser.hear_loss(fraction, now)               from receiver reports
    chosen = chooser.choose(demands, sent=..., now=now)
    chooser.audio_only                             to tell the person

Layers are counted from the best, 0. Rates are bits per second, loss is 0 to 1, times are seconds.

A receiver's estimate follows what it is sent: it never says that there is room for twice as much, nor, when little is
sent, that the way is poor. So it counts only where it is far below what is sent, and does not grow. After a calm the
next better layer is tried. What fails is taken back, and the next trial waits twice as long.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

LOWEST_RATE: Final = 120_000
HIGHEST_LOSS: Final = 0.12
POOR_FOR: Final = 3.0
CLEAN_LOSS: Final = 0.05
CLEAN_FOR: Final = 10.0

JAMMED_LOSS: Final = 0.10
JAMMED_FOR: Final = 1.0
CALM_LOSS: Final = 0.02
CALM_FOR: Final = 5.0
SURE_FOR: Final = 2.0
MARGIN: Final = 1.25
LONGEST_WAIT: Final = 60.0
FAILED_WITHIN: Final = 10.0
PROVEN_AFTER: Final = 30.0
SHORT: Final = 0.75  # of what is sent; a receiver that sees its way jam estimates 0.85 of what still comes
SMOOTHED_OVER: Final = 1.5
_GROWTH, _GROWS_WITHIN = 1.02, 2.5  # estimates come every second or so
_STALE_AFTER = 5.0
_NEWS_FOR = 1.0
_SETTLES_IN = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """One picture a subscriber looks at: what its layers take, the best first. `best` is the best that is shown.

    The demands come most important first.
    """

    key: str
    rates: tuple[int, ...]
    best: int = 0


class _Lasting:
    """Since when something has been so."""

    __slots__ = ("since",)

    def __init__(self) -> None:
        self.since: float | None = None

    def lasts(self, so: bool, now: float) -> float:
        """For how long it has been so, 0 when it is not."""
        if not so:
            self.since = None
            return 0.0
        if self.since is None:
            self.since = now
        return now - self.since


class _Patience:
    """How long to wait before something is tried: twice as long after each failure, anew after it has proved itself."""

    __slots__ = ("_at_first", "_tried_at", "wait")

    def __init__(self, at_first: float) -> None:
        self._at_first = self.wait = at_first
        self._tried_at: float | None = None

    def try_at(self, now: float) -> None:
        self._tried_at = now

    def fail_at(self, now: float) -> bool:
        """It does not go on: whether that is a failure of what was tried, a short while ago."""
        failed = self._tried_at is not None and now - self._tried_at <= FAILED_WITHIN
        if failed:
            self.wait = min(LONGEST_WAIT, self.wait * 2)
        self._tried_at = None
        return failed

    def prove_at(self, now: float) -> None:
        if self._tried_at is not None and now - self._tried_at > PROVEN_AFTER:
            self.wait = self._at_first


def allocate(rate: float, demands: Sequence[Demand]) -> dict[str, int | None]:
    """The layers that fit into that rate: first everyone's least, in their order, then better ones in their order.

    The first demand has its least in any case: below that, it is audio only that is decided about.
    """
    chosen: dict[str, int | None] = {}
    for demand in demands:
        least = len(demand.rates) - 1
        fits = bool(demand.rates) and (not chosen or demand.rates[least] <= rate)
        chosen[demand.key] = least if fits else None
        rate -= demand.rates[least] if fits else 0
    for demand in demands:
        at = chosen[demand.key]
        if at is None:
            continue
        for better in range(demand.best, at):
            extra = demand.rates[better] - demand.rates[at]
            if extra <= rate:
                chosen[demand.key] = better
                rate -= extra
                break
    return chosen


def worst_loss(told: Collection[tuple[float, float]]) -> float:
    """The worst loss that is news: of each stream, when its last report came, and the loss it told of.

    Browsers report pictures every second and sound every five. What was told of sound, and holds a break that is over,
    is news until something later is told of another stream.
    """
    newest = max((at for at, _ in told), default=0.0)
    return max((loss for at, loss in told if at >= newest - _NEWS_FOR), default=0.0)


def total(chosen: Mapping[str, int | None], demands: Sequence[Demand]) -> int:
    """What those layers take together."""
    layers = ((demand, chosen.get(demand.key)) for demand in demands)
    return sum(demand.rates[layer] for demand, layer in layers if layer is not None and layer < len(demand.rates))


class LayerChooser:
    """The choice for one subscriber, over all pictures it is sent."""

    __slots__ = (
        "_asked_at",
        "_back",
        "_before",
        "_calm",
        "_chosen",
        "_clean",
        "_deaf_until",
        "_estimate",
        "_grown_at",
        "_jammed",
        "_loss",
        "_loss_at",
        "_measured",
        "_poor",
        "_sent",
        "_trial",
        "audio_only",
    )

    def __init__(self) -> None:
        self.audio_only = False
        self._deaf_until = float("-inf")
        self._estimate: float | None = None
        self._measured = 0.0  # the estimate that the next one is held against, so that growth is seen
        self._grown_at = float("-inf")
        self._loss, self._loss_at = 0.0, 0.0
        self._chosen: dict[str, int | None] = {}
        self._before: dict[str, int | None] = {}
        self._sent, self._asked_at = 0.0, float("-inf")
        self._poor, self._clean, self._jammed, self._calm = _Lasting(), _Lasting(), _Lasting(), _Lasting()
        self._trial, self._back = _Patience(CALM_FOR), _Patience(CLEAN_FOR)

    @property
    def estimate(self) -> float | None:
        return self._estimate

    def takes(self, now: float) -> float | None:
        """What the way takes as far as is known: the estimate where it is believed, else at least what is sent."""
        if self._estimate is None or self._is_short(now):
            return self._estimate
        return max(self._estimate, self._sent)

    def begin_anew(self, now: float) -> None:
        """The way is another one. What was told of the last one says nothing, nor does what is told of the break: the
        loss of all that was sent meanwhile, and an estimate of what is sent again.
        """
        self._deaf_until = now + _SETTLES_IN
        self._estimate, self._measured, self._grown_at = None, 0.0, float("-inf")
        self._loss = 0.0
        self._poor.since = self._jammed.since = None

    def hear_estimate(self, bitrate: float, now: float) -> None:
        """Takes the receiver's estimate for all it is sent."""
        if now < self._deaf_until:
            return
        if bitrate >= self._measured * _GROWTH:
            self._grown_at = now
            self._measured = bitrate
        elif bitrate < self._measured:
            self._measured = bitrate
            self._grown_at = float("-inf")
        self._estimate = bitrate

    def hear_loss(self, fraction: float, now: float) -> None:
        """Takes the worst loss of the streams it is sent."""
        if now >= self._deaf_until:
            self._loss, self._loss_at = fraction, now

    def choose(self, demands: Sequence[Demand], *, sent: float, now: float) -> dict[str, int | None]:
        """The layer of each picture by its key, None: not now. To be asked a few times a second.

        `sent` is what it is sent now, sound included.
        """
        loss = self._loss if now - self._loss_at <= _STALE_AFTER else 0.0
        self._smooth(sent, now)
        short = self._is_short(now)
        self._meet(demands)
        self._judge_audio(loss, short, now)
        if self.audio_only:
            self._jammed.since = self._calm.since = None
            return {demand.key: None for demand in demands}
        if self._jammed.lasts(short or loss > JAMMED_LOSS, now) >= JAMMED_FOR:
            self._lower(demands, now)
        calm = self._calm.lasts(loss <= CALM_LOSS and not short, now)
        if calm:
            self._raise(demands, calm, now)
        self._trial.prove_at(now)
        self._back.prove_at(now)
        return dict(self._chosen)

    def _smooth(self, sent: float, now: float) -> None:
        part = min(1.0, (now - self._asked_at) / SMOOTHED_OVER)
        self._sent += (sent - self._sent) * part
        self._asked_at = now

    def _is_short(self, now: float) -> bool:
        """Whether the estimate says that less arrives than is sent."""
        growing = now - self._grown_at <= _GROWS_WITHIN
        return self._estimate is not None and self._estimate < SHORT * self._sent and not growing

    def _meet(self, demands: Sequence[Demand]) -> None:
        """Forgets who left; who is new has the best that fits, at least the least."""
        fitting = allocate(self._estimate if self._estimate is not None else float("inf"), demands)
        new = [(demand, fitting[demand.key]) for demand in demands if demand.key not in self._chosen]
        least = {demand.key: len(demand.rates) - 1 if each is None else each for demand, each in new}
        self._chosen = {
            demand.key: _within(self._chosen.get(demand.key, least.get(demand.key)), demand) for demand in demands
        }

    def _judge_audio(self, loss: float, short: bool, now: float) -> None:
        if not self.audio_only:
            poor = short and self._estimate is not None and self._estimate < LOWEST_RATE
            if self._poor.lasts(poor or loss > HIGHEST_LOSS, now) >= POOR_FOR:
                self.audio_only = True
                self._clean.since = None
                self._back.fail_at(now)
        elif self._clean.lasts(loss <= CLEAN_LOSS, now) >= self._back.wait:
            self.audio_only = False
            self._poor.since = None
            self._estimate, self._measured = None, 0.0  # it was that of sound alone
            self._back.try_at(now)
            self._chosen = dict.fromkeys(self._chosen)

    def _lower(self, demands: Sequence[Demand], now: float) -> None:
        """Back to before a trial that failed; else to what fits, at least one step down, the least important first."""
        self._jammed.since = None
        before, self._before = self._before, {}
        if self._trial.fail_at(now) and before.keys() == self._chosen.keys() and _any_of(before):
            self._chosen = {demand.key: _within(before[demand.key], demand) for demand in demands}
        else:
            self._chosen = self._lowered(demands)
        self._sent = min(self._sent, total(self._chosen, demands))

    def _lowered(self, demands: Sequence[Demand]) -> dict[str, int | None]:
        fitting = allocate(self._estimate if self._estimate is not None else float("inf"), demands)
        lowered = {key: _worse(layer, fitting[key]) for key, layer in self._chosen.items()}
        if lowered == self._chosen:
            for demand in reversed(demands):
                layer = lowered[demand.key]
                if layer is not None and layer < len(demand.rates) - 1:
                    lowered[demand.key] = layer + 1
                    break
        return lowered

    def _raise(self, demands: Sequence[Demand], calm: float, now: float) -> None:
        """One step up when it surely fits or nothing speaks against a trial, in the order in which `allocate` gives."""
        behind = [each for each in demands if each.rates and self._chosen[each.key] is None]
        lower = [each for each in demands if (self._chosen[each.key] or 0) > each.best]
        for demand in (*behind, *lower)[:1]:
            layer = self._chosen[demand.key]
            raised = self._chosen | {demand.key: len(demand.rates) - 1 if layer is None else layer - 1}
            fits = self._estimate is not None and self._estimate >= MARGIN * total(raised, demands)
            if not _any_of(self._chosen) or calm >= (SURE_FOR if fits else self._trial.wait):
                self._before, self._chosen = self._chosen, raised
                self._calm.since = None
                self._trial.try_at(now)


def _any_of(chosen: Mapping[str, int | None]) -> bool:
    """Whether any picture is sent."""
    return any(each is not None for each in chosen.values())


def _within(layer: int | None, demand: Demand) -> int | None:
    if layer is None or not demand.rates:
        return None
    return max(min(layer, len(demand.rates) - 1), min(demand.best, len(demand.rates) - 1))


def _worse(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)
