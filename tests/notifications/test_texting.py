"""Text messages: where mail does not reach, for what presses, never at night, never for what is no longer true."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from telehealth.core.actors import SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import Unit
from telehealth.http.locales import LANGUAGES
from telehealth.notifications.memory import MemoryTexter
from telehealth.notifications.models import MessageRow
from telehealth.notifications.ports import Away, Refused, Sent, Text
from telehealth.notifications.segments import segments
from telehealth.visits.appointments import service as appointments
from telehealth.visits.participants import queries as participants
from telehealth.visits.participants import service
from tests.kit.clinic import TUESDAY_NINE
from tests.notifications.conftest import HOME, NUMBER, Post, write_down

START = datetime(2026, 3, 5, 15, 0, tzinfo=UTC)  # nine o'clock in the clinic, four in Madrid


async def ledger(post: Post) -> list[tuple[str, str, str, str | None]]:
    async def look(unit: Unit) -> list[MessageRow]:
        of_patient = select(MessageRow).where(MessageRow.recipient_role == "patient")
        return list(await unit.session.scalars(of_patient.order_by(MessageRow.id)))

    return [(row.kind, row.channel, row.state, row.fault) for row in await post.unit_of_work.run(look)]


def texts(post: Post) -> list[Text]:
    assert isinstance(post.texter, MemoryTexter)
    return post.texter.sent


async def test_who_has_no_mail_address_is_told_by_text(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, email=None)
    clock.advance(datetime(2026, 3, 2, 12, 0, tzinfo=UTC) - clock.now())
    booked = await texting.book(TUESDAY_NINE)
    await texting.deliver()
    (text,) = texts(texting)
    assert text.recipient == NUMBER
    assert text.text == (
        f"Riverside: Su visita por video es el 3 mar 2026, 16:00 (Madrid). Entre: {HOME}/join/{booked.link_secret}"
    )
    assert ("invitation", "email", "rerouted", "no-address") in await ledger(texting)
    assert ("invitation", "sms", "sent", None) in await ledger(texting)


async def test_a_refused_mail_is_followed_by_a_text_once(texting: Post, clock: FixedClock) -> None:
    texting.mailer.answer = lambda mail: Refused(550) if mail.recipient == "rosa@home.example" else Sent()
    await texting.book(TUESDAY_NINE)
    await texting.deliver()
    clock.advance(timedelta(hours=1))
    await texting.deliver()
    assert len(texts(texting)) == 1


async def test_what_presses_rings_and_the_mail_is_spared(texting: Post, clock: FixedClock) -> None:
    await texting.book(START)
    await texting.deliver()
    assert len(texting.to_patient()) == 1
    clock.advance(START - timedelta(hours=24) - clock.now())
    await texting.deliver()
    assert (len(texting.to_patient()), len(texts(texting))) == (2, 0)
    for before in (timedelta(hours=1), timedelta(minutes=10)):
        clock.advance(START - before - clock.now())
        await texting.deliver()
    assert (len(texting.to_patient()), len(texts(texting))) == (2, 2)
    assert "Recordatorio" in texts(texting)[-1].text


async def test_a_gateway_that_is_away_costs_what_presses_two_minutes(texting: Post, clock: FixedClock) -> None:
    await texting.book(START)
    await texting.deliver()
    texting.texter = MemoryTexter(answer=lambda _: Away("503"))
    clock.advance(START - timedelta(hours=1) - clock.now())
    await texting.deliver()
    told = len(texting.to_patient())
    for _ in range(4):
        clock.advance(timedelta(minutes=1))
        await texting.deliver()
    assert len(texting.to_patient()) == told + 1
    assert ("reminder", "sms", "rerouted", "503") in await ledger(texting)


async def test_one_channel_that_is_away_holds_up_no_other(texting: Post, clock: FixedClock) -> None:
    await texting.book(START)
    await texting.deliver()
    texting.texter = MemoryTexter(answer=lambda _: Away("503"))
    clock.advance(START - timedelta(hours=1) - clock.now())
    await texting.book(START + timedelta(hours=1, minutes=20))
    before = len(texting.mailer.sent)
    await texting.deliver()
    assert len(texting.mailer.sent) == before + 2  # the other visit's invitations


async def test_nobody_is_woken(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, email=None)
    clock.advance(datetime(2026, 3, 2, 22, 30, tzinfo=UTC) - clock.now())  # 23:30 in Madrid
    await texting.book(START)
    await texting.deliver()
    assert texts(texting) == []
    clock.advance(timedelta(hours=8, minutes=30))
    await texting.deliver()
    assert len(texts(texting)) == 1


async def test_a_link_sent_again_before_the_visit_rings_at_any_hour(texting: Post, clock: FixedClock) -> None:
    booked = await texting.book(datetime(2026, 3, 2, 22, 0, tzinfo=UTC))  # 23:00 in Madrid
    await texting.deliver()
    await write_down(texting, email=None)
    clock.advance(datetime(2026, 3, 2, 21, 49, tzinfo=UTC) - clock.now())
    before = len(texts(texting))
    visit, patient = booked.visit.id, texting.clinic.patient.id
    theirs = await texting.unit_of_work.run(participants.patients_own, SYSTEM, visit, patient)
    assert theirs is not None
    await texting.unit_of_work.run(service.resend, SYSTEM, visit, theirs, fresh=False)
    await texting.deliver()
    assert "Entre: " in texts(texting)[-1].text
    assert len(texts(texting)) > before


async def test_a_number_that_is_none_is_kept_as_that(texting: Post) -> None:
    await write_down(texting, email=None, phone="ask at desk 4")
    await texting.book(TUESDAY_NINE)
    await texting.deliver()
    assert texts(texting) == []
    assert ("invitation", "sms", "dead", "no-address") in await ledger(texting)


async def test_mail_is_tried_for_two_days_where_there_is_no_number(texting: Post, clock: FixedClock) -> None:
    await write_down(texting, phone=None)
    texting.mailer.answer = lambda _: Away("SMTPConnectError")
    await texting.book(START)
    for _ in range(10):
        await texting.deliver()
        clock.advance(timedelta(hours=1))
    texting.mailer.answer = lambda _: Sent()
    await texting.deliver()
    assert len(texting.to_patient()) == 1


async def test_who_can_be_told_by_text_alone_is_not_told_without_a_gateway(post: Post) -> None:
    await write_down(post, email=None, phone=NUMBER)
    await post.book(TUESDAY_NINE)
    await post.deliver()
    assert ("invitation", "email", "dead", "no-address") in await ledger(post)


async def test_what_presses_goes_by_mail_where_there_is_no_gateway(post: Post, clock: FixedClock) -> None:
    await write_down(post, phone=NUMBER)
    await post.book(START)
    await post.deliver()
    clock.advance(START - timedelta(hours=1) - clock.now())
    (mail,) = await post.deliver()
    assert mail.subject.startswith("Recordatorio")
    assert ("reminder", "sms", "rerouted", "no-gateway") in await ledger(post)


async def test_no_reminder_of_a_time_that_is_no_longer_true(texting: Post, clock: FixedClock) -> None:
    booked = await texting.book(START)
    await texting.relay()
    later = START + timedelta(minutes=40)
    await texting.unit_of_work.run(appointments.reschedule, SYSTEM, booked.visit.id, start=later)
    await texting.deliver()
    clock.advance(START - timedelta(hours=1) - clock.now())
    await texting.deliver()
    assert texts(texting) == []
    clock.advance(timedelta(minutes=40))
    await texting.deliver()
    assert "16:40" in texts(texting)[-1].text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_no_text_takes_more_than_three_parts(texting: Post, clock: FixedClock, language: str) -> None:
    await write_down(texting, language=language, email=None)
    clock.advance(datetime(2026, 3, 2, 12, 0, tzinfo=UTC) - clock.now())
    booked = await texting.book(TUESDAY_NINE)
    await texting.deliver()
    await texting.unit_of_work.run(
        appointments.reschedule, SYSTEM, booked.visit.id, start=TUESDAY_NINE + timedelta(hours=2)
    )
    await texting.deliver()
    assert len(texts(texting)) == 2
    for text in texts(texting):
        assert segments(text.text) <= 3
        for private in ("Rosa", "Jim", "Lindqvist"):
            assert private not in text.text
