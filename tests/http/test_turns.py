"""Lines of integrations: so many at once, of one and of all, what cannot wait beside them, an end to waiting, and
nobody else in them.
"""

import asyncio
from uuid import UUID

import pytest

from telehealth.core.actors import Actor, Role
from telehealth.core.errors import Overloaded
from telehealth.http.turns import Turns
from tests.kit.patience import until

CUFFS, SCALES = (Actor(UUID(int=number), Role.INTEGRATION) for number in (1, 2))
NURSE = Actor(UUID(int=3), Role.CLINICIAN)


async def test_so_many_at_once_in_the_order_in_which_they_came() -> None:
    turns, served, going = Turns(altogether=5), list[int](), asyncio.Event()

    async def ask(number: int) -> None:
        async with turns.of(CUFFS):
            served.append(number)
            await going.wait()

    asking = [asyncio.create_task(ask(number)) for number in range(5)]
    await until(lambda: len(served) == 2)
    async with turns.of(CUFFS, urgent=True), turns.of(SCALES), turns.of(NURSE), turns.of(NURSE), turns.of(NURSE):
        assert served == [0, 1]
    going.set()
    await asyncio.gather(*asking)
    assert served == [0, 1, 2, 3, 4]


async def test_who_finds_the_line_full_is_sent_away_and_what_cannot_wait_has_its_own() -> None:
    turns = Turns(longest=2, altogether=5)
    async with turns.of(CUFFS), turns.of(CUFFS):
        with pytest.raises(Overloaded) as refused:
            async with turns.of(CUFFS):
                raise AssertionError("unreachable")
        assert refused.value.extras == {"retry_after": 1}
        async with turns.of(CUFFS, urgent=True), turns.of(SCALES):
            pass
    async with turns.of(CUFFS), turns.of(CUFFS):
        pass


async def test_who_waits_too_long_is_sent_away() -> None:
    turns = Turns(at_once=1, patience=0.01)
    async with turns.of(CUFFS):
        with pytest.raises(Overloaded):
            async with turns.of(CUFFS):
                raise AssertionError("unreachable")
    async with turns.of(CUFFS):
        pass


async def test_of_all_together_so_many_at_once_and_what_cannot_wait_has_a_turn_that_nobody_takes() -> None:
    turns, served, going = Turns(altogether=3), list[str](), asyncio.Event()

    async def ask(who: Actor, name: str, *, urgent: bool = False) -> None:
        async with turns.of(who, urgent=urgent):
            served.append(name)
            await going.wait()

    wishes = [ask(who, name) for who, name in ((CUFFS, "cuffs"), (SCALES, "scales")) for _ in range(3)]
    asking = [asyncio.create_task(each) for each in wishes]
    await until(lambda: len(served) == 2)
    urgent = [asyncio.create_task(ask(who, "urgent", urgent=True)) for who in (SCALES, CUFFS)]
    await until(lambda: len(served) == 3)
    async with turns.of(NURSE), turns.of(NURSE):
        assert served == ["cuffs", "cuffs", "urgent"]
    going.set()
    await asyncio.gather(*asking, *urgent)
    assert sorted(served) == ["cuffs"] * 3 + ["scales"] * 3 + ["urgent"] * 2


async def test_who_waits_too_long_for_others_or_goes_away_meanwhile_keeps_nothing() -> None:
    turns = Turns(altogether=3, longest=2, patience=0.01)
    patient = Turns(altogether=3, longest=2)
    for _ in range(3):
        async with turns.of(CUFFS), turns.of(CUFFS):
            with pytest.raises(Overloaded):
                async with turns.of(SCALES):
                    raise AssertionError("unreachable")
        async with patient.of(CUFFS), patient.of(CUFFS):
            waiting = asyncio.create_task(_come_and_go(patient, SCALES))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    for each in (turns, patient):
        async with each.of(SCALES), each.of(CUFFS), each.of(CUFFS, urgent=True):
            pass


async def _come_and_go(turns: Turns, who: Actor) -> None:
    async with turns.of(who):
        pass


async def test_a_turn_ends_with_whoever_fails_or_goes_away() -> None:
    turns, served = Turns(at_once=1, longest=2), asyncio.Event()

    async def ask() -> None:
        async with turns.of(CUFFS):
            served.set()
            await asyncio.Event().wait()

    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with turns.of(CUFFS):
                raise ZeroDivisionError
    served_one, waiting = asyncio.create_task(ask()), asyncio.create_task(ask())
    await served.wait()
    for gone in (waiting, served_one):
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
    async with turns.of(CUFFS):
        pass
