"""What is said in one line: in a notification, which anyone may read, and by a caller, whom anyone may hear."""

import hashlib
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from telehealth.core.actors import Role
from telehealth.core.time import parse_zone
from telehealth.http.locales import Locale, Locales
from telehealth.notifications.kinds import About, Whom, about, whom
from telehealth.notifications.letters import Voice, catalogue, said, where_to_ask
from telehealth.notifications.ports import Call, Push, Urgency
from telehealth.notifications.rules import Facts, MessageKind
from telehealth.notifications.signature import proof_of
from telehealth.notifications.texts import to_e164
from telehealth.notifications.ways import is_pressing
from telehealth.notifications.wording import Wording, letter

# How long it is worth showing on a device that was off.
LASTS = timedelta(hours=24)
ALERT_LASTS = timedelta(minutes=10)
SHORTEST = timedelta(minutes=1)
TOPIC_OCTETS = 24  # 32 letters of base64url, as long as a topic may be (RFC 8030, section 5.4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A letter's subject, for who reads or hears nothing else of it; `help` is where to ask, if anywhere."""

    language: str
    direction: str
    sender: str
    text: str
    help: str


def headline_of(facts: Facts, locales: Locales) -> Headline:
    """What is said in one line, in the reader's language and zone: as published, or what a mail has as its subject."""
    reader, message, phone = facts.reader, facts.message, facts.clinic.phone if facts.clinic else ""
    voice = Voice(locales.negotiate(accept=reader.language), parse_zone(reader.time_zone))
    published = facts.published.get(voice.locale.code)
    words = line(message.kind, whom(message.recipient_role), voice.locale) if published is None else published.body
    return Headline(
        language=voice.locale.tag,
        direction=voice.locale.direction,
        sender=voice.locale.gettext("Video visits"),
        text=said_in_a_line(words, said(facts, voice, "")),
        help=where_to_ask(voice.locale, phone),
    )


def line(kind: MessageKind, to: Whom, locale: Locale) -> str:
    """The words of the house for a notification or a call, with their places."""
    return catalogue(kind, to, locale).subject


def said_in_a_line(words: str, values: Mapping[str, str]) -> str:
    return letter(Wording(words, ""), values).subject


@dataclass(frozen=True, slots=True, kw_only=True)
class PushDesk:
    """What every notification is written with. `key` proves to us that the device which says so has shown it."""

    locales: Locales
    key: str

    def write(self, facts: Facts, *, now: datetime) -> Push:
        """The notification for one person: a line, and where it leads. Nothing of it can be read on the way."""
        message, said = facts.message, headline_of(facts, self.locales)
        is_alert = about(message.kind) is About.ALERT
        topic = _topic(message.recipient_id.bytes + message.subject_id.bytes)
        words = {
            "title": facts.clinic.name if facts.clinic else said.sender,
            "body": said.text,
            "lang": said.language,
            "dir": said.direction,
            "tag": topic,
            "stays": is_alert or is_pressing(message.ahead),
            "path": facts.path or ("/day" if message.recipient_role is Role.CLINICIAN else "/visit"),
            "shown": f"/v1/messages/{message.id}/shown/{proof_of(self.key, message.id)}",
        }
        return Push(
            id=str(message.id),
            words=json.dumps(words, ensure_ascii=False),
            lasts=_lasts(facts, now),
            urgency=Urgency.HIGH if words["stays"] else Urgency.NORMAL,
            topic=topic,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDesk:
    """What every call is written with; `region` is where a number without + is."""

    locales: Locales
    region: str

    def write(self, facts: Facts) -> Call:
        """The call to one reader: who it is from, one line, and where to ask. Raises NoNumber."""
        said = headline_of(facts, self.locales)
        clinic = facts.clinic.name if facts.clinic else said.sender
        return Call(
            id=str(facts.message.id),
            kind=facts.message.kind.value,
            language=said.language,
            number=to_e164(facts.reader.phone or "", self.region),
            words=spoken(clinic, said.text, said.help),
        )


def spoken(*parts: str) -> str:
    """As it is said, a sentence after the other."""
    return " ".join(f"{each.rstrip('.')}." for each in parts if each)


def _lasts(facts: Facts, now: datetime) -> timedelta:
    if about(facts.message.kind) is About.ALERT:
        return ALERT_LASTS
    until = facts.until or (facts.visit.ends_at if facts.visit else None)
    return LASTS if until is None else max(SHORTEST, min(LASTS, until - now))


def _topic(subject: bytes) -> str:
    """One for all that is told to somebody of one thing: of two the later counts. It says nothing of what that is."""
    return urlsafe_b64encode(hashlib.sha256(subject).digest()[:TOPIC_OCTETS]).decode()
