"""The local mailbox of a trial: takes mail by SMTP and text messages by HTTP, keeps them, and shows them on a small
page. Loopback only.

    python -m telehealth.cli.mailbox --directory DIR --smtp-port 1025 --port 8025

What it shows was written by others: everything is escaped, HTML parts are never rendered, attachments only download.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_binary_file, policy
from email.message import EmailMessage, MIMEPart
from email.utils import localtime, parsedate_to_datetime
from mailbox import Maildir
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from aiosmtpd.smtp import SMTP, Envelope
from jinja2 import DictLoader, Environment
from markupsafe import Markup, escape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

LARGEST = 10 * 1024 * 1024
"""Octets of one message (RFC 1870 SIZE)."""
SHOWN = 200
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:48rem;margin:2rem auto;padding:0 1rem;
color:#1a2b34;background:#fff}
table{border-collapse:collapse;width:100%}td,th{text-align:start;padding:.5rem;border-bottom:1px solid #c8d2d8}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:inherit;border:1px solid #c8d2d8;border-radius:.5rem;padding:1rem}
dt{font-weight:600}a{color:#0b5a8a}
@media(prefers-color-scheme:dark){body{color:#e6edf1;background:#12191d}a{color:#8cc8f0}pre,td,th{border-color:#3b4a53}}"""

_PAGES = {
    "frame": """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1"><title>{% block title %}{% endblock %}</title>
<link rel="stylesheet" href="/style.css"><main>{% block main %}{% endblock %}</main></html>""",
    "list": """{% extends "frame" %}{% block title %}Mailbox{% endblock %}{% block main %}<h1>Mailbox</h1>
<p>Messages this trial sent. They left this machine for nowhere.</p>
{% if letters %}<table><thead><tr><th>When<th>To<th>Subject</thead><tbody>
{% for letter in letters %}<tr><td>{{ letter.date }}<td>{{ letter.to }}
<td><a href="/messages/{{ letter.id }}">{{ letter.subject or "(no subject)" }}</a>{% endfor %}</tbody></table>
{% else %}<p>No message yet.{% endif %}{% endblock %}""",
    "letter": """{% extends "frame" %}{% block title %}{{ letter.subject }}{% endblock %}{% block main %}
<p><a href="/">All messages</a></p><h1>{{ letter.subject or "(no subject)" }}</h1>
<dl><dt>From<dd>{{ letter.sender }}<dt>To<dd>{{ letter.to }}<dt>Date<dd>{{ letter.date }}</dl>
<pre>{{ linked(letter.text) }}</pre>
{% for attachment in letter.attachments %}
<h2><a href="/messages/{{ letter.id }}/attachments/{{ loop.index0 }}" download>{{ attachment.name }}</a></h2>
<p>{{ attachment.kind }}</p>{% if attachment.shown %}<pre>{{ attachment.shown }}</pre>{% endif %}
{% endfor %}{% endblock %}""",
}
_LINK = re.compile(r"https?://[^\s<>\"']+[^\s<>\"'.,;:!?)]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    name: str
    kind: str
    content: bytes

    @property
    def shown(self) -> str | None:
        """The text of textual attachments, such as calendar invitations."""
        return self.content.decode(errors="replace") if self.kind.startswith("text/") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    id: str
    sender: str
    to: str
    subject: str
    date: str
    text: str
    attachments: tuple[Attachment, ...]


class Post:
    """The messages on disk, one file each."""

    def __init__(self, directory: Path) -> None:
        self._box = Maildir(str(directory), create=True)
        self._directory = directory

    def keep(self, content: bytes) -> str:
        return self._box.add(content)

    def newest(self) -> Iterator[Letter]:
        """Newest first."""
        files = sorted((self._directory / "new").iterdir(), key=lambda each: each.stat().st_mtime_ns, reverse=True)
        for file in files[:SHOWN]:
            yield _letter(file)

    def letter(self, name: str) -> Letter | None:
        """None when there is no such message; the name comes from outside and is looked up, never joined to a path."""
        return next((_letter(each) for each in (self._directory / "new").iterdir() if each.name == name), None)


class Receiver:
    """What aiosmtpd calls."""

    def __init__(self, post: Post) -> None:
        self._post = post

    async def handle_DATA(self, _server: SMTP, _session: object, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        self._post.keep(content if isinstance(content, bytes) else (content or "").encode())
        return "250 kept"


def create_app(post: Post) -> Starlette:
    environment = Environment(loader=DictLoader(_PAGES), autoescape=True)
    environment.globals["linked"] = linked

    def page(name: str, **context: object) -> Response:
        return HTMLResponse(environment.get_template(name).render(**context), headers=HEADERS)

    def show_list(_request: Request) -> Response:
        return page("list", letters=list(post.newest()))

    def show_letter(request: Request) -> Response:
        return page("letter", letter=_found(post, request))

    def send_attachment(request: Request) -> Response:
        attachments = _found(post, request).attachments
        number = request.path_params["number"]
        if number >= len(attachments):
            raise HTTPException(404)
        headers = HEADERS | {"Content-Disposition": "attachment", "Content-Type": attachments[number].kind}
        return Response(attachments[number].content, headers=headers)

    def list_json(request: Request) -> Response:
        to = request.query_params.get("to")
        told = [_plain(letter) for letter in post.newest() if to is None or to in letter.to]
        return JSONResponse({"messages": told}, headers=HEADERS)

    async def take_text(request: Request) -> Response:
        """As an SMS gateway of the plain kind."""
        told = await request.json()
        message = EmailMessage(policy.SMTP)
        message["From"], message["To"], message["Subject"] = told["from"] or "clinic", told["to"], "Text message"
        message["Date"] = localtime()
        message.set_content(told["text"])
        post.keep(message.as_bytes())
        return JSONResponse({"id": told["id"]}, status_code=202, headers=HEADERS)

    return Starlette(
        routes=[
            Route("/", show_list),
            Route("/texts", take_text, methods=["POST"]),
            Route("/messages.json", list_json),
            Route("/messages/{message}", show_letter),
            Route("/messages/{message}/attachments/{number:int}", send_attachment),
            Route("/style.css", lambda _: Response(STYLE, media_type="text/css", headers=HEADERS)),
            Route("/healthz", lambda _: PlainTextResponse("ok", headers=HEADERS)),
        ],
        # Another site's name pointed at this machine (DNS rebinding) does not open the mailbox.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["localhost", "127.0.0.1"])],
    )


def linked(text: str) -> Markup:
    """Escaped text whose web addresses can be followed."""
    parts, end = [], 0
    for match in _LINK.finditer(text):
        address = escape(match[0])
        parts += [
            escape(text[end : match.start()]),
            Markup('<a rel="noreferrer noopener" href="{0}">{0}</a>').format(address),
        ]
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])


async def serve(directory: Path, smtp_port: int, port: int) -> None:
    post = Post(directory)
    receiver = Receiver(post)
    loop = asyncio.get_running_loop()
    smtp = await loop.create_server(
        lambda: SMTP(receiver, hostname="localhost", data_size_limit=LARGEST, enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        smtp_port,
    )
    config = uvicorn.Config(
        create_app(post), host="127.0.0.1", port=port, log_level="warning", access_log=False, lifespan="off"
    )
    async with smtp:
        await uvicorn.Server(config).serve()


def main(
    directory: Annotated[Path, typer.Option(help="Where messages are kept (Maildir)")],
    smtp_port: Annotated[int, typer.Option(help="TCP port that takes messages")] = 1025,
    port: Annotated[int, typer.Option(help="TCP port of the page")] = 8025,
) -> None:
    """Take messages by SMTP and show them on a page, on this machine only."""
    asyncio.run(serve(directory, smtp_port, port))


def _found(post: Post, request: Request) -> Letter:
    letter = post.letter(request.path_params["message"])
    if letter is None:
        raise HTTPException(404)
    return letter


def _letter(file: Path) -> Letter:
    with file.open("rb") as opened:
        message = message_from_binary_file(opened, _class=EmailMessage, policy=policy.default)
    body = message.get_body(("plain", "html"))
    return Letter(
        id=file.name,
        sender=_header(message, "from"),
        to=_header(message, "to"),
        subject=_header(message, "subject"),
        date=_date(_header(message, "date")),
        text="" if body is None else _text(body),
        attachments=tuple(_attachment(part) for part in message.walk() if _is_attached(part, body)),
    )


def _is_attached(part: EmailMessage, body: MIMEPart | None) -> bool:
    is_shown = part is body or (part.get_content_type() == "text/html" and not part.get_filename())
    return not part.is_multipart() and not is_shown


def _attachment(part: EmailMessage) -> Attachment:
    payload = part.get_payload(decode=True)
    kind = part.get_content_type()
    name = part.get_filename() or ("invitation.ics" if kind == "text/calendar" else "attachment")
    return Attachment(name=name, kind=kind, content=payload if isinstance(payload, bytes) else b"")


def _text(part: MIMEPart) -> str:
    payload = part.get_payload(decode=True)
    charset = part.get_content_charset("utf-8")
    try:
        return payload.decode(charset, "replace") if isinstance(payload, bytes) else ""
    except LookupError:
        return payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""


def _header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, ""))


def _date(value: str) -> str:
    try:
        return parsedate_to_datetime(value).strftime("%Y-%m-%d %H:%M:%S %z")
    except ValueError:
        return value


def _plain(letter: Letter) -> dict[str, object]:
    return {
        "id": letter.id,
        "from": letter.sender,
        "to": letter.to,
        "subject": letter.subject,
        "date": letter.date,
        "text": letter.text,
        "attachments": [{"name": each.name, "type": each.kind, "text": each.shown} for each in letter.attachments],
    }


if __name__ == "__main__":
    typer.run(main)
