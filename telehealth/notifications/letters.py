"""What a message says, in the reader's language and zone. Subjects tell a time at most: they are read by anyone."""

from dataclasses import dataclass
from typing import assert_never
from zoneinfo import ZoneInfo

from telehealth.http.locales import Locale
from telehealth.notifications.rules import MessageKind
from telehealth.people.rules import Clinic, Clinician, Patient
from telehealth.visits.rules import Visit

K = MessageKind


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Who reads, in which language and zone."""

    name: str
    email: str | None
    locale: Locale
    zone: ZoneInfo


def to_patient(kind: MessageKind, visit: Visit, *, reader: Reader, clinician: str, clinic: Clinic, link: str) -> Letter:
    """About their visit; `link` is their personal link."""
    _ = reader.locale.gettext
    when = reader.locale.format_datetime(visit.starts_at, reader.zone)
    match kind:
        case K.INVITATION:
            subject = _("Your video visit: %(when)s")
            first = _("Your video visit with %(clinician)s is on %(when)s.")
        case K.MOVED:
            subject = _("Your video visit has moved: %(when)s")
            first = _("Your video visit with %(clinician)s has moved. It is now on %(when)s.")
        case K.REMINDER:
            subject = _("Reminder of your video visit: %(when)s")
            first = _("This is a reminder of your video visit with %(clinician)s on %(when)s.")
        case _:
            subject = _("Your video visit is cancelled: %(when)s")
            first = _("Your video visit with %(clinician)s on %(when)s is cancelled. You do not have to do anything.")
    parts = [_greeting(reader), first % {"clinician": clinician, "when": when}]
    if kind is not K.CANCELLATION:
        parts += [how_to_join(reader.locale), link]
    return Letter(subject % {"when": when}, _letter(*parts, _help(reader.locale, clinic)))


def to_clinician(kind: MessageKind, visit: Visit, *, reader: Reader, link: str) -> Letter:
    """About a visit of theirs; who the patient is stands behind the link."""
    _ = reader.locale.gettext
    when = {"when": reader.locale.format_datetime(visit.starts_at, reader.zone)}
    match kind:
        case K.INVITATION:
            subject, first = _("New video visit: %(when)s"), _("A video visit was booked with you: %(when)s.")
        case K.MOVED:
            subject, first = _("Video visit moved: %(when)s"), _("A video visit of yours is now on %(when)s.")
        case _:
            subject = _("Video visit cancelled: %(when)s")
            first = _("The video visit on %(when)s is cancelled.")
    parts = [_greeting(reader), first % when]
    return Letter(subject % when, _letter(*parts, "" if kind is K.CANCELLATION else link))


def about_task(kind: MessageKind, *, reader: Reader, link: str) -> Letter:
    """A follow-up task that wants its owner; what it says stands behind the link."""
    _ = reader.locale.gettext
    match kind:
        case K.FOLLOW_UP_DUE:
            subject, first = _("A follow-up task is due"), _("A follow-up task of yours is due today.")
        case K.FOLLOW_UP_OPEN:
            subject, first = _("A follow-up task is still open"), _("A follow-up task of yours is due and still open.")
        case K.FOLLOW_UP_OVERDUE:
            subject = _("A follow-up task is overdue")
            first = _("A follow-up task of yours has been due for days and nobody has done it.")
        case K.INVITATION | K.MOVED | K.CANCELLATION | K.REMINDER:
            raise ValueError(f"{kind} is not about a task")
        case never:
            assert_never(never)
    return Letter(subject, _letter(_greeting(reader), first, _("You find it on your board:"), link))


def title(locale: Locale) -> str:
    """What a calendar shows: no name, no clinical word."""
    return locale.gettext("Video visit")


def how_to_join(locale: Locale) -> str:
    return locale.gettext(
        "When it is time, open this link on a phone or computer with a camera. You need no account and nothing to"
        " install. You will be asked for your date of birth."
    )


def person(person: Patient | Clinician, locale: Locale) -> Reader:
    return Reader(name=person.name, email=person.email, locale=locale, zone=ZoneInfo(person.time_zone))


def _greeting(reader: Reader) -> str:
    return reader.locale.gettext("Hello %(name)s,") % {"name": reader.name}


def _help(locale: Locale, clinic: Clinic) -> str:
    if not clinic.phone:
        return clinic.name
    text = locale.gettext("If you have a question or something does not work, call %(phone)s.")
    return "\n".join(filter(None, (text % {"phone": clinic.phone}, clinic.name)))


def _letter(*parts: str) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"
