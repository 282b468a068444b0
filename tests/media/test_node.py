import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice.ice import Connection

from telehealth.core.errors import NotFound
from telehealth.media.guard import Drop, Guard, GuardedProtocol
from telehealth.media.node import (
    DEFAULT_LIMITS,
    Limits,
    MediaNode,
    NodeFull,
    NodeMisplaced,
    OfferMalformed,
    SessionExists,
)
from tests.kit.webrtc import calling, media_grant


@asynccontextmanager
async def node_with(limits: Limits = DEFAULT_LIMITS, *, host: str = "127.0.0.1") -> AsyncIterator[MediaNode]:
    node = MediaNode(host, limits=limits)
    try:
        yield node
    finally:
        await node.shut_down()
    assert node.health().sessions == 0


async def test_a_session_belongs_to_one_person() -> None:
    async with node_with() as node, calling() as caller:
        mine = media_grant()
        await node.open(mine, await caller.offer())
        theirs = media_grant(mine.session, sub="p2")
        with pytest.raises(NotFound):
            node.view(theirs)
        with pytest.raises(NotFound):
            await node.close(theirs)
        with pytest.raises(SessionExists):
            await node.open(theirs, "")
        assert node.view(mine).state == "new"


async def test_a_session_ends_by_itself() -> None:
    async with node_with(Limits(session=0.4)) as node, calling() as caller:
        grant = media_grant()
        assert await caller.accept(await node.open(grant, await caller.offer()))
        assert node.view(grant).state == "connected"
        await asyncio.sleep(0.5)
        with pytest.raises(NotFound):
            node.view(grant)


async def test_nobody_comes() -> None:
    async with node_with(Limits(setup=0.1)) as node, calling() as caller:
        grant = media_grant()
        await node.open(grant, await caller.offer())
        await asyncio.sleep(0.3)
        assert (node.view(grant).state, node.view(grant).verdict) == ("closed", "none")


async def test_figures_outlive_the_connection() -> None:
    async with node_with() as node:
        grant = media_grant()
        async with calling() as caller:
            await caller.accept(await node.open(grant, await caller.offer()))
            assert await caller.probe() == 5
        await asyncio.sleep(0.2)
        view = node.view(grant)
        assert (view.state, view.probes.received) == ("closed", 5)


async def test_a_full_node_says_so_and_recovers() -> None:
    async with node_with(Limits(sessions=1)) as node, calling() as caller:
        first, offer = media_grant(), await caller.offer()
        await node.open(first, offer)
        assert node.health().status == "full"
        with pytest.raises(NodeFull):
            await node.open(media_grant(), offer)
        await node.close(first)
        await node.open(media_grant(), offer)


async def test_a_refused_offer_leaves_nothing() -> None:
    async with node_with() as node, calling() as caller:
        with pytest.raises(OfferMalformed):
            await node.open(media_grant(), "v=0")
        assert node.health().sessions == 0
        await node.open(media_grant(), await caller.offer())


async def test_an_address_of_another_machine() -> None:
    async with node_with(host="203.0.113.250") as node, calling() as caller:
        with pytest.raises(NodeMisplaced):
            await node.open(media_grant(), await caller.offer())


async def test_sessions_leave_no_task_behind() -> None:
    tasks = len(asyncio.all_tasks())
    async with node_with() as node, calling() as caller:
        offer = await caller.offer()
        during = len(asyncio.all_tasks())
        for _ in range(30):
            grant = media_grant()
            await node.open(grant, offer)
            await node.close(grant)
        await asyncio.sleep(0.1)
        assert len(asyncio.all_tasks()) <= during
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == tasks


async def test_a_guard_takes_only_so_many_bytes() -> None:
    guard, protocol = Guard(budget=100), GuardedProtocol(Connection(ice_controlling=False), Guard())
    guard._sources.add(("192.0.2.1", 1))
    packet = b"\x80" * 60
    assert guard.judge(packet, ("192.0.2.1", 1), protocol) is None
    assert guard.judge(packet, ("192.0.2.1", 2), protocol) is Drop.STRANGER
    assert guard.judge(packet, ("192.0.2.1", 1), protocol) is Drop.OVER_BUDGET


async def test_a_session_is_closed_while_its_browser_hangs_up() -> None:
    """The closing of aiortc is one future: a waiter that is cancelled cancels it for everybody."""
    for turns in range(12):
        async with node_with() as node:
            grant = media_grant()
            async with calling() as caller:
                assert await caller.accept(await node.open(grant, await caller.offer()))
            for _ in range(turns):
                await asyncio.sleep(0)
            await node.close(grant)
