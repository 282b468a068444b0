"""What people wish of messages: stopped at an address, told all the same when it must be, on their channel."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.notifications import addresses
from telehealth.notifications.kinds import Purpose
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Refused
from telehealth.notifications.rules import Channel
from telehealth.notifications.wishes import Meant, Said, masked, meaning
from telehealth.visits.appointments import service as appointments
from tests.notifications.conftest import HOME, NUMBER, ROSA, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)  # four o'clock in Madrid
Row = tuple[str, str, str, str | None, str | None]


async def stop(post: Post, channel: Channel, address: str, *purposes: Purpose) -> None:
    async def say(unit: Unit) -> None:
        await addresses.stop(unit, await addresses.known(unit, channel, address), purposes, Said.PAGE)

    await post.unit_of_work.run(say)


async def texts_back(post: Post, text: str, name: str) -> bool:
    return await post.unit_of_work.run(addresses.texted_back, SYSTEM, name, NUMBER, meaning(text)[0])


async def ledger(post: Post, kind: str) -> list[Row]:
    async def look(unit: Unit) -> list[MessageRow]:
        theirs = select(MessageRow).where(MessageRow.recipient_role == "patient", MessageRow.kind == kind)
        return list(await unit.session.scalars(theirs.order_by(MessageRow.due_at, MessageRow.id)))

    rows = await post.unit_of_work.run(look)
    return [(row.kind, row.channel, row.state, row.fault, row.override) for row in rows]


def texts(post: Post) -> list[str]:
    assert isinstance(post.texter, MemoryTexter)
    return [each.text for each in post.texter.sent]


@pytest.mark.parametrize(
    ("text", "meant", "language"),
    [
        ("STOP", Meant.STOP, "en"),
        (" stop. ", Meant.STOP, "en"),
        ("Arrêt", Meant.STOP, "fr"),
        ("ARRET", Meant.STOP, "fr"),
        ("¡Alto!", Meant.STOP, "es"),
        ("إيقاف", Meant.STOP, "ar"),
        ("Opt-out", Meant.STOP, "en"),
        ("start", Meant.START, "en"),
        ("Début", Meant.START, "fr"),
        ("HELP?", Meant.HELP, "en"),
        ("ayuda", Meant.HELP, "es"),
        ("the pain does not stop", Meant.OTHER, ""),
        ("", Meant.OTHER, ""),
    ],
)
def test_what_a_text_back_means(text: str, meant: Meant, language: str) -> None:
    assert meaning(text) == (meant, language)


def test_an_address_is_known_again_by_its_owner_alone() -> None:
    assert masked(Channel.EMAIL, ROSA) == "r…@home.example"
    assert masked(Channel.SMS, NUMBER) == "…456"


async def test_what_was_stopped_is_kept_with_its_reason(texting: Post, clock: FixedClock) -> None:
    await texting.book(START)
    await texting.deliver()
    assert await texts_back(texting, "STOP", "SM1")
    for before in (timedelta(hours=24), timedelta(hours=1), timedelta(minutes=10)):
        clock.advance(START - before - clock.now())
        await texting.deliver()
    assert texts(texting) == []
    assert await ledger(texting, "reminder") == [
        ("reminder", "email", "sent", None, None),
        ("reminder", "sms", "suppressed", "stopped", None),
        ("reminder", "sms", "suppressed", "stopped", None),
    ]


async def test_one_text_counts_once_and_start_begins_again(texting: Post, clock: FixedClock) -> None:
    assert await texts_back(texting, "STOP", "SM1")
    assert await texts_back(texting, "START", "SM2")
    assert not await texts_back(texting, "STOP", "SM1")  # the gateway brings it again
    await texting.book(START)
    await texting.deliver()
    clock.advance(START - timedelta(hours=1) - clock.now())
    await texting.deliver()
    assert len(texts(texting)) == 1

    async def look(unit: Unit) -> list[str]:
        said = select(AuditRow.outcome).where(AuditRow.entity == "message_address", AuditRow.action == "update")
        return list(await unit.session.scalars(said.order_by(AuditRow.position)))

    of_each = [f"{word}-{purpose}" for word in ("stopped", "wanted") for purpose in Purpose]
    wanted = sorted(of_each * 2)  # texts and calls
    assert sorted(await texting.unit_of_work.run(look)) == wanted


async def test_a_number_is_the_same_however_the_gateway_writes_it(texting: Post) -> None:
    said = "+44 (0)7911 123456", "+4407911123456"  # with the zero that is dialled at home

    async def stopped(unit: Unit) -> frozenset[Purpose]:
        number = addresses.normal(Channel.SMS, said[0], "")
        assert number == "+447911123456"
        return (await addresses.known(unit, Channel.SMS, number)).stopped

    await texting.unit_of_work.run(addresses.texted_back, SYSTEM, "SM1", said[1], Meant.STOP)
    assert await texting.unit_of_work.run(stopped) == set(Purpose)


async def test_what_nobody_reads_is_answered_once_a_day(texting: Post, clock: FixedClock) -> None:
    assert await texts_back(texting, "I feel worse", "SM1")
    assert not await texts_back(texting, "hello?", "SM2")
    assert await texts_back(texting, "HELP", "SM3")
    clock.advance(timedelta(days=1))
    assert await texts_back(texting, "hello?", "SM4")


async def test_who_stops_texts_still_gets_their_link_by_mail(texting: Post, clock: FixedClock) -> None:
    await texts_back(texting, "STOP", "SM1")
    clock.advance(START - timedelta(minutes=30) - clock.now())
    await texting.book(START)
    await texting.deliver()
    assert [mail.subject for mail in texting.to_patient()] != []
    assert set(await ledger(texting, "invitation")) == {
        ("invitation", "sms", "rerouted", "stopped", None),
        ("invitation", "email", "sent", None, None),
    }


async def test_a_shared_phone_is_stopped_for_everybody_who_has_it(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, email=None)
    await texts_back(texting, "STOP", "SM1")
    await texting.book(START)
    await texting.deliver()
    assert texts(texting) == []
    assert ("invitation", "sms", "suppressed", "stopped", None) in await ledger(texting, "invitation")
    await write_down(texting, phone="0034600123456")  # as another patient may have written it
    await texting.book(START + timedelta(hours=1))
    await texting.deliver()
    assert texts(texting) == []


async def test_a_changed_time_is_told_all_the_same_with_the_reason(texting: Post) -> None:
    await stop(texting, Channel.EMAIL, ROSA, Purpose.APPOINTMENTS)
    await texts_back(texting, "STOP", "SM1")
    booked = await texting.book(START)
    await texting.deliver()
    assert texting.to_patient() == []
    later = START + timedelta(days=1)
    await texting.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await texting.deliver()
    assert await ledger(texting, "moved") == [("moved", "email", "sent", None, "time_changed")]


async def test_only_what_was_stopped_is_stopped(texting: Post) -> None:
    await stop(texting, Channel.EMAIL, ROSA, Purpose.CARE, Purpose.SURVEYS)
    await texting.book(START)
    await texting.deliver()
    (mail,) = texting.to_patient()
    assert mail.stop_url.startswith(f"{HOME}/unsubscribe/")
    assert mail.stop_url.endswith("/appointments")
    assert [each.stop_url for each in texting.mailer.sent if each.recipient != ROSA] == [""]  # staff has no such link


async def test_the_preferred_channel_goes_first_also_for_what_waits(texting: Post, clock: FixedClock) -> None:
    patient = texting.clinic.patient.id
    await texting.book(START)
    await texting.deliver()

    async def prefer(channel: Channel) -> None:
        await texting.unit_of_work.run(addresses.prefer, SYSTEM, patient, Purpose.APPOINTMENTS, channel)

    await prefer(Channel.SMS)
    clock.advance(START - timedelta(hours=24) - clock.now())
    await texting.deliver()
    assert (len(texts(texting)), len(texting.to_patient())) == (1, 1)
    await prefer(Channel.EMAIL)
    clock.advance(START - timedelta(hours=1) - clock.now())
    await texting.deliver()
    assert (len(texts(texting)), len(texting.to_patient())) == (1, 2)
    await prefer(Channel.SMS)
    texting.texter = MemoryTexter(answer=lambda _: Refused(30008))
    clock.advance(START - timedelta(minutes=10) - clock.now())
    await texting.deliver()
    assert len(texting.to_patient()) == 3  # what one cannot bring the other does
