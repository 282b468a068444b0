"""What a device tells reaches who is to know, by the outbox: no word of it in mail, and nothing once it is over."""

from dataclasses import replace
from datetime import timedelta

from telehealth.alerts.parts import Severity
from telehealth.alerts.rules import RESPONSES
from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.followups import service
from telehealth.notifications.ports import Mail
from tests.alerts.telling import CUFF, Platform, set_up
from tests.notifications.conftest import HOME, Post
from tests.notifications.test_coordinators import GRACE, LATE, NEEDS, UMA, clinician, name

NOW = "A task needs somebody now"


async def told_in(post: Post, platform: Platform, wait: timedelta) -> list[Mail]:
    platform.clock.advance(wait)
    await platform.fire()
    return await post.deliver()


async def test_of_what_is_grave_coordinators_hear_at_once_and_again_when_nobody_came(
    post: Post, clock: FixedClock
) -> None:
    platform, within = await set_up(post.unit_of_work, clock), RESPONSES[Severity.HIGH].within
    grace = await post.unit_of_work.run(clinician, SYSTEM, platform.arranged, GRACE)
    await name(post, grace)
    alert = await platform.tell(note="CANARY three in a row")
    (at_once,) = await told_in(post, platform, timedelta(0))
    assert (at_once.recipient, at_once.subject) == (GRACE, NOW)
    assert await told_in(post, platform, within / 2) == []
    mails = await told_in(post, platform, within / 2)
    assert sorted(each.subject for each in mails) == sorted([NEEDS, LATE])
    (mail,) = [each for each in mails if each.recipient == GRACE]
    for each in (at_once, mail):
        assert f"{HOME}/tasks/{alert.task_id}" in each.text
    for each in (at_once, *mails):
        assert "CANARY" not in f"{each.subject} {each.text}"
    assert await told_in(post, platform, timedelta(hours=1)) == []


async def test_with_no_coordinator_who_gave_the_visit_hears_of_what_is_grave(post: Post, clock: FixedClock) -> None:
    platform = await set_up(post.unit_of_work, clock)
    await platform.tell()
    assert [each.subject for each in await told_in(post, platform, timedelta(0))] == [NOW]


async def test_everybody_hears_when_who_gave_the_visit_has_left(post: Post, clock: FixedClock) -> None:
    platform, within = await set_up(post.unit_of_work, clock), RESPONSES[Severity.HIGH].within
    for address in (GRACE, UMA):
        await post.unit_of_work.run(clinician, SYSTEM, platform.arranged, address)
    await platform.change("UPDATE account SET disabled_at = now() WHERE id = :id", id=platform.nurse.id)
    await platform.tell()
    assert sorted(each.recipient for each in await told_in(post, platform, timedelta(0))) == [GRACE, UMA]
    await told_in(post, platform, within / 2)
    mails = await told_in(post, platform, within / 2)
    assert sorted(each.recipient for each in mails if each.subject == NEEDS) == [GRACE, UMA]


async def test_what_is_told_after_nobody_came_wakes_them_again(post: Post, clock: FixedClock) -> None:
    platform, within = await set_up(post.unit_of_work, clock), RESPONSES[Severity.HIGH].within
    await platform.tell()
    for wait in (timedelta(0), within / 2, within / 2):
        await told_in(post, platform, wait)
    await platform.tell()
    assert [each.subject for each in await told_in(post, platform, timedelta(0))] == [NOW]


async def test_what_somebody_has_taken_by_then_wakes_nobody(post: Post, clock: FixedClock) -> None:
    platform = await set_up(post.unit_of_work, clock)
    grace = await post.unit_of_work.run(clinician, SYSTEM, platform.arranged, GRACE)
    alert = await platform.tell()
    await platform.fire()
    await post.relay()
    assert alert.task_id is not None
    await post.unit_of_work.run(service.claim, grace, alert.task_id)
    assert await post.deliver() == []


async def test_of_what_is_less_grave_the_patients_own_clinician_is_told_at_once(post: Post, clock: FixedClock) -> None:
    platform = await set_up(post.unit_of_work, clock)
    await platform.tell(Severity.MEDIUM)
    (mail,) = await told_in(post, platform, timedelta(0))
    assert "CANARY" not in f"{mail.subject} {mail.text}"
    assert await told_in(post, platform, timedelta(minutes=5)) == []
    await platform.tell(Severity.LOW)
    assert await told_in(post, platform, timedelta(0)) == []  # it is the same task


async def test_nobody_is_told_of_what_is_over(post: Post, clock: FixedClock) -> None:
    platform = await set_up(post.unit_of_work, clock)
    alerts = [await platform.tell(device=replace(CUFF, identifier=f"SN-{n}")) for n in range(3)]
    await platform.fire()
    for each in alerts:
        await platform.over(each)
    assert await told_in(post, platform, timedelta(hours=5)) == []


async def test_a_mail_that_is_still_to_go_is_dropped_when_it_is_over(post: Post, clock: FixedClock) -> None:
    platform = await set_up(post.unit_of_work, clock)
    alert = await platform.tell(Severity.LOW)
    await platform.fire()
    await post.relay()
    await platform.over(alert)
    assert await post.deliver() == []
