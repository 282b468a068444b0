"""Random lives of visits over the real services and PostgreSQL: every command by anyone, twice at once, with jumps of
the clock and workers that die. 100,000 commands: `./deploy/test -m soak tests/visits/lifecycle/test_storm.py`.
"""

import sys
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from telehealth.core.actors import Role
from telehealth.visits.lifecycle.rules import ENDINGS, TRANSITIONS, Command
from tests.kit.database import Databases
from tests.kit.storm import CASTS, EVERYTHING, FATAL, PEOPLE, Storm

EACH_TIME, LONG = 250, 100_000
PARTS = 4
STEPS_OF_A_LIFE = 50
LIVES_AT_ONCE = 10
FATAL_ONE_TIME_IN = 7
SELDOM = {Command.EXPIRE, Command.RELEASE}  # a held visit is a rare one, and mostly booked or called off
WORDS = st.sampled_from(sorted(EVERYTHING))


class Life(RuleBasedStateMachine):
    """What anyone may try with one visit, in any order."""

    storm: Storm

    def __init__(self) -> None:
        super().__init__()
        self.storm.begin()

    @rule(number=st.integers(0, 1_000))
    def go_on(self, number: int) -> None:
        """Something that the machine has from here, by someone who may."""
        self._go(self._ways(), number)

    @rule(number=st.integers(0, 1_000))
    def go_further(self, number: int) -> None:
        """The same, but to another state, and no end if there is a choice."""
        self._go(self._ways(only_further=True) or self._ways(), number)

    @rule(number=st.integers(0, 1_000))
    def go_on_from_there(self, number: int) -> None:
        self.go_further(number)

    @rule(word=WORDS, who=st.sampled_from(PEOPLE))
    def try_anything(self, word: str, who: str) -> None:
        self._try(word, who, times=1)

    @rule(word=WORDS, who=st.sampled_from(PEOPLE))
    def deliver_twice(self, word: str, who: str) -> None:
        self._try(word, who, times=2)

    @rule(seconds=st.sampled_from((1, 20, 30, 61, 61, 301, 301, 901, 1801)))
    def wait(self, seconds: int) -> None:
        self.storm.wait(seconds)

    @rule(workers=st.integers(1, 3))
    def sweep(self, workers: int) -> None:
        self.storm.sweep(workers)

    @rule()
    def die(self) -> None:
        self.storm.die()

    def teardown(self) -> None:
        self.storm.finish()

    def _go(self, ways: list[tuple[Command, Role]], number: int) -> None:
        if ways:
            command, role = ways[number % len(ways)]
            self.storm.give(command, CASTS[role])

    def _ways(self, *, only_further: bool = False) -> list[tuple[Command, Role]]:
        rows = [row for row in TRANSITIONS if self.storm.status in row.sources]
        if only_further:
            rows = [row for row in rows if row.to not in ENDINGS and row.to is not self.storm.status]
        return [
            (row.command, role)
            for row in rows
            for role in sorted(row.who)
            if row.command in EVERYTHING and row.command not in FATAL
        ]

    def _try(self, word: str, who: str, *, times: int) -> None:
        """What ends nearly any life is tried now and then only."""
        if word not in FATAL or self.storm.given % FATAL_ONE_TIME_IN == 0:
            self.storm.give(word, who, times=times)


def rage(databases: Databases, commands: int) -> Counter[str]:
    """At least so many commands, in lives of fifty steps. Answers what happened."""
    with databases.clone() as url, Storm(url) as storm:
        lives = settings(
            max_examples=LIVES_AT_ONCE,
            stateful_step_count=STEPS_OF_A_LIFE,
            phases=(Phase.generate,),
            database=None,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        machine = type("LifeHere", (Life,), {"storm": storm})
        while storm.given < commands:
            run_state_machine_as_test(machine, settings=lives)
        visits, entries, differences = storm.differences()
        told = f"{storm.given} commands, {visits} visits, {entries} entries, 0 illegal, {differences} differences"
        sys.stdout.write(f"{told}\n{dict(sorted(storm.done.items()))}\n")
        assert differences == 0
        return storm.done


@pytest.mark.timeout(600)
def test_random_lives_of_visits(databases: Databases) -> None:
    done = rage(databases, EACH_TIME)
    assert done["answered"] > EACH_TIME / 20


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_hundred_thousand_commands(databases: Databases, part: int) -> None:
    """In parts, so that they can run beside each other."""
    done = rage(databases, LONG // PARTS)
    assert {each for each in Command if not done[each]} <= SELDOM, "a command that nobody ever gave is not tried here"
