"""Mail over SMTP (RFC 5321): one connection a message, every step under a deadline."""

import asyncio
import re
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from urllib.parse import unquote, urlsplit

import aiosmtplib

from telehealth.notifications.ports import Away, Deferred, Mail, Outcome, Refused, Sent, Unreachable

DEADLINE_SECONDS = 15.0
PORTS = {"smtp": 25, "smtps": 465, "smtp+starttls": 587}
CLOSING = 421  # the server is about to hang up on everyone (RFC 5321, section 3.8)
NO_SUCH_MAILBOX = 553
# A bad destination address, one without a mail server, or a disabled mailbox (RFC 3463; RFC 7505 for 5.1.10). All else
# that is said when a recipient is named may be about the sender: 5.1.7, 5.1.8, 5.7.x, even 5.1.0 or a code alone.
OF_RECIPIENT = re.compile(r"5\.(1\.(1|2|3|6|10)|2\.1)\b")
FIT = re.compile(r"[!-?A-~]+@[!-?A-~]+")


class SmtpMailer:
    """`smtp://`, `smtps://` or `smtp+starttls://`, with `user:password@` when the server asks for it.

    Raises ValueError for another scheme, without showing the address.
    """

    def __init__(self, url: str, *, deadline: float = DEADLINE_SECONDS) -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError("SMTP_URL is written smtp://, smtps:// or smtp+starttls://, then a host")
        self._hostname = parts.hostname
        self._port = parts.port or PORTS[parts.scheme]
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._scheme = parts.scheme
        self._deadline = deadline

    async def send(self, mail: Mail) -> Outcome:
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchange(to_mime(mail))
        except (ValueError, aiosmtplib.SMTPNotSupported):  # no header or envelope can hold it, or letters (RFC 6531)
            return Refused(NO_SUCH_MAILBOX) if FIT.fullmatch(mail.recipient) else Unreachable(NO_SUCH_MAILBOX)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            return _judge(error)

    async def _exchange(self, message: EmailMessage) -> Outcome:
        client = aiosmtplib.SMTP(
            hostname=self._hostname,
            port=self._port,
            username=self._username,
            password=self._password,
            use_tls=self._scheme == "smtps",
            start_tls=self._scheme == "smtp+starttls",
            timeout=self._deadline,
        )
        await client.connect()
        try:
            await client.send_message(message)
        finally:
            _part(client)
        return Sent()


def _part(client: aiosmtplib.SMTP) -> None:
    """Says goodbye (RFC 5321, section 4.1.1.10) and waits for no answer: what was taken is to be written down at once,
    and what the server says now, or does not say, changes nothing any more.
    """
    if isinstance(client.transport, asyncio.WriteTransport) and not client.transport.is_closing():
        client.transport.write(b"QUIT\r\n")
    client.close()


def to_mime(mail: Mail) -> EmailMessage:
    """Text, and beside it the invitation as calendars expect it (RFC 6047, section 2.4)."""
    message = EmailMessage(POLICY)
    message["From"] = mail.sender
    message["To"] = mail.recipient
    message["Subject"] = mail.subject
    message["Date"] = mail.at
    message["Message-ID"] = f"<{mail.id}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday reply, please
    if mail.stop_url:  # RFC 2369, section 3.2, and RFC 8058, section 3.1
        message["List-Unsubscribe"] = f"<{mail.stop_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    if mail.invite is not None:
        message.add_alternative(mail.invite.content, subtype="calendar", params={"method": mail.invite.method.value})
    message["Content-Language"] = mail.language
    return message


def _judge(error: aiosmtplib.SMTPException | OSError) -> Outcome:
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            refusal = error.recipients[0]
            return _of_recipient(refusal.code, refusal.message)
        case aiosmtplib.SMTPAuthenticationError() | aiosmtplib.SMTPConnectError():
            return Away(type(error).__name__)
        case aiosmtplib.SMTPResponseException():
            return _coded(error.code)
        case _:
            return Away(type(error).__name__)


def _of_recipient(code: int, said: str) -> Outcome:
    """Whether it is the address that is wrong; a server may refuse a recipient for the sender's sake too."""
    return Unreachable(code) if code >= 500 and OF_RECIPIENT.match(said) else _coded(code)


def _coded(code: int) -> Outcome:
    if code == CLOSING:
        return Away(str(code))
    return Refused(code) if code >= 500 else Deferred(code)
