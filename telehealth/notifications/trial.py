"""What words would look like once they are sent: with sample data, in a language and a zone. Nothing is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from telehealth.http.locales import Locale
from telehealth.notifications import letters, texts
from telehealth.notifications.headlines import line, said_in_a_line, spoken
from telehealth.notifications.kinds import OF_A_LINE, Whom
from telehealth.notifications.letters import Voice
from telehealth.notifications.rules import Channel
from telehealth.notifications.segments import segments
from telehealth.notifications.slots import BUDGET, Words
from telehealth.notifications.wording import Fault, Wording, faults, letter
from telehealth.people.rules import Clinic

ZONES = (
    *("America/New_York", "Europe/Paris", "America/Sao_Paulo"),
    *("Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata"),
)
NAMES = {"en": "Mary Miller", "es": "Rosa Jiménez", "fr": "Hélène Girard", "ar": "فاطمة الزهراء"}
LATE = 20  # minutes
CLINICIAN = "Dr. Ada Lindqvist"
SAMPLE = datetime(2026, 9, 23, 14, 30, tzinfo=UTC)
SECRET = "Zk3vQm8XrT1pLw6YbN0cHs5DfJ9gKa2EiUo4RtVxWyM"  # noqa: S105 -- as long as those of personal links, of nobody


@dataclass(frozen=True, slots=True)
class House:
    """What every message of the house has in it."""

    public_url: str
    clinic: Clinic


@dataclass(frozen=True, slots=True)
class Drawn:
    """How it reads. `parts` are those of a text message on the air, at most so many; None of a mail."""

    subject: str
    body: str
    parts: int | None


def default(words: Words, locale: Locale) -> Wording:
    """The catalogue's words."""
    if words.channel is Channel.SMS:
        return texts.catalogue(words.kind, locale)
    if words.channel in OF_A_LINE:
        return Wording("", line(words.kind, words.whom, locale))
    return letters.catalogue(words.kind, words.whom, locale)


def drawn(words: Words, wording: Wording, house: House, voice: Voice, *, at: datetime = SAMPLE) -> Drawn:
    """As somebody in that language and zone would read it of a visit at that instant."""
    if words.channel is Channel.SMS:
        return Drawn("", _text(wording, house, voice, at), _parts(wording, house, voice.locale))
    if words.channel in OF_A_LINE:
        told = said_in_a_line(wording.body, _said(house, voice, at))
        if words.channel is Channel.PUSH:
            staff = words.whom is Whom.STAFF
            return Drawn(voice.locale.gettext("Video visits") if staff else house.clinic.name, told, None)
        ask = letters.where_to_ask(voice.locale, house.clinic.phone)
        return Drawn("", spoken(house.clinic.name, told, ask), None)
    shown = letter(wording, _said(house, voice, at))
    return Drawn(shown.subject, shown.body, None)


def wrong(words: Words, wording: Wording, house: House, locale: Locale) -> list[Fault]:
    """What keeps it from being published."""
    found = faults(wording, words.frame, language=locale.code)
    if words.channel is Channel.SMS and not found and (parts := _parts(wording, house, locale)) > BUDGET:
        found.append(Fault("body", 0, "segments", str(parts)))
    return found


def _said(house: House, voice: Voice, at: datetime) -> dict[str, str]:
    locale = voice.locale
    times = ("when", "until", "there", "instead_of", "kept_until", "answer_until")
    return {
        **{name: voice.time(at + timedelta(days=number)) for number, name in enumerate(times)},
        "there": Voice(locale, ZoneInfo("Asia/Kolkata")).time(at),
        "delay": locale.format_minutes(LATE),
        "greeting": letters.greeting(locale, NAMES[locale.code]),
        "clinician": CLINICIAN,
        "clinic": house.clinic.name,
        "phone": house.clinic.phone,
        "how": letters.how_to_accompany(locale),
        "link": _link(house),
    }


def _text(wording: Wording, house: House, voice: Voice, at: datetime) -> str:
    when = voice.locale.format_brief(at, voice.zone)
    said = {"when": when, "link": _link(house), "clinic": house.clinic.name}
    return texts.text(wording, {**said, "delay": voice.locale.format_minutes(LATE)})


def _link(house: House) -> str:
    return f"{house.public_url}/invited/{SECRET}"


def _parts(wording: Wording, house: House, locale: Locale) -> int:
    """The most there are, in the zones of the samples and all months."""
    return max(
        segments(_text(wording, house, Voice(locale, zone), at)) for zone in map(ZoneInfo, ZONES) for at in _year()
    )


def _year() -> Iterator[datetime]:
    return (SAMPLE.replace(month=month, day=28) for month in range(1, 13))
