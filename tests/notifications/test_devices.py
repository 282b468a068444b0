"""Notifications on their way: to every browser of a person, first for what presses, and to no other as well."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM, Role
from telehealth.core.errors import NotFound
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.notifications import addresses, devices, receipts
from telehealth.notifications.channels import reach_of, ring_first
from telehealth.notifications.devices import Person
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryPusher, MemoryTexter
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Deferred, Device, Sent, Unreachable
from telehealth.notifications.rules import Channel
from telehealth.notifications.wishes import Said
from telehealth.visits.appointments import service as appointments
from tests.kit.pushes import Browser
from tests.notifications.conftest import HOME, Post

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)  # four o'clock in Madrid
HOUR_BEFORE = START - timedelta(hours=1)


@pytest.fixture
def pushing(texting: Post) -> Post:
    texting.pusher = MemoryPusher()
    return texting


def person(post: Post) -> Person:
    return Role.PATIENT, post.clinic.patient.id


async def ask(post: Post, whose: Person, name: str = "phone") -> Device:
    """A browser asks for notifications."""
    device = replace(Browser(f"https://push.example/{name}").device, id=UUID(int=hash(name) & 0xFFFF))

    async def keep(unit: Unit) -> None:
        await devices.keep(unit, whose, device)
        if whose[0] is Role.PATIENT:
            await ring_first(unit, whose[1])

    await post.unit_of_work.run(keep)
    return device


def shown(post: Post) -> list[dict[str, Any]]:
    assert isinstance(post.pusher, MemoryPusher)
    return [json.loads(push.words) for push, _ in post.pusher.sent]


def texts(post: Post) -> int:
    assert isinstance(post.texter, MemoryTexter)
    return len(post.texter.sent)


async def reminders(post: Post) -> list[tuple[str, str, str | None, str | None]]:
    async def look(unit: Unit) -> list[MessageRow]:
        row = MessageRow
        asked = select(row).where(row.recipient_role == "patient", row.kind == "reminder", row.due_at == HOUR_BEFORE)
        return list(await unit.session.scalars(asked.order_by(row.id)))

    rows = await post.unit_of_work.run(look)
    return [(row.channel, row.state, row.fault, row.receipt) for row in rows]


async def row_id(post: Post, channel: Channel) -> UUID:
    async def look(unit: Unit) -> UUID:
        asked = select(MessageRow.id).where(MessageRow.channel == channel, MessageRow.due_at == HOUR_BEFORE)
        return (await unit.session.scalars(asked)).one()

    return await post.unit_of_work.run(look)


async def hear(post: Post, channel: Channel) -> None:
    """A receipt that says that it has arrived."""
    message_id = await row_id(post, channel)
    reach = reach_of(post.work.ports)
    await post.unit_of_work.run(receipts.heard, SYSTEM, message_id, Sent(), of={channel}, reach=reach)


async def an_hour_before(post: Post, clock: FixedClock) -> None:
    await post.deliver()
    clock.advance(HOUR_BEFORE - clock.now())
    await post.deliver()


async def test_what_presses_rings_in_the_browser_and_says_nothing_of_why(pushing: Post, clock: FixedClock) -> None:
    booked = await pushing.book(START)
    await pushing.relay()
    await ask(pushing, person(pushing))  # after the reminders were planned
    await an_hour_before(pushing, clock)
    (told,) = shown(pushing)
    assert told["title"] == "Riverside"
    assert told["body"].startswith("Recordatorio de su visita por vídeo")
    assert told["path"] == f"/join/{booked.link_secret}"
    assert (told["lang"], told["dir"], told["stays"]) == ("es-ES", "ltr", True)
    assert HOME not in json.dumps(told)
    assert texts(pushing) == 0


async def test_what_no_browser_says_it_has_shown_is_texted_a_minute_later(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    clock.advance(timedelta(seconds=59))
    await pushing.deliver()
    assert texts(pushing) == 0
    clock.advance(timedelta(seconds=1))
    await pushing.deliver()
    assert texts(pushing) == 1
    assert await reminders(pushing) == [("push", "sent", None, None), ("sms", "sent", None, None)]


async def test_what_was_shown_is_told_once(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    await hear(pushing, Channel.PUSH)
    await hear(pushing, Channel.PUSH)
    clock.advance(timedelta(minutes=2))
    await pushing.deliver()
    assert (len(shown(pushing)), texts(pushing)) == (1, 0)
    assert await reminders(pushing) == [("push", "sent", None, "delivered"), ("sms", "dropped", "told", None)]


async def test_every_browser_has_it_and_one_that_is_gone_is_forgotten(pushing: Post, clock: FixedClock) -> None:
    gone, kept = await ask(pushing, person(pushing), "gone"), await ask(pushing, person(pushing), "kept")
    pushing.pusher = MemoryPusher(answer=lambda device: Unreachable(410) if device.id == gone.id else Sent())
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    assert len(shown(pushing)) == 1
    assert await pushing.unit_of_work.run(devices.devices_of, SYSTEM, person(pushing)) == (kept,)


async def test_without_a_browser_that_is_left_the_text_goes_at_once(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))
    pushing.pusher = MemoryPusher(answer=lambda _: Unreachable(404))
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    assert texts(pushing) == 1
    assert await reminders(pushing) == [("push", "rerouted", "no-address", None), ("sms", "sent", None, None)]


async def test_a_push_service_that_asks_for_time_gets_it(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))
    asks = MemoryPusher(answer=lambda _: Deferred(429, timedelta(seconds=70)))
    pushing.pusher = asks
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    asks.answer = lambda _: Sent()
    clock.advance(timedelta(seconds=60))
    await pushing.deliver()
    assert shown(pushing) == []
    clock.advance(timedelta(seconds=10))
    await pushing.deliver()
    assert len(shown(pushing)) == 1


async def test_who_stopped_notifications_gets_the_text(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))

    async def stop(unit: Unit) -> None:
        address = await addresses.known(unit, Channel.PUSH, f"patient:{pushing.clinic.patient.id}")
        await addresses.stop(unit, address, [Purpose.APPOINTMENTS], Said.PAGE)

    await pushing.unit_of_work.run(stop)
    await pushing.book(START)
    await an_hour_before(pushing, clock)
    assert (shown(pushing), texts(pushing)) == ([], 0)  # who stops reminders wants none, anywhere
    await pushing.unit_of_work.run(devices.forget, SYSTEM, person(pushing))
    clock.advance(START - timedelta(minutes=10) - clock.now())
    await pushing.deliver()
    assert texts(pushing) == 1


async def test_a_browser_is_one_persons_and_a_person_has_ten(pushing: Post) -> None:
    clinician = (Role.CLINICIAN, pushing.clinic.clinician.id)
    await ask(pushing, person(pushing))
    await ask(pushing, clinician)
    run = pushing.unit_of_work.run
    assert await run(devices.devices_of, SYSTEM, person(pushing)) == ()
    for each in range(12):
        await ask(pushing, clinician, f"browser {each}")
    assert len(await run(devices.devices_of, SYSTEM, clinician)) == devices.MOST


async def test_a_receipt_of_nothing_is_a_receipt_of_no_message(pushing: Post) -> None:
    reach = reach_of(pushing.work.ports)
    with pytest.raises(NotFound):
        await pushing.unit_of_work.run(receipts.heard, SYSTEM, UUID(int=1), Sent(), of={Channel.SMS}, reach=reach)


async def test_the_invitation_still_comes_by_mail(pushing: Post) -> None:
    await ask(pushing, person(pushing))
    await pushing.book(START)
    await pushing.deliver()
    assert len(pushing.to_patient()) == 1
    assert shown(pushing) == []


async def test_a_move_that_mail_and_text_cannot_bring_is_shown(pushing: Post, clock: FixedClock) -> None:
    await ask(pushing, person(pushing))
    booked = await pushing.book(START)
    await pushing.deliver()
    pushing.mailer.answer = lambda _: Unreachable(550)
    assert isinstance(pushing.texter, MemoryTexter)
    pushing.texter.answer = lambda _: Unreachable(30006)
    later = START + timedelta(days=1)
    await pushing.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await pushing.deliver()
    assert "ha cambiado" in shown(pushing)[0]["body"] or "cambi" in shown(pushing)[0]["body"]
    del clock
