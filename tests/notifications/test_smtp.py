"""The SMTP adapter against a real server, and the fake against the same contract."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from telehealth.notifications.memory import MemoryMailer
from telehealth.notifications.ports import (
    Away,
    Deferred,
    Invite,
    Mail,
    Mailer,
    Method,
    Outcome,
    Refused,
    Sent,
    Unreachable,
)
from telehealth.notifications.smtp import SmtpMailer
from tests.kit.mail import MailServer, mail_server, parts
from tests.kit.patience import PATIENCE


def mail(recipient: str = "rosa@home.example", **changed: object) -> Mail:
    known: dict[str, object] = {
        "id": "0195bb2e-7c00-7000-8000-000000000001",
        "sender": "visits@clinic.example",
        "recipient": recipient,
        "subject": "زيارة: 3 مارس",
        "text": "¡Hola!\n\nÀ bientôt\n",
        "language": "es",
        "at": datetime(2026, 3, 2, 9, tzinfo=UTC),
    }
    return Mail(**(known | changed))  # type: ignore[arg-type]


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    async with mail_server() as running:
        yield running


@pytest.fixture(params=["smtp", "memory"])
def mailer(request: pytest.FixtureRequest, server: MailServer) -> Mailer:
    if request.param == "smtp":
        return SmtpMailer(server.url)

    def answer(sent: Mail) -> Outcome:
        code = int(server.judge(sent.recipient)[:3])
        return (
            Sent()
            if code == 250
            else Away(str(code))
            if code == 421
            else (Unreachable if code >= 500 else Deferred)(code)
        )

    return MemoryMailer(answer=answer)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("250 OK", Sent()),
        ("550 5.1.1 no such mailbox", Unreachable(550)),
        ("452 mailbox full", Deferred(452)),
        ("421 closing", Away("421")),
    ],
)
async def test_contract(mailer: Mailer, server: MailServer, reply: str, outcome: object) -> None:
    server.judge = lambda _: reply
    assert await mailer.send(mail()) == outcome


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        ("550 5.1.1 no such user", Unreachable(550)),
        ("550 5.2.1 mailbox disabled", Unreachable(550)),
        ("550 5.7.1 listed as a source of spam", Refused(550)),
        ("552 5.2.2 mailbox full", Refused(552)),
        ("550 5.1.10 null MX", Unreachable(550)),
        ("550 5.1.0 Sender address rejected", Refused(550)),
        ("553 5.1.8 Domain of sender address does not exist", Refused(553)),
        ("550 5.1.11 unknown", Refused(550)),
        ("550 blocked, see the list", Refused(550)),
        ("551 moved", Refused(551)),
        ("553 not allowed", Refused(553)),
        ("554 policy", Refused(554)),
        ("450 5.1.1 later", Deferred(450)),
    ],
)
async def test_what_is_wrong_is_the_address_or_something_else(server: MailServer, reply: str, outcome: Outcome) -> None:
    server.judge = lambda _: reply
    assert await SmtpMailer(server.url).send(mail()) == outcome


async def test_the_message_arrives_whole(server: MailServer) -> None:
    invite = Invite(Method.REQUEST, "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nSUMMARY:Visité\r\nEND:VCALENDAR\r\n")
    assert await SmtpMailer(server.url).send(mail(invite=invite)) == Sent()
    (message,) = server.received
    assert message["subject"] == "زيارة: 3 مارس"
    assert message["message-id"] == "<0195bb2e-7c00-7000-8000-000000000001@clinic.example>"
    assert (message["auto-submitted"], message["content-language"]) == ("auto-generated", "es")
    text, calendar = parts(message)
    assert text.splitlines() == ["¡Hola!", "", "À bientôt"]
    assert "SUMMARY:Visité" in calendar
    (part,) = (each for each in message.walk() if each.get_content_type() == "text/calendar")
    assert part.get_param("method") == "REQUEST"


async def test_what_can_be_stopped_says_how_in_one_click(server: MailServer) -> None:
    url = "https://visits.example/unsubscribe/x/appointments"
    assert await SmtpMailer(server.url).send(mail(stop_url=url)) == Sent()
    assert await SmtpMailer(server.url).send(mail()) == Sent()
    stoppable, other = server.received
    assert stoppable["list-unsubscribe"] == f"<{url}>"
    assert stoppable["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert other["list-unsubscribe"] is None


async def test_nobody_listens() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert isinstance(await SmtpMailer(f"smtp://127.0.0.1:{port}").send(mail()), Away)


async def test_a_server_that_keeps_silent_costs_the_deadline_and_no_more(server: MailServer) -> None:
    server.hang = True
    async with asyncio.timeout(3):
        assert isinstance(await SmtpMailer(server.url, deadline=0.3).send(mail()), Away)


async def test_a_server_that_hangs_up_after_taking_it_has_taken_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready\r\n")
        replies = {b"EHLO": b"250 ok\r\n", b"MAIL": b"250 ok\r\n", b"RCPT": b"250 ok\r\n", b"DATA": b"354 go\r\n"}
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while reply := replies.get((await reader.readline())[:4]):
                writer.write(reply)
                if reply.startswith(b"354"):
                    await reader.readuntil(b"\r\n.\r\n")
                    writer.write(b"250 kept\r\n")
                    await writer.drain()
                    break
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        assert await SmtpMailer(f"smtp://127.0.0.1:{port}").send(mail()) == Sent()
    finally:
        server.close()


async def test_a_server_that_says_no_goodbye_has_taken_it_too(server: MailServer) -> None:
    """Nobody waits for that: what was taken is written down, and not sent again."""
    server.parts = False
    async with asyncio.timeout(PATIENCE):
        assert await SmtpMailer(server.url, deadline=2 * PATIENCE).send(mail()) == Sent()
    assert len(server.received) == 1


@pytest.mark.parametrize("recipient", ["rosa\r\nBcc: eve@evil.example", "not an address", "ñandú@home.example", "@"])
async def test_an_address_that_cannot_be_is_refused(server: MailServer, recipient: str) -> None:
    assert isinstance(await SmtpMailer(server.url).send(mail(recipient)), Unreachable)
    assert server.received == []


@pytest.mark.parametrize("sender", ["visits\r\nBcc: eve@evil.example", "besúche@clinic.example"])
async def test_a_sender_that_cannot_be_condemns_nobody(server: MailServer, sender: str) -> None:
    assert isinstance(await SmtpMailer(server.url).send(mail(sender=sender)), Refused)
    assert server.received == []


@pytest.mark.parametrize("url", ["http://mail", "smtp://", "mail.example:25", ""])
def test_another_address_is_an_error_that_shows_nothing(url: str) -> None:
    with pytest.raises(ValueError, match="SMTP_URL is written"):
        SmtpMailer(url)
