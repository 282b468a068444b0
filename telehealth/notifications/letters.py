"""What a message says, in the reader's language and zone. Subjects tell a time at most: they are read by anyone."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from telehealth.core.actors import Role
from telehealth.core.time import parse_zone
from telehealth.http.locales import Locale, Locales
from telehealth.notifications.invitations import Occasion, invite
from telehealth.notifications.ports import Invite, Mail, Method
from telehealth.notifications.rules import OF_ALERTS, Facts, MessageKind, OfferedTime
from telehealth.people.rules import Clinic
from telehealth.scheduling.calendars.rules import domain_of
from telehealth.scheduling.waitlist.rules import OfferMode
from telehealth.visits.participants.rules import LINK_PATHS, Identity

K = MessageKind


@dataclass(frozen=True, slots=True)
class Letter:
    subject: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What every letter is written with."""

    locales: Locales
    public_url: str
    mail_from: str

    def write(self, facts: Facts, *, now: datetime) -> Mail:
        """The mail for one reader, in their language and zone. Raises ValueError without an address."""
        reader = facts.reader
        if not reader.email:
            raise ValueError("nowhere to send it")
        voice = Voice(self.locales.negotiate(accept=reader.language), parse_zone(reader.time_zone))
        link = f"{self.public_url}{facts.path}" if facts.path else ""
        letter = _letter_of(facts, voice, link or f"{self.public_url}/day")
        return Mail(
            id=str(facts.message.id),
            sender=self.mail_from,
            recipient=reader.email,
            subject=letter.subject,
            text=letter.text,
            language=voice.locale.tag,
            at=now,
            invite=self._invite(facts, voice, link=link, now=now),
            stop_url=f"{self.public_url}{facts.stop}" if facts.stop else "",
        )

    def _invite(self, facts: Facts, voice: "Voice", *, link: str, now: datetime) -> Invite | None:
        if facts.visit is None or facts.message.kind is K.REMINDER:
            return None
        occasion = Occasion(
            title=voice.locale.gettext("Video visit"),
            text=_how(facts, voice.locale),
            link=link,
            organizer=self.mail_from,
            attendee=facts.reader.email or "",
            zone=voice.zone,
            domain=domain_of(self.public_url),
        )
        method = Method.CANCEL if facts.message.kind is K.CANCELLATION else Method.REQUEST
        return invite(facts.visit, occasion, method=method, now=now)


@dataclass(frozen=True, slots=True)
class Voice:
    locale: Locale
    zone: ZoneInfo


def _letter_of(facts: Facts, voice: Voice, link: str) -> Letter:
    if facts.offered is not None:
        return _about_offer(facts, facts.offered, voice, link)
    if facts.until is not None:
        to_read = facts.message.kind is K.AFTER_VISIT_SUMMARY
        until = voice.locale.format_datetime(facts.until, voice.zone)
        return (_to_read if to_read else _to_choose)(facts, voice, link=link, until=until)
    if facts.visit is None:
        return (_about_alert if facts.message.kind in OF_ALERTS else _about_task)(facts, voice, link)
    when = voice.locale.format_datetime(facts.visit.starts_at, voice.zone)
    if facts.message.recipient_role is Role.CLINICIAN:
        return _to_clinician(facts, voice, when=when, link=link)
    if facts.message.recipient_role is Role.GUEST:
        return _to_companion(facts, voice, when=when, link=link)
    return _to_patient(facts, voice, when=when, link=link)


def _to_patient(facts: Facts, voice: Voice, *, when: str, link: str) -> Letter:
    """About their visit; the link is their personal one."""
    _ = voice.locale.gettext
    kind = facts.message.kind
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
    parts = [_greeting(facts, voice), first % {"clinician": facts.clinician, "when": when}]
    if kind is not K.CANCELLATION:
        parts += [_how_to_join(voice.locale), link]
    return Letter(subject % {"when": when}, _letter(*parts, _help(voice.locale, facts.clinic)))


def _to_companion(facts: Facts, voice: Voice, *, when: str, link: str) -> Letter:
    """About a visit they are invited to take part in; whose visit it is, the letter does not say."""
    _ = voice.locale.gettext
    match facts.message.kind:
        case K.CANCELLATION:
            subject = _("The video visit is cancelled: %(when)s")
            first = _("The video visit with %(clinician)s on %(when)s is cancelled. You do not have to do anything.")
        case K.MOVED:
            subject = _("The video visit has moved: %(when)s")
            first = _("The video visit with %(clinician)s has moved. It is now on %(when)s.")
        case _:
            subject = _("You are invited to a video visit: %(when)s")
            first = _("You are invited to take part in a video visit with %(clinician)s on %(when)s.")
    parts = [_greeting(facts, voice), first % {"clinician": facts.clinician, "when": when}]
    if facts.message.kind is not K.CANCELLATION:
        parts += [_how(facts, voice.locale), link]
    return Letter(subject % {"when": when}, _letter(*parts, _help(voice.locale, facts.clinic)))


def _to_clinician(facts: Facts, voice: Voice, *, when: str, link: str) -> Letter:
    """About a visit of theirs; who the patient is stands behind the link."""
    _ = voice.locale.gettext
    kind, named = facts.message.kind, {"when": when}
    match kind:
        case K.INVITATION:
            subject, first = _("New video visit: %(when)s"), _("A video visit was booked with you: %(when)s.")
        case K.MOVED:
            subject, first = _("Video visit moved: %(when)s"), _("A video visit of yours is now on %(when)s.")
        case _:
            subject = _("Video visit cancelled: %(when)s")
            first = _("The video visit on %(when)s is cancelled.")
    parts = [_greeting(facts, voice), first % named]
    return Letter(subject % named, _letter(*parts, "" if kind is K.CANCELLATION else link))


def _to_read(facts: Facts, voice: Voice, *, link: str, until: str) -> Letter:
    """There is something for the patient to read after the visit; what it says stands behind the link."""
    _ = voice.locale.gettext
    ready = _("Your after-visit summary is ready. Open this link to read it. You will be asked for your date of birth.")
    last = _("You can read it until %(time)s.") % {"time": until}
    parts = (_greeting(facts, voice), ready, link, last, _help(voice.locale, facts.clinic))
    return Letter(_("Your after-visit summary is ready"), _letter(*parts))


def _to_choose(facts: Facts, voice: Voice, *, link: str, until: str) -> Letter:
    """The patient is asked to choose a time; the link is their own."""
    _ = voice.locale.gettext
    parts = [
        _greeting(facts, voice),
        _("Please choose a time for your video visit. Open this link and pick the time that suits you."),
        link,
        _("You will be asked for your date of birth. The link works until %(until)s.") % {"until": until},
        _help(voice.locale, facts.clinic),
    ]
    return Letter(_("Choose a time for your video visit"), _letter(*parts))


def _about_task(facts: Facts, voice: Voice, link: str) -> Letter:
    """A follow-up task that wants its owner; what it says stands behind the link."""
    _ = voice.locale.gettext
    kind = facts.message.kind
    match kind:
        case K.FOLLOW_UP_DUE:
            subject, first = _("A follow-up task is due"), _("A follow-up task of yours is due today.")
        case K.FOLLOW_UP_OPEN:
            subject, first = _("A follow-up task is still open"), _("A follow-up task of yours is due and still open.")
        case K.FOLLOW_UP_OVERDUE:
            subject = _("A follow-up task is overdue")
            first = _("A follow-up task of yours has been due for days and nobody has done it.")
        case _:
            raise ValueError(f"{kind} is not about a task")
    return Letter(subject, _letter(_greeting(facts, voice), first, _("You find it on your board:"), link))


def _about_alert(facts: Facts, voice: Voice, link: str) -> Letter:
    """Something that somebody has to see to now; who it is about stands behind the link."""
    _ = voice.locale.gettext
    kind = facts.message.kind
    match kind:
        case K.WAITING_FOR_YOU:
            subject, first = (
                _("Someone is waiting for you"),
                _("Someone is in your waiting room and has not been let in."),
            )
        case K.WAITING_UNANSWERED:
            subject = _("Someone is waiting and nobody has answered")
            first = _("Someone is in the waiting room, and whoever was told before you has not answered.")
        case K.HELD_UP:
            subject = _("Someone is held up before their visit")
            first = _(
                "Someone has come to their visit and is not in the waiting room yet, though it is time. Please help."
            )
        case K.LINK_LOCKED:
            subject = _("Someone cannot open their visit")
            first = _("A personal link is locked after several wrong answers. Please call the person.")
        case K.UNJOINABLE:
            subject = _("A video visit cannot be joined yet")
            first = _("As things stand, a video visit of the next day could not be joined.")
        case K.HOUSE_UNREADY:
            subject = _("Video visits cannot be joined yet")
            first = _("As things stand, the video visits of the next day could not be joined: something is not set up.")
        case _:
            raise ValueError(f"{kind} is not about an alert")
    last = _("Whoever sees to it presses the button beside it, so that nobody else is told:")
    return Letter(subject, _letter(_greeting(facts, voice), first, last, link))


def _about_offer(facts: Facts, offered: OfferedTime, voice: Voice, link: str) -> Letter:
    """A time that came free, for a patient who waits; the link is for their answer."""
    _ = voice.locale.gettext
    offer, theirs = offered.offer, parse_zone(offered.time_zone)
    said = {"clinician": facts.clinician, "when": voice.locale.format_datetime(offer.start, voice.zone)}
    parts = [_greeting(facts, voice), _("A video visit with %(clinician)s is possible on %(when)s.") % said]
    if theirs.key != voice.zone.key:
        there = {"when": voice.locale.format_datetime(offer.start, theirs)}
        parts.append(_("Where your clinician is, that is %(when)s.") % there)
    if offered.instead_of is not None:
        given_up = {"when": voice.locale.format_datetime(offered.instead_of, voice.zone)}
        parts.append(_("If you take it, it replaces your visit on %(when)s.") % given_up)
    parts += [_("Open this link to take the time or to say no. You will be asked for your date of birth."), link]
    parts += [_answer_until(offered, voice), _("If you do nothing, you keep your place on the waitlist.")]
    return Letter(_("A time is free for you: %(when)s") % said, _letter(*parts, _help(voice.locale, facts.clinic)))


def _answer_until(offered: OfferedTime, voice: Voice) -> str:
    _ = voice.locale.gettext
    until = {"time": voice.locale.format_datetime(offered.offer.expires_at, voice.zone)}
    if offered.offer.mode is OfferMode.EXCLUSIVE:
        return _("It is kept for you until %(time)s.") % until
    return _("Others are asked too: whoever answers first has it. You can answer until %(time)s.") % until


def _how(facts: Facts, locale: Locale) -> str:
    """How this reader joins: by the name they were invited by, or by the patient's date of birth."""
    match facts.message.recipient_role:
        case Role.CLINICIAN:
            return ""
        case Role.PATIENT:
            return _how_to_join(locale)
    if facts.path.startswith(LINK_PATHS[Identity.BIRTH_DATE]):
        return _how_to_act(locale)
    return locale.gettext(
        "When it is time, open this link on a phone or computer. You need no account and nothing to install. You will"
        " be asked for your name. The link is yours alone: please do not pass it on."
    )


def _how_to_act(locale: Locale) -> str:
    return locale.gettext(
        "When it is time, open this link on a phone or computer with a camera. You need no account and nothing to"
        " install. You will be asked for the patient's date of birth."
    )


def _how_to_join(locale: Locale) -> str:
    return locale.gettext(
        "When it is time, open this link on a phone or computer with a camera. You need no account and nothing to"
        " install. You will be asked for your date of birth."
    )


def _greeting(facts: Facts, voice: Voice) -> str:
    _ = voice.locale.gettext
    return _("Hello %(name)s,") % {"name": facts.reader.name} if facts.reader.name else _("Hello,")


def _help(locale: Locale, clinic: Clinic | None) -> str:
    if clinic is None or not clinic.phone:
        return ""
    text = locale.gettext("If you have a question or something does not work, call %(phone)s.")
    return "\n".join(filter(None, (text % {"phone": clinic.phone}, clinic.name)))


def _letter(*parts: str) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"
