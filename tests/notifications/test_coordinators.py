"""Of a task that is escalated the coordinators hear, each once, until somebody takes it on; then nobody does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from telehealth.access import queries as access
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.ids import ClinicianId
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import keeping, service
from telehealth.followups.parts import FollowUp, Owner, Pool, TaskKind, Wish
from telehealth.followups.rules import WINDOW
from telehealth.notifications.ports import Mail
from telehealth.people import service as people
from tests.kit.staff import open_account
from tests.kit.visits import Arranged, arrange_visit
from tests.notifications.conftest import HOME, Post
from tests.notifications.test_sending import rows

NEEDS, LATE = "A follow-up task needs somebody", "A follow-up task is overdue"
GRACE, UMA = "grace@clinic.example", "uma@clinic.example"


@dataclass(frozen=True)
class Team:
    """Two who may coordinate, and a visit of a third."""

    arranged: Arranged
    grace: Actor
    uma: Actor


@pytest.fixture
async def team(post: Post) -> Team:
    async def hire(unit: Unit) -> Team:
        arranged = await arrange_visit(unit)
        host = arranged.clinician.person_id
        assert host is not None
        await open_account(unit, Role.CLINICIAN, ClinicianId(host), email="host@clinic.example")
        return Team(arranged, await clinician(unit, arranged, GRACE), await clinician(unit, arranged, UMA))

    return await post.unit_of_work.run(hire, SYSTEM)


async def clinician(unit: Unit, like: Arranged, address: str) -> Actor:
    added = await people.add_clinician(unit, given=address[0], family="R", email=address)
    await open_account(unit, Role.CLINICIAN, added.id, email=address)
    (account,) = [each for each in await access.staff(unit, Role.CLINICIAN) if each.person_id == added.id]
    return replace(like.clinician, id=account.id, person_id=added.id)


async def name(post: Post, *who: Actor, version: int = 0) -> None:
    ids = [each.person_id for each in who if each.person_id is not None]
    await post.unit_of_work.run(keeping.name_coordinators, SYSTEM, ids, version=version)


async def plan(post: Post, team: Team, kind: TaskKind = TaskKind.CALL) -> FollowUp:
    mine = (team.arranged.clinician, team.arranged.visit_id)
    (task,) = await post.unit_of_work.run(service.plan, *mine, Wish(kind=kind))
    return task


async def pass_window(post: Post, clock: FixedClock) -> None:
    for _ in range(3):
        await post.unit_of_work.run(keeping.fire, speed=1)
    clock.advance(WINDOW)
    for _ in range(3):
        await post.unit_of_work.run(keeping.fire, speed=1)


def about(mails: Sequence[Mail]) -> list[tuple[str, str]]:
    return sorted((each.recipient.split("@")[0], each.subject) for each in mails if each.subject in (NEEDS, LATE))


async def test_each_is_told_once_with_a_link_to_the_task_and_no_word_of_it(
    post: Post, clock: FixedClock, team: Team
) -> None:
    await name(post, team.grace, team.uma)
    task = await plan(post, team)
    await pass_window(post, clock)
    mails = await post.deliver()
    assert [each for each in about(mails) if each[1] == NEEDS] == [("grace", NEEDS), ("uma", NEEDS)]
    assert len([each for each in about(mails) if each[1] == LATE]) == 1, "whose it is hears of it too"
    for each in mails:
        assert (f"{HOME}/tasks/{task.id}" in each.text) is (each.subject == NEEDS)
    await post.unit_of_work.run(keeping.fire, speed=1)
    assert await post.deliver() == []


async def test_nobody_is_told_any_more_once_somebody_has_taken_it_on(post: Post, clock: FixedClock, team: Team) -> None:
    await name(post, team.grace, team.uma)
    task = await plan(post, team)
    await pass_window(post, clock)
    await post.relay()
    await post.unit_of_work.run(service.claim, team.grace, task.id)
    assert about(await post.deliver()) == []
    told = {each.recipient_id: each.state for each in await rows(post) if each.kind == "follow_up_escalated"}
    assert told == {team.grace.person_id: "dropped", team.uma.person_id: "dropped"}


async def test_who_takes_it_on_and_is_silent_hears_of_it_with_the_others(
    post: Post, clock: FixedClock, team: Team
) -> None:
    await name(post, team.grace)
    task = await plan(post, team)
    await pass_window(post, clock)
    await post.deliver()
    await post.unit_of_work.run(service.claim, team.uma, task.id)
    await pass_window(post, clock)
    assert about(await post.deliver()) == [("grace", NEEDS), ("uma", LATE)]


async def test_with_nobody_named_whose_it_is_hears_alone(post: Post, clock: FixedClock, team: Team) -> None:
    await name(post, team.grace)
    await name(post, version=1)
    await plan(post, team)
    await pass_window(post, clock)
    assert [subject for _, subject in about(await post.deliver())] == [LATE]


async def test_who_coordinates_and_has_it_themselves_gets_one_mail(post: Post, clock: FixedClock, team: Team) -> None:
    await name(post, team.grace)
    task = await plan(post, team)
    await post.unit_of_work.run(service.cancel, team.arranged.clinician, task.id)
    (own,) = await post.unit_of_work.run(service.plan, SYSTEM, team.arranged.visit_id, Wish(kind=TaskKind.CALL))
    await post.unit_of_work.run(keeping.fire, speed=1)
    clock.advance(WINDOW)
    for _ in range(2):
        await post.unit_of_work.run(keeping.fire, speed=1)
    await post.unit_of_work.run(service.claim, team.grace, own.id)
    await pass_window(post, clock)
    assert about(await post.deliver()) == [("grace", NEEDS)]


async def test_what_a_supervisor_is_to_sign_is_no_coordinators_business(
    post: Post, clock: FixedClock, team: Team
) -> None:
    await name(post, team.grace)
    await plan(post, team, TaskKind.COSIGN)
    await pass_window(post, clock)
    assert [subject for _, subject in about(await post.deliver())] == [LATE]


async def test_the_desks_work_is_no_coordinators_business(post: Post, clock: FixedClock, team: Team) -> None:
    """Clinicians cannot do it, and who takes it on would take it off the desk's board."""
    await name(post, team.grace)
    desk = Wish(kind=TaskKind.REBOOK, owner=Owner(Pool.DESK))
    await post.unit_of_work.run(service.plan, team.arranged.clinician, team.arranged.visit_id, desk)
    await pass_window(post, clock)
    assert NEEDS not in [subject for _, subject in about(await post.deliver())]
