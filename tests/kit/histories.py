"""Whether what many clients saw of one thing could have happened one step at a time (linearizability).

Steps are put in order only when an answer forces it: at each answer every order of the steps under way that explains it
is kept. Herlihy and Wing, "Linearizability: a correctness condition for concurrent objects" (1990); Lowe, "Testing for
linearizability" (2017), section 4.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

State = str  # who has it; "" when nobody has


@dataclass(frozen=True, slots=True)
class Step:
    """`apply` gives the state after the step, or None where it cannot happen. An `end` of infinity: nobody heard."""

    begin: float
    end: float
    name: str
    apply: Callable[[State], State | None]
    changes: bool


Possible = tuple[State, frozenset[int]]  # a state, and which of the steps under way have happened in it


def explained(steps: Sequence[Step]) -> str:
    """Empty when some order explains every answer; else the name of the first answer that none explains."""
    marks = [(step.begin, 0, number) for number, step in enumerate(steps)]
    marks += [(step.end, 1, number) for number, step in enumerate(steps) if step.end != float("inf")]
    possible: set[Possible] = {("", frozenset())}
    under_way: set[int] = set()
    for _, is_end, number in sorted(marks):
        if is_end:
            possible = {each for each in _reachable(possible, steps, under_way) if number in each[1]}
            under_way.discard(number)
            possible = {(state, happened - {number}) for state, happened in possible}
            if not possible:
                return steps[number].name
        else:
            under_way.add(number)
            possible = {_noticed(each, steps, under_way) for each in possible}
    return ""


def _reachable(possible: set[Possible], steps: Sequence[Step], under_way: set[int]) -> set[Possible]:
    found, waiting = set(possible), list(possible)
    while waiting:
        for each in _next(waiting.pop(), steps, under_way):
            if each not in found:
                found.add(each)
                waiting.append(each)
    return found


def _next(here: Possible, steps: Sequence[Step], under_way: set[int]) -> Iterator[Possible]:
    state, happened = here
    for number in under_way - happened:
        if steps[number].changes and (after := steps[number].apply(state)) is not None:
            yield _noticed((after, happened | {number}), steps, under_way)


def _noticed(here: Possible, steps: Sequence[Step], under_way: set[int]) -> Possible:
    """Looking changes nothing: whoever could have seen this state has seen it."""
    state, happened = here
    looks = {each for each in under_way if not steps[each].changes and steps[each].apply(state) is not None}
    return state, happened | looks
