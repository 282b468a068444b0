"""What a text message says: who it is from, when, one link, in the reader's language and zone. Nothing clinical."""

from collections.abc import Mapping
from dataclasses import dataclass

from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_possible_number, parse

from telehealth.core.time import parse_zone
from telehealth.http.locales import Locale, Locales
from telehealth.notifications.ports import Text
from telehealth.notifications.rules import Facts, MessageKind
from telehealth.notifications.wishes import Meant
from telehealth.notifications.wording import OPEN, Wording, filled

K = MessageKind


class NoNumber(ValueError):
    """What stands there cannot be a number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextDesk:
    """What every text message is written with; `region` is where a number without + is."""

    locales: Locales
    public_url: str
    region: str

    def write(self, facts: Facts) -> Text:
        """The text message for one reader. Raises NoNumber."""
        reader = facts.reader
        locale = self.locales.negotiate(accept=reader.language)
        start = facts.visit.starts_at if facts.visit else facts.offered.offer.start if facts.offered else None
        said = {
            "when": "" if start is None else locale.format_brief(start, parse_zone(reader.time_zone)),
            "link": f"{self.public_url}{facts.path}",
            "clinic": facts.clinic.name if facts.clinic else "",
            "delay": locale.format_minutes(facts.delay),
        }
        words = facts.published.get(locale.code) or catalogue(facts.message.kind, locale)
        return Text(
            id=str(facts.message.id), recipient=to_e164(reader.phone or "", self.region), text=text(words, said)
        )


def text(words: Wording, said: Mapping[str, str]) -> str:
    """As it is sent: a clinic without a name leaves no colon behind."""
    return filled(words.body, said).strip(": ")


def catalogue(kind: MessageKind, locale: Locale) -> Wording:
    """The words of the house in that language. Raises ValueError for what is not told by text message."""
    _ = locale.gettext
    said = {
        K.INVITATION: _("%(clinic)s: Your video visit is on %(when)s. Join here: %(link)s"),
        K.MOVED: _("%(clinic)s: Your video visit has moved to %(when)s. Join here: %(link)s"),
        K.REMINDER: _("%(clinic)s: Reminder: your video visit is on %(when)s. Join here: %(link)s"),
        K.JOIN_NOW: _("%(clinic)s: It is time for your video visit. Join now: %(link)s"),
        K.RUNNING_LATE: _("%(clinic)s: Your video visit begins about %(delay)s late. Join here: %(link)s"),
        K.CANCELLATION: _("%(clinic)s: Your video visit on %(when)s is cancelled."),
        K.TIME_TO_CHOOSE: _("%(clinic)s: Please choose a time for your video visit: %(link)s"),
        K.OFFER: _("%(clinic)s: A video visit is possible on %(when)s. Answer here: %(link)s"),
        K.AFTER_VISIT_SUMMARY: _("%(clinic)s: Your after-visit summary is ready. Read it here: %(link)s"),
        K.QUESTIONS_ASKED: _("%(clinic)s: We have a few questions for you. Answer here: %(link)s"),
        K.QUESTIONS_OPEN: _("%(clinic)s: Reminder: a few questions wait for your answer: %(link)s"),
        K.TO_DO: _("%(clinic)s: There is something for you to do. See what it is: %(link)s"),
        K.TO_DO_OPEN: _("%(clinic)s: Reminder: something still waits for you: %(link)s"),
        K.SURVEY: _("%(clinic)s: How was your video visit? If you like, tell us here: %(link)s"),
    }
    if kind not in said:
        raise ValueError(f"{kind} is not told by text message")
    return Wording("", said[kind] % OPEN)


def answer_to(locale: Locale, meant: Meant, *, clinic: str, phone: str) -> str:
    """What somebody hears who has texted back."""
    _ = locale.gettext
    said = {
        Meant.STOP: _("You get no more text messages from us. Your visits stay as they are. START to get them again."),
        Meant.START: _("You get text messages from us again. STOP to get none."),
        Meant.HELP: _("We write to you about your visits. STOP to get no more text messages."),
        Meant.OTHER: _("Nobody reads what is sent to this number."),
    }
    call = _("Help: %(phone)s") % {"phone": phone} if phone else ""
    return ": ".join(filter(None, (clinic, " ".join(filter(None, (said[meant], call))))))


def to_e164(number: str, region: str) -> str:
    """ITU-T E.164 with +, from how people write numbers in that region (ISO 3166-1, may be empty). Raises NoNumber."""
    try:
        parsed = parse(number, region or None)
    except NumberParseException:
        raise NoNumber from None
    if not is_possible_number(parsed):
        raise NoNumber
    return format_number(parsed, PhoneNumberFormat.E164)
