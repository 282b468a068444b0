import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from weakref import ref

import pytest

from telehealth.core.errors import NotFound
from telehealth.core.grants import MediaGrant
from telehealth.media.drops import Drop
from telehealth.media.mux import Mux
from telehealth.media.node import DEFAULT_LIMITS, Limits, MediaNode, NodeFull, OfferMalformed, SessionExists
from tests.kit.freed import uncollected
from tests.kit.patience import until, until_it
from tests.kit.webrtc import calling, media_grant


@asynccontextmanager
async def node_with(limits: Limits = DEFAULT_LIMITS) -> AsyncIterator[MediaNode]:
    mux = Mux(["127.0.0.1"])
    node = MediaNode(mux, limits=limits)
    try:
        yield node
    finally:
        await node.shut_down()
        mux.close()
    assert node.health().sessions == 0


async def test_a_session_belongs_to_one_person() -> None:
    async with node_with() as node, calling() as caller:
        mine = media_grant()
        node.open(mine, await caller.offer())
        theirs = media_grant(mine.session, sub="p2")
        with pytest.raises(NotFound):
            node.view(theirs)
        with pytest.raises(NotFound):
            await node.close(theirs)
        with pytest.raises(SessionExists):
            node.open(theirs, "")
        assert node.view(mine).state == "new"


async def test_a_session_ends_by_itself() -> None:
    assert await connects_and_ends(0.5) or await connects_and_ends(5) or await connects_and_ends(20)


async def connects_and_ends(seconds: float) -> bool:
    """A session of so many seconds ends; whether it came up before."""
    async with node_with(Limits(session=seconds)) as node, calling() as caller:
        grant = media_grant()
        came_up = await caller.accept(node.open(grant, await caller.offer()), within=seconds)
        came_up = came_up and not _is_gone(node, grant) and node.view(grant).state == "connected"
        await until(lambda: _is_gone(node, grant))
        return came_up


def _is_gone(node: MediaNode, grant: MediaGrant) -> bool:
    try:
        node.view(grant)
    except NotFound:
        return True
    return False


async def test_a_connection_that_is_over_is_freed_at_once() -> None:
    async with node_with() as node, calling() as caller:
        grant = media_grant()
        assert await caller.accept(node.open(grant, await caller.offer()))
        assert await caller.probe() == 5
        channels = node._sessions[grant.session].transport._channels
        assert channels is not None
        held = ref(channels._sctp)
        del channels
        with uncollected():
            await node.close(grant)
            await until(lambda: held() is None)


async def test_nobody_comes() -> None:
    async with node_with(Limits(setup=0.1)) as node, calling() as caller:
        grant = media_grant()
        node.open(grant, await caller.offer())
        await until(lambda: node.view(grant).state == "closed")
        assert node.view(grant).verdict == "none"


async def test_figures_outlive_the_connection() -> None:
    async with node_with() as node:
        grant = media_grant()
        async with calling() as caller:
            await caller.accept(node.open(grant, await caller.offer()))
            assert await caller.probe() == 5
        await until(lambda: node.view(grant).state == "closed")
        assert node.view(grant).probes.received == 5


async def test_a_full_node_says_so_and_recovers() -> None:
    async with node_with(Limits(sessions=1)) as node, calling() as caller:
        first, offer = media_grant(), await caller.offer()
        node.open(first, offer)
        assert node.health().status == "full"
        with pytest.raises(NodeFull):
            node.open(media_grant(), offer)
        await node.close(first)
        node.open(media_grant(), offer)


async def test_a_refused_offer_leaves_nothing() -> None:
    async with node_with() as node, calling() as caller:
        with pytest.raises(OfferMalformed):
            node.open(media_grant(), "v=0")
        assert node.health().sessions == 0
        node.open(media_grant(), await caller.offer())


async def test_the_check_is_at_the_port_of_the_calls() -> None:
    mux = Mux(["127.0.0.1"])
    node = MediaNode(mux)
    async with calling() as caller:
        answer = node.open(media_grant(), await caller.offer())
    assert f"127.0.0.1 {mux.wires[0].port} typ host" in answer
    assert "a=ice-lite" in answer
    await node.shut_down()
    mux.close()


async def test_all_checks_together_cost_so_much(escaped: list[str]) -> None:
    mux = Mux(["127.0.0.1"])
    node = MediaNode(mux, limits=Limits(datagrams=40))
    async with calling() as caller:
        assert await caller.accept(node.open(media_grant(), await caller.offer()))

        async def sends_more() -> bool:
            for number in range(400):
                await caller.dtls._send_data(bytes([number % 256]) * 40)
            return mux.drops[Drop.OVER_BUDGET] > 200

        await until_it(sends_more)
        await asyncio.sleep(1)  # the next second
        assert await caller.probe() == 5
    await node.shut_down()
    mux.close()
    assert escaped == []


def note(words: list[str], name: str, said: bytes | str) -> None:
    if isinstance(said, str):
        words.append(f"{name} {said}")


async def test_one_measures_at_a_time() -> None:
    """As many as the node has turns; who has to wait is told GO later."""
    async with node_with() as node, calling() as one, calling() as two:
        node._turns = asyncio.Semaphore(1)
        words: list[str] = []
        channels = [caller.peer.createDataChannel("bandwidth") for caller in (one, two)]
        for name, channel in zip("ab", channels, strict=True):
            channel.on("message", partial(note, words, name))
        for caller in (one, two):
            assert await caller.accept(node.open(media_grant(), await caller.offer()))
        await until(lambda: words)
        await asyncio.sleep(0.3)
        (first,) = words
        assert first in ("a go", "b go")
        await (one if first == "a go" else two).peer.close()
        await until(lambda: len(words) == 2)
        assert {*words} == {"a go", "b go"}


async def test_sessions_leave_no_task_behind() -> None:
    tasks = len(asyncio.all_tasks())
    async with node_with() as node, calling() as caller:
        offer = await caller.offer()
        during = len(asyncio.all_tasks())
        for _ in range(30):
            grant = media_grant()
            node.open(grant, offer)
            await node.close(grant)
        await until(lambda: len(asyncio.all_tasks()) <= during)
    await until(lambda: len(asyncio.all_tasks()) == tasks)


async def test_a_session_is_closed_while_its_browser_hangs_up() -> None:
    """The closing of aiortc is one future: a waiter that is cancelled cancels it for everybody."""
    for turns in range(12):
        async with node_with() as node:
            grant = media_grant()
            async with calling() as caller:
                assert await caller.accept(node.open(grant, await caller.offer()))
            for _ in range(turns):
                await asyncio.sleep(0)
            await node.close(grant)
