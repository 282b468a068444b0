"""A mail about a task goes to who has something to do: not once it is closed, nor once another has taken it on."""

from datetime import timedelta

import pytest

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.followups import keeping, service
from telehealth.followups.parts import FollowUp, Owner, Pool
from telehealth.notifications.models import MessageRow
from telehealth.notifications.sending import send_due
from tests.kit.clinic import add_colleague
from tests.kit.staff import NothingAsked
from tests.kit.visits import Arranged, arrange_visit
from tests.notifications.conftest import Post
from tests.notifications.test_sending import rows


@pytest.fixture
async def arranged(post: Post) -> Arranged:
    return await post.unit_of_work.run(arrange_visit)


async def due(post: Post, clock: FixedClock, arranged: Arranged) -> FollowUp:
    """A task of the clinician who gave the visit, with its mail noted and not sent yet."""
    mine = (arranged.clinician, arranged.visit_id)
    (task,) = await post.unit_of_work.run(service.stroke, *mine, "call +1d", NothingAsked())
    clock.advance(timedelta(days=1))
    await post.unit_of_work.run(keeping.fire, speed=1)
    await post.relay()
    return task


async def noted(post: Post) -> list[MessageRow]:
    return [each for each in await rows(post) if each.kind == "follow_up_due"]


async def test_its_owner_is_told(post: Post, clock: FixedClock, arranged: Arranged) -> None:
    await due(post, clock, arranged)
    assert await send_due(post.work) == 1
    assert [each.state for each in await noted(post)] == ["sent"]


async def test_nobody_is_told_of_what_is_done(post: Post, clock: FixedClock, arranged: Arranged) -> None:
    task = await due(post, clock, arranged)
    await post.unit_of_work.run(service.done, arranged.clinician, task.id)
    assert await send_due(post.work) == 0
    assert [each.state for each in await noted(post)] == ["dropped"]


async def test_nobody_is_told_of_what_a_colleague_has_by_now(post: Post, clock: FixedClock, arranged: Arranged) -> None:
    task = await due(post, clock, arranged)
    colleague = await post.unit_of_work.run(add_colleague, SYSTEM, post.clinic)
    to = Owner(Pool.CLINICIANS, colleague.id)
    await post.unit_of_work.run(service.assign, arranged.clinician, task.id, to)
    await send_due(post.work)
    assert [each.state for each in await noted(post)] == ["dropped"]
