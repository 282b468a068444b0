"""Telling patients that there are questions for them, or something to do: once, once more, not when nobody waits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from telehealth.access.rules import SCOPES
from telehealth.core.actors import SYSTEM, Actor, Role
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.followups import queries as followups
from telehealth.followups import service as tasks_of
from telehealth.followups.parts import Facing, FollowUp, Wish
from telehealth.followups.rules import WINDOW
from telehealth.followups.tasks import fire_due
from telehealth.monitoring import queries, service
from telehealth.monitoring import tasks as monitoring
from telehealth.notifications import addresses
from telehealth.notifications import tasks as notifications
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.ports import Mail
from telehealth.notifications.rules import Channel
from telehealth.notifications.sending import send_due
from telehealth.notifications.wishes import Said
from telehealth.tasks.relay import Relay
from telehealth.visits.lifecycle import queries as visits
from tests.followups.working import work_of
from tests.kit.clinic import guest
from tests.monitoring.pressure import CODE, CONTENT, DAILY, WELL
from tests.notifications.conftest import HOME, ROSA, Post

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


class Asking:
    """Three days of questions; `task` is the first, which falls due tomorrow at noon."""

    def __init__(self, post: Post, clinician: Actor, task: FollowUp) -> None:
        self.post, self.clinician, self.task = post, clinician, task

    async def hear(self) -> list[Mail]:
        """What time does to tasks, all that comes of it, and what goes out by then."""
        await fire_due(work_of(self.post.unit_of_work))
        await Relay((*monitoring.SUBSCRIPTIONS, *notifications.SUBSCRIPTIONS)).sweep(self.post.work)
        await Relay((*monitoring.SUBSCRIPTIONS, *notifications.SUBSCRIPTIONS)).sweep(self.post.work)
        before = len(self.post.mailer.sent)
        await send_due(self.post.work)
        return self.post.mailer.sent[before:]

    async def at(self, when: datetime) -> list[Mail]:
        self.post.clock.advance(when - self.post.clock.now())
        return await self.hear()

    async def link(self) -> str:
        request = await self.post.unit_of_work.run(queries.request_for, SYSTEM, self.task.id)
        assert request is not None
        return (await self.post.unit_of_work.run(queries.sent, SYSTEM, request.id))[1]


@pytest.fixture
async def asking(post: Post, clock: FixedClock) -> Asking:
    booked = await post.book()
    clock.advance(NOON - timedelta(days=1) - clock.now())
    await post.deliver()
    post.mailer.sent.clear()
    scopes = SCOPES[Role.CLINICIAN]
    clinician = Actor(UUID(int=1), Role.CLINICIAN, scopes, person_id=post.clinic.clinician.id)
    await post.unit_of_work.run(service.publish, SYSTEM, CODE, CONTENT, version=0)
    (first, *_) = await post.unit_of_work.run(tasks_of.plan, clinician, booked.visit.id, DAILY)
    assert first.due_at == NOON
    return Asking(post, clinician, first)


async def test_one_message_one_reminder_and_then_the_clinician(asking: Asking) -> None:
    assert [each for each in await asking.at(NOON - timedelta(minutes=1)) if each.recipient == ROSA] == []
    (asked,) = await asking.at(NOON)  # and nothing to the clinician
    link = f"{HOME}{await asking.link()}"
    assert (asked.recipient, asked.subject, asked.language) == (ROSA, "Unas preguntas para usted", "es-ES")
    assert asked.text.count("https://") == asked.text.count(link) == 1
    assert "Puede responder hasta: miércoles, 4 de marzo de 2026, 13:00" in asked.text
    assert ("ressure" in asked.text, "ensión" in asked.text, "/unsubscribe/" in (asked.stop_url or "")) == (
        False,
        False,
        True,
    )
    assert await asking.hear() == []
    (again,) = await asking.at(NOON + timedelta(hours=12))
    assert (again.recipient, again.subject) == (ROSA, "Unas preguntas esperan su respuesta")
    assert again.text.count(link) == 1
    late = await asking.at(NOON + timedelta(days=1))
    assert sorted(each.recipient for each in late) == ["ada@clinic.example", ROSA]  # and the next day's questions
    assert [each.subject for each in late if each.recipient != ROSA] == ["A follow-up task is overdue"]


async def test_who_has_answered_is_not_reminded(asking: Asking) -> None:
    await asking.at(NOON)
    request = await asking.post.unit_of_work.run(queries.request_for, SYSTEM, asking.task.id)
    assert request is not None

    async def answer(unit: Unit) -> None:
        row = text("SELECT id FROM participant WHERE visit_id = :visit AND role = 'patient'")
        own = await unit.session.scalar(row, {"visit": request.visit_id})
        visit = await visits.find(unit, request.visit_id)
        await service.answer(replace(unit, actor=guest(visit, own)), request.id, WELL)

    await asking.post.unit_of_work.run(answer, SYSTEM)
    assert await asking.at(NOON + timedelta(hours=12)) == []


async def test_what_was_called_off_before_it_went_out_is_not_told(asking: Asking) -> None:
    asking.post.clock.advance(NOON - asking.post.clock.now())
    await fire_due(work_of(asking.post.unit_of_work))
    await Relay(monitoring.SUBSCRIPTIONS).sweep(asking.post.work)
    await asking.post.unit_of_work.run(tasks_of.cancel, asking.clinician, asking.task.id)
    assert await asking.hear() == []


async def test_who_stopped_what_is_about_care_gets_none(asking: Asking) -> None:
    async def stop(unit: Unit) -> None:
        address = await addresses.known(unit, Channel.EMAIL, ROSA)
        await addresses.stop(unit, address, [Purpose.CARE], Said.LINK)

    await asking.post.unit_of_work.run(stop, SYSTEM)
    assert await asking.at(NOON) == []


async def test_no_text_rings_at_night(asking: Asking) -> None:
    post = asking.post
    post.texter = MemoryTexter()

    async def number(unit: Unit) -> None:
        await unit.session.execute(text("UPDATE patient SET phone = '+34 600 123 456', email = NULL, language = 'ar'"))

    await post.unit_of_work.run(number, SYSTEM)
    await asking.at(NOON)
    await asking.at(NOON)
    (message,) = post.texter.sent
    assert message.text.endswith(f"لدينا بضعة أسئلة لك. أجب هنا: {HOME}{await asking.link()}")
    post.texter.sent.clear()
    await asking.at(NOON + timedelta(hours=12))  # one in the morning in Madrid
    assert post.texter.sent == []
    await asking.at(NOON + timedelta(hours=19))
    assert [each.recipient for each in post.texter.sent] == ["+34600123456"]


async def to_do(asking: Asking, repeat: str = "") -> tuple[FollowUp, ...]:
    """What the patient is to do from tomorrow noon, and nothing else any more."""
    await asking.post.unit_of_work.run(cancel_all, asking.clinician, asking.task.visit_id)
    wish = Wish(title="Take blood pressure", facing=Facing.PATIENT, due_in="1d", repeat=repeat)
    return tuple(await asking.post.unit_of_work.run(tasks_of.plan, asking.clinician, asking.task.visit_id, wish))


async def cancel_all(unit: Unit, visit_id: UUID) -> None:
    for each in await followups.follow_ups(unit, visit_id=visit_id):
        await tasks_of.cancel(unit, each.id)


async def test_what_is_to_be_done_is_told_once_and_once_more_without_saying_what(asking: Asking) -> None:
    (task,) = await to_do(asking)
    (told,) = await asking.at(NOON)  # and nothing to the clinician
    assert (told.recipient, told.subject) == (ROSA, "Algo que le pedimos hacer")
    asking.task = task
    link = f"{HOME}{await asking.link()}"
    assert told.text.count("https://") == told.text.count(link) == 1
    assert "ressure" not in told.text
    assert await asking.hear() == []
    (again,) = await asking.at(NOON + timedelta(days=1))
    assert (again.recipient, again.subject) == (ROSA, "Algo sigue esperándole")
    assert again.text.count(link) == 1
    (late,) = await asking.at(NOON + WINDOW)
    assert (late.recipient, late.subject) == ("ada@clinic.example", "A follow-up task is overdue")


async def test_who_has_done_it_is_not_reminded(asking: Asking) -> None:
    (task,) = await to_do(asking)
    await asking.at(NOON)

    async def done(unit: Unit) -> None:
        row = text("SELECT id FROM participant WHERE visit_id = :visit AND role = 'patient'")
        own = await unit.session.scalar(row, {"visit": task.visit_id})
        visit = await visits.find(unit, task.visit_id)
        await tasks_of.done(replace(unit, actor=guest(visit, own)), task.id)

    await asking.post.unit_of_work.run(done, SYSTEM)
    assert await asking.at(NOON + timedelta(days=1)) == []


async def test_what_is_to_be_done_each_day_is_told_each_day_and_waited_for_no_longer(asking: Asking) -> None:
    first, second = await to_do(asking, repeat="FREQ=DAILY;COUNT=2")
    assert (first.ends_at, second.ends_at) == (second.due_at, second.due_at + timedelta(days=1))
    assert [each.recipient for each in await asking.at(NOON)] == [ROSA]
    assert [each.recipient for each in await asking.at(NOON + timedelta(hours=12))] == [ROSA]
    told = await asking.at(NOON + timedelta(days=1))
    assert sorted(each.recipient for each in told) == ["ada@clinic.example", ROSA]


async def test_who_was_not_asked_when_it_was_due_is_asked_when_they_would_be_reminded(asking: Asking) -> None:
    """A release before this one asked patients nothing of such tasks, and told the clinician."""
    (task,) = await to_do(asking)
    asking.post.clock.advance(NOON - asking.post.clock.now())
    await fire_due(work_of(asking.post.unit_of_work))
    await asking.post.unit_of_work.run(forget_events, SYSTEM)
    assert await asking.hear() == []
    (told,) = await asking.at(NOON + timedelta(days=1))
    assert (told.recipient, told.subject) == (ROSA, "Algo que le pedimos hacer")
    assert await asking.post.unit_of_work.run(queries.request_for, SYSTEM, task.id) is not None


async def forget_events(unit: Unit) -> None:
    """As an older process heard them."""
    await unit.session.execute(text("UPDATE outbox SET done_at = now() WHERE done_at IS NULL"))
