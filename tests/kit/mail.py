"""A real SMTP server on loopback that can be told to refuse, delay or hang up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

from aiosmtpd.smtp import SMTP, Envelope, Session

SILENCE = 30  # seconds


@dataclass
class MailServer:
    """`judge` answers RCPT TO for an address; `hang` makes it keep silent after DATA, `holds` for that address alone.
    Unless it `parts` it does so after QUIT. `came` hears of each RCPT TO.
    """

    judge: Callable[[str], str] = lambda _: "250 OK"
    hang: bool = False
    holds: Callable[[str], bool] = lambda _: False
    parts: bool = True
    came: Callable[[str], None] = lambda _: None
    received: list[EmailMessage] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_RCPT(  # noqa: N802, PLR0917 -- the server calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        self.came(address)
        verdict = self.judge(address)
        if verdict.startswith("250"):
            envelope.rcpt_tos.append(address)
        return verdict

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        if self.hang or any(map(self.holds, envelope.rcpt_tos)):
            await asyncio.sleep(SILENCE)
        content = envelope.content
        assert isinstance(content, bytes)
        message = message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)
        self.received.append(message)
        return "250 kept"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session, envelope
        if not self.parts:
            await asyncio.sleep(SILENCE)
        return "221 Bye"


@asynccontextmanager
async def mail_server() -> AsyncIterator[MailServer]:
    handler = MailServer()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, loop=loop, hostname="localhost"), "127.0.0.1", 0)
    handler.port = server.sockets[0].getsockname()[1]
    try:
        yield handler
    finally:
        server.close()


def parts(message: EmailMessage) -> tuple[str, str]:
    """The text and the calendar of a mail, decoded."""
    text, calendar = message.get_body(("plain",)), ""
    for part in message.walk():
        if part.get_content_type() == "text/calendar":
            assert isinstance(part, EmailMessage)
            calendar = part.get_content()
    assert text is not None
    return text.get_content(), calendar
