"""`telehealth doctor`: asks every neighbour the settings name, and says what to do about those who do not answer."""

import json
import socket
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from urllib.parse import urlsplit

from alembic.util.exc import CommandError
from kombu.connection import Connection
from kombu.exceptions import OperationalError as BrokerError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from telehealth.bootstrap import record_targets
from telehealth.cli.errors import CannotStart
from telehealth.cli.house import in_house
from telehealth.cli.migrate import heads
from telehealth.cli.readiness import LANES, http_status, served_lanes
from telehealth.cli.redrive import count_stuck
from telehealth.notifications.web_push import read_key
from telehealth.settings.environment import read_settings
from telehealth.settings.given import SettingsError
from telehealth.settings.house import Settings
from telehealth.tasks.work import Lane

PATIENCE = 3.0
"""Seconds one neighbour has to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    is_ok: bool
    detail: str
    fix: str = ""


def examine(env: Mapping[str, str]) -> list[Finding]:
    """One finding a check, in the order of the way a request takes. Never shows an address's password."""
    try:
        settings = read_settings(env)
        _ = settings.push_url
    except SettingsError as error:
        return [Finding("settings", False, str(error), "Correct the names; `telehealth settings` lists them all.")]
    checks: tuple[Callable[[Settings], Finding], ...] = (_mail, _texts, _notifications, _calls, _record_service, _media)
    database = _database(settings)
    stuck = _stuck(settings) if database.is_ok else []
    captions = [examine_captions(settings.captions_url)] if settings.captions_url else []
    ways = [_broker(settings), *_workers(settings), *(check(settings) for check in checks)]
    return [Finding("settings", True, "complete"), database, *stuck, *ways, *captions]


def report(findings: list[Finding], *, is_json: bool) -> None:
    console = Console(markup=False, highlight=False, soft_wrap=True)
    if is_json:
        ok = all(each.is_ok for each in findings)
        console.print(json.dumps({"ok": ok, "findings": [asdict(each) for each in findings]}, indent=2))
        return
    for each in findings:
        console.print(
            f"{'ok  ' if each.is_ok else 'FAIL'}  {each.check}: {each.detail}", style="" if each.is_ok else "red"
        )
        if not each.is_ok:
            console.print(f"      {each.fix}")


def _database(settings: Settings) -> Finding:
    try:
        has, wanted = heads(settings.database_url.get_secret_value())
    except SQLAlchemyError as error:
        fix = "Start PostgreSQL, or correct DATABASE_URL."
        return Finding("database", False, f"no answer ({type(error).__name__})", fix)
    except (CannotStart, CommandError) as error:
        return Finding("database", False, str(error), "Run from a checkout of the release that is installed.")
    if has != wanted:
        return Finding("database", False, f"schema {_names(has)}, wanted {_names(wanted)}", "Run `telehealth migrate`.")
    return Finding("database", True, f"answers, schema {_names(has)}")


def _stuck(settings: Settings) -> list[Finding]:
    try:
        found = in_house(settings, count_stuck)
    except (CannotStart, ValueError) as error:
        return [Finding("waiting", False, f"cannot be counted ({type(error).__name__})", "Correct the settings above.")]
    return [
        _none_of("outbox", found.outbox, "parked after too many failures"),
        _none_of("deliveries", found.deliveries, "to the record service held or dead"),
    ]


def _none_of(check: str, number: int, what: str) -> Finding:
    fix = "Mend what the log of the worker tells, then run `telehealth redrive`."
    return Finding(check, number == 0, f"{number or 'none'} {what}", fix if number else "")


def _broker(settings: Settings) -> Finding:
    try:
        broker = settings.broker_url.get_secret_value()
        with Connection(broker, connect_timeout=PATIENCE) as connection:  # type: ignore[no-untyped-call]
            connection.ensure_connection(max_retries=1, timeout=PATIENCE)
    except (BrokerError, OSError) as error:
        fix = "Start Valkey, Redis or RabbitMQ, or correct BROKER_URL."
        return Finding("broker", False, f"no answer ({type(error).__name__})", fix)
    return Finding("broker", True, "answers")


def _workers(settings: Settings) -> list[Finding]:
    served = served_lanes(settings.broker_url.get_secret_value())
    return [_served(name, lane, is_ok=lane in served) for name, lane in LANES.items()]


def _served(name: str, lane: Lane, *, is_ok: bool) -> Finding:
    if is_ok:
        return Finding(name, True, "answers")
    return Finding(name, False, f"no worker takes from {lane}", f"Start the `{name}` line of the Procfile.")


def _mail(settings: Settings) -> Finding:
    parts = urlsplit(settings.smtp_url.get_secret_value())
    usual = 465 if parts.scheme == "smtps" else 587 if "starttls" in parts.scheme else 25
    address = (parts.hostname or "127.0.0.1", parts.port or usual)
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except OSError as error:
        detail = f"{address[0]}:{address[1]} does not answer ({error.strerror or 'no such name'})"
        return Finding("mail", False, detail, "Start the mail server, or correct SMTP_URL.")
    return Finding("mail", True, f"{address[0]}:{address[1]} answers")


def _texts(settings: Settings) -> Finding:
    return _neighbour("text messages", settings.sms_url, "Correct SMS_URL, or ask the gateway.")


def _calls(settings: Settings) -> Finding:
    return _neighbour("calls", settings.caller_url, "Correct TELEHEALTH_CALLER_URL, or start the caller.")


def _neighbour(check: str, url: str, fix: str) -> Finding:
    """Whether somebody listens there; what they would do with a message, only a message tells."""
    if not url:
        return Finding(check, True, "none are sent: nothing is set up")
    parts = urlsplit(url)
    address = (parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443))
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except OSError as error:
        detail = f"{address[0]}:{address[1]} does not answer ({error.strerror or 'no such name'})"
        return Finding(check, False, detail, fix)
    return Finding(check, True, f"{address[0]}:{address[1]} answers")


def _notifications(settings: Settings) -> Finding:
    """Push services are those of the browsers: there is nobody to ask."""
    if settings.push_private_key is None:
        return Finding("notifications", True, "none are sent: TELEHEALTH_PUSH_PRIVATE_KEY is not set")
    try:
        read_key(settings.push_private_key.get_secret_value())
    except ValueError as error:
        fix = "Give a private P-256 key as a JWK; `telehealth up` makes one."
        return Finding("notifications", False, str(error), fix)
    return Finding("notifications", True, "browsers can ask for them")


def _record_service(settings: Settings) -> Finding:
    try:
        targets = record_targets(settings)
    except ValueError as error:
        return Finding("record service", False, str(error), "Correct TELEHEALTH_RECORD_DESTINATIONS or _PROFILE.")
    for target in targets:
        status = http_status(f"{target.url}/metadata", PATIENCE)
        if status != 200:
            detail = "no answer" if status is None else f"/metadata answers {status}"
            named = detail if len(targets) == 1 else f"{target.name}: {detail}"
            fix = "Start it, or correct RECORD_SERVICE_URL (the FHIR base address)."
            return Finding("record service", False, named, fix)
    return Finding("record service", True, "/metadata answers")


def _media(settings: Settings) -> Finding:
    status = http_status(f"{settings.media_url.rstrip('/')}/healthz", PATIENCE)
    if status != 200:
        detail = "no answer" if status is None else f"/healthz answers {status}"
        return Finding(
            "media", False, detail, "Start the `media` line of the Procfile, or correct TELEHEALTH_MEDIA_URL."
        )
    return Finding("media", True, "/healthz answers")


def examine_captions(address: str) -> Finding:
    """Of the speech engine; at its address for English, where that differs by language."""
    try:
        url = address.replace("{language}", "en")
        with connect(url, proxy=None, compression=None, open_timeout=PATIENCE, close_timeout=PATIENCE):
            pass
    except (OSError, WebSocketException, ValueError) as error:
        detail = f"the speech engine does not answer ({type(error).__name__})"
        return Finding("captions", False, detail, "Start it, or correct TELEHEALTH_CAPTIONS_URL.")
    return Finding("captions", True, "the speech engine answers")


def _names(revisions: set[str]) -> str:
    return ", ".join(sorted(revisions)) or "none"
