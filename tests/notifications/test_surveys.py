"""Asking patients how a visit was: when it is time, once, where they want it, and not when it is no longer true."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications import addresses
from telehealth.notifications import tasks as notifications
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.ports import Mail
from telehealth.notifications.rules import Channel
from telehealth.notifications.sending import send_due
from telehealth.notifications.wishes import Said
from telehealth.surveys import queries, service
from telehealth.surveys import tasks as surveys
from telehealth.surveys.rules import GOES_OUT_IN
from telehealth.tasks.relay import Relay
from telehealth.visits.lifecycle.rules import Visit
from tests.notifications.conftest import HOME, NUMBER, ROSA, Post, write_down
from tests.surveys.asking import answer, becomes, switch_on

STARTS = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
DUE = STARTS + timedelta(minutes=20 + 16 * 60)  # in the middle of the day
HEARD = (*surveys.SUBSCRIPTIONS, *notifications.SUBSCRIPTIONS)


class Asking:
    """Rosa's visit, told of long ago; surveys are asked sixteen hours after the end."""

    def __init__(self, post: Post, visit: Visit) -> None:
        self.post, self.visit = post, visit

    async def complete(self, visit: Visit | None = None) -> None:
        await self.post.unit_of_work.run(becomes, SYSTEM, visit or self.visit)
        await self.hear()

    async def hear(self) -> list[Mail]:
        for _ in range(2):
            await Relay(HEARD).sweep(self.post.work)
        before = len(self.post.mailer.sent)
        await send_due(self.post.work)
        return self.post.mailer.sent[before:]

    async def at(self, when: datetime) -> list[Mail]:
        self.post.clock.advance(when - self.post.clock.now())
        return await self.hear()

    async def said(self, words: str) -> list[tuple[object, ...]]:
        async def read(unit: Unit) -> list[tuple[object, ...]]:
            return [tuple(each) for each in await unit.session.execute(text(words))]

        return await self.post.unit_of_work.run(read, SYSTEM)

    async def ledger(self) -> list[tuple[object, ...]]:
        return await self.said("SELECT channel, state, fault FROM message WHERE kind = 'survey' ORDER BY id")


@pytest.fixture
async def asking(post: Post, clock: FixedClock) -> Asking:
    booked = await post.book(STARTS)
    await post.unit_of_work.run(switch_on, SYSTEM, 16 * 60)
    clock.advance(STARTS + timedelta(minutes=30) - clock.now())
    await Relay(HEARD).sweep(post.work)
    await send_due(post.work)
    return Asking(post, booked.visit)


async def test_one_message_when_it_is_time_in_their_language(asking: Asking) -> None:
    await asking.complete()
    assert await asking.at(DUE - timedelta(minutes=1)) == []
    (mail,) = await asking.at(DUE)
    assert (mail.recipient, mail.subject, mail.language) == (ROSA, "¿Qué tal fue su visita por video?", "es-ES")
    assert mail.text.count("https://") == 2
    assert mail.text.count(f"{HOME}/questions/") == 1
    assert mail.text.endswith(f"Para no recibir más mensajes de este tipo, abra este enlace:\n{mail.stop_url}\n")
    assert "Puede responder hasta: martes, 17 de marzo de 2026, 13:20" in mail.text
    assert (mail.stop_url.endswith("/surveys"), mail.invite) == (True, None)
    assert await asking.said("SELECT sent_at = due_at FROM survey") == [(True,)]
    await asking.complete()  # told twice
    assert await asking.at(DUE + timedelta(days=5)) == []


async def test_nobody_is_asked_unless_the_clinic_wants_so(asking: Asking) -> None:
    await asking.post.unit_of_work.run(service.choose, SYSTEM, None, 0, version=1)
    await asking.complete()
    assert await asking.at(DUE) == []
    assert await asking.said("SELECT 1 FROM survey") == []


async def test_a_patient_is_asked_once_in_thirty_days(asking: Asking) -> None:
    await asking.complete()
    later = [await asking.post.book(STARTS + timedelta(days=days)) for days in (7, 35)]
    asked = [surveys_in(await asking.at(DUE))]
    for booked, days in zip(later, (7, 35), strict=True):
        await asking.at(STARTS + timedelta(days=days, hours=1))
        await asking.complete(booked.visit)
        asked.append(surveys_in(await asking.at(DUE + timedelta(days=days))))
    assert asked == [1, 0, 1]


def surveys_in(mails: list[Mail]) -> int:
    return sum("/surveys" in each.stop_url for each in mails)


@pytest.mark.parametrize("ending", ["cancelled", "patient_no_show", "incomplete", "ended"])
async def test_nobody_is_asked_of_what_did_not_take_place(asking: Asking, ending: str) -> None:
    await asking.post.unit_of_work.run(becomes, SYSTEM, asking.visit, ending)
    await asking.post.unit_of_work.run(service.plan, SYSTEM, asking.visit.id)
    assert await asking.at(DUE) == []


@pytest.mark.parametrize("change", ["error", "answered", "off"])
async def test_what_is_no_longer_true_is_dropped(asking: Asking, change: str) -> None:
    await asking.complete()
    match change:
        case "error":
            await asking.post.unit_of_work.run(becomes, SYSTEM, asking.visit, "entered_in_error")
        case "answered":
            await answer(asking.post.unit_of_work, asking.visit)
        case "off":
            await asking.post.unit_of_work.run(service.choose, SYSTEM, None, 0, version=1)
    assert await asking.at(DUE) == []
    assert await asking.ledger() == [("email", "dropped", None)]
    asking.post.clock.advance(GOES_OUT_IN)
    others = await asking.post.unit_of_work.run(queries.asked_lately, SYSTEM, asking.visit.patient_id)
    assert bool(others) == (change == "answered")  # what was never asked keeps nobody from being asked


async def test_who_wants_no_surveys_gets_none_anywhere_and_all_else(asking: Asking) -> None:
    post = asking.post
    post.texter = MemoryTexter()
    await write_down(post, phone=NUMBER)

    async def stop(unit: Unit) -> None:
        await addresses.stop(unit, await addresses.known(unit, Channel.EMAIL, ROSA), [Purpose.SURVEYS], Said.LINK)

    await post.unit_of_work.run(stop, SYSTEM)
    await asking.complete()
    assert (await asking.at(DUE), post.texter.sent) == ([], [])
    assert await asking.ledger() == [("email", "suppressed", "stopped")]
    assert await asking.said("SELECT sent_at FROM survey") == [(None,)]


async def test_by_the_channel_they_prefer_and_not_at_night(asking: Asking) -> None:
    post, night = asking.post, datetime(2026, 3, 3, 22, 0, tzinfo=UTC)
    post.texter = MemoryTexter()
    await write_down(post, phone=NUMBER)
    patient, wished = asking.visit.patient_id, (Purpose.SURVEYS, Channel.SMS)
    await post.unit_of_work.run(addresses.prefer, SYSTEM, patient, *wished)
    await asking.at(night)
    await asking.complete()
    assert (post.texter.sent, await asking.at(night + timedelta(hours=8, minutes=59))) == ([], [])
    await asking.at(night + timedelta(hours=9))  # eight in the morning in Madrid
    (sent,) = post.texter.sent
    assert sent.text.startswith("Riverside: ¿Qué tal su visita por video?")
    assert (sent.recipient, asking.post.mailer.sent[-1].subject.startswith("¿Qué tal")) == (NUMBER, False)


async def test_a_note_that_takes_a_week_asks_nobody(asking: Asking) -> None:
    await asking.at(STARTS + timedelta(days=8))
    await asking.complete()
    assert await asking.said("SELECT 1 FROM survey") == []
