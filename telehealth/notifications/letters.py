"""What a mail says, in the reader's language and zone. Subjects tell a time at most: they are read by anyone.

`catalogue` has the words of the house, `said` what stands in their places for one reader.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from telehealth.core.actors import Role
from telehealth.core.time import parse_zone
from telehealth.http.locales import Locale, Locales
from telehealth.notifications.invitations import Occasion, invite
from telehealth.notifications.kinds import KINDS, TO_WHOEVER, About, Purpose, Whom, about, whom
from telehealth.notifications.ports import Invite, Mail, Method
from telehealth.notifications.rules import Facts, MessageKind
from telehealth.notifications.wording import OPEN, Wording, letter
from telehealth.scheduling.calendars.rules import domain_of
from telehealth.scheduling.waitlist.rules import OfferMode
from telehealth.visits.participants.rules import LINK_PATHS, Identity

K = MessageKind


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
        words = facts.published.get(voice.locale.code) or catalogue(
            facts.message.kind, whom(facts.message.recipient_role), voice.locale
        )
        written = letter(words, said(facts, voice, link or f"{self.public_url}/day"))
        stop = f"{self.public_url}{facts.stop}" if facts.stop else ""
        return Mail(
            id=str(facts.message.id),
            sender=self.mail_from,
            recipient=reader.email,
            subject=written.subject,
            text=written.body + _unasked(facts, voice.locale, stop),
            language=voice.locale.tag,
            at=now,
            invite=self._invite(facts, voice, link=link, now=now),
            stop_url=stop,
        )

    def _invite(self, facts: Facts, voice: "Voice", *, link: str, now: datetime) -> Invite | None:
        if facts.visit is None or not KINDS[facts.message.kind].in_calendars:
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


def _unasked(facts: Facts, locale: Locale, stop: str) -> str:
    """Under a message that nobody waits for: how to get no more of them, whatever the clinic's own words are."""
    if not stop or KINDS[facts.message.kind].purpose is not Purpose.SURVEYS:
        return ""
    return "\n" + locale.gettext("To get no more messages of this kind, open this link:") + f"\n{stop}\n"


def where_to_ask(locale: Locale, phone: str) -> str:
    return _where_to_ask(locale) % {"phone": phone} if phone else ""


@dataclass(frozen=True, slots=True)
class Voice:
    locale: Locale
    zone: ZoneInfo

    def time(self, instant: datetime) -> str:
        return self.locale.format_datetime(instant, self.zone)


def said(facts: Facts, voice: Voice, link: str) -> dict[str, str]:
    """What stands in the places of a mail; a place that is not among them has nothing to say."""
    values = {"greeting": greeting(voice.locale, facts.reader.name), "link": link, "clinician": facts.clinician}
    values["how"] = _how(facts, voice.locale)
    if facts.clinic is not None:
        values |= {"clinic": facts.clinic.name, "phone": facts.clinic.phone}
    if facts.visit is not None:
        values["when"] = voice.time(facts.visit.starts_at)
    if facts.delay:
        values["delay"] = voice.locale.format_minutes(facts.delay)
    if facts.until is not None:
        values["until"] = voice.time(facts.until)
    if facts.offered is not None:
        offer, theirs = facts.offered.offer, parse_zone(facts.offered.time_zone)
        kept = "kept_until" if offer.mode is OfferMode.EXCLUSIVE else "answer_until"
        values |= {"when": voice.time(offer.start), kept: voice.time(offer.expires_at)}
        if theirs.key != voice.zone.key:
            values["there"] = Voice(voice.locale, theirs).time(offer.start)
        if facts.offered.instead_of is not None:
            values["instead_of"] = voice.time(facts.offered.instead_of)
    return values


def catalogue(kind: MessageKind, to: Whom, locale: Locale) -> Wording:
    """The words of the house in that language. Raises KeyError or ValueError for what they are not told."""
    return WRITTEN[to, about(kind)](kind, locale)


def _to_patient(kind: MessageKind, locale: Locale) -> Wording:
    """About their visit; the link is their personal one."""
    _ = locale.gettext
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
        case K.JOIN_NOW:
            subject = _("It is time for your video visit")
            first = _("It is time for your video visit with %(clinician)s. Please join now.")
        case K.RUNNING_LATE:
            subject = _("Your video visit begins later")
            first = _("Your video visit with %(clinician)s on %(when)s begins about %(delay)s late.")
        case K.CANCELLATION:
            subject = _("Your video visit is cancelled: %(when)s")
            first = _("Your video visit with %(clinician)s on %(when)s is cancelled. You do not have to do anything.")
        case _:
            raise ValueError(f"{kind} is not for patients")
    last = () if kind is K.CANCELLATION else (_how_to_join(locale), "{link}")
    return _wording(subject, "{greeting}", first, *last, _help(locale))


def _to_companion(kind: MessageKind, locale: Locale) -> Wording:
    """About a visit they are invited to take part in; whose visit it is, the letter does not say."""
    _ = locale.gettext
    match kind:
        case K.CANCELLATION:
            subject = _("The video visit is cancelled: %(when)s")
            first = _("The video visit with %(clinician)s on %(when)s is cancelled. You do not have to do anything.")
        case K.MOVED:
            subject = _("The video visit has moved: %(when)s")
            first = _("The video visit with %(clinician)s has moved. It is now on %(when)s.")
        case K.INVITATION:
            subject = _("You are invited to a video visit: %(when)s")
            first = _("You are invited to take part in a video visit with %(clinician)s on %(when)s.")
        case _:
            raise ValueError(f"{kind} is not for companions")
    last = () if kind is K.CANCELLATION else ("{how}", "{link}")
    return _wording(subject, "{greeting}", first, *last, _help(locale))


def _to_clinician(kind: MessageKind, locale: Locale) -> Wording:
    """About a visit of theirs; who the patient is stands behind the link."""
    _ = locale.gettext
    match kind:
        case K.INVITATION:
            subject, first = _("New video visit: %(when)s"), _("A video visit was booked with you: %(when)s.")
        case K.MOVED:
            subject, first = _("Video visit moved: %(when)s"), _("A video visit of yours is now on %(when)s.")
        case _:
            subject = _("Video visit cancelled: %(when)s")
            first = _("The video visit on %(when)s is cancelled.")
    return _wording(subject, "{greeting}", first, *(() if kind is K.CANCELLATION else ("{link}",)))


def _to_read(_kind: MessageKind, locale: Locale) -> Wording:
    """There is something for the patient to read after the visit; what it says stands behind the link."""
    _ = locale.gettext
    ready = _("Your after-visit summary is ready. Open this link to read it. You will be asked for your date of birth.")
    last = _("You can read it until %(time)s.") % {"time": "{until}"}
    return _wording(_("Your after-visit summary is ready"), "{greeting}", ready, "{link}", last, _help(locale))


def _to_choose(_kind: MessageKind, locale: Locale) -> Wording:
    """The patient is asked to choose a time; the link is their own."""
    _ = locale.gettext
    return _wording(
        _("Choose a time for your video visit"),
        "{greeting}",
        _("Please choose a time for your video visit. Open this link and pick the time that suits you."),
        "{link}",
        _("You will be asked for your date of birth. The link works until %(until)s."),
        _help(locale),
    )


def _to_answer(kind: MessageKind, locale: Locale) -> Wording:
    """The patient is asked something; what it is stands behind the link."""
    _ = locale.gettext
    if kind in (K.TO_DO, K.TO_DO_OPEN):
        return _to_do(kind, locale)
    if kind is K.QUESTIONS_OPEN:
        subject, first = _("A few questions wait for your answer"), _("We asked you a few questions.")
    else:
        subject, first = _("A few questions for you"), _("We have a few questions for you.")
    return _wording(
        subject,
        "{greeting}",
        f"{first} " + _("Open this link to answer them. It takes a minute. You will be asked for your date of birth."),
        "{link}",
        _("You can answer until %(time)s.") % {"time": "{until}"},
        _("Nobody reads your answers at once. If you feel worse, do not wait for us."),
        _help(locale),
    )


def _to_do(kind: MessageKind, locale: Locale) -> Wording:
    """The patient is asked to do something; what it is stands behind the link."""
    _ = locale.gettext
    if kind is K.TO_DO_OPEN:
        subject, first = _("Something still waits for you"), _("We asked you to do something.")
    else:
        subject, first = _("Something for you to do"), _("There is something for you to do.")
    return _wording(
        subject,
        "{greeting}",
        f"{first} " + _("Open this link to see what it is and to tell us once you have done it."),
        _("You will be asked for your date of birth."),
        "{link}",
        _("You have time until %(time)s.") % {"time": "{until}"},
        _help(locale),
    )


def _to_tell(_kind: MessageKind, locale: Locale) -> Wording:
    """The patient is asked how the visit was; they need not answer."""
    _ = locale.gettext
    return _wording(
        _("How was your video visit?"),
        "{greeting}",
        _("We would like to know how your video visit was. Open this link to tell us. It takes a minute.")
        + " "
        + _("You will be asked for your date of birth. You do not have to answer."),
        "{link}",
        _("You can answer until %(time)s.") % {"time": "{until}"},
        _help(locale),
    )


def _task(kind: MessageKind, locale: Locale) -> Wording:
    """A follow-up task that wants its owner; what it says stands behind the link."""
    _ = locale.gettext
    match kind:
        case K.FOLLOW_UP_DUE:
            subject, first = _("A follow-up task is due"), _("A follow-up task of yours is due today.")
        case K.FOLLOW_UP_OPEN:
            subject, first = _("A follow-up task is still open"), _("A follow-up task of yours is due and still open.")
        case K.FOLLOW_UP_OVERDUE:
            subject = _("A follow-up task is overdue")
            first = _("A follow-up task of yours was not done in its time.")
        case K.FOLLOW_UP_ESCALATED:
            subject = _("A follow-up task needs somebody")
            first = _("A follow-up task was not done in its time, and whoever was to do it has not answered.")
        case K.FOLLOW_UP_AT_ONCE:
            subject = _("A task needs somebody now")
            first = _("A follow-up task cannot wait, and it is for whoever is there.")
        case _:
            raise ValueError(f"{kind} is not for staff")
    asked = _("Whoever sees to it presses the button on this page, so that nobody else is told:")
    last = asked if kind in TO_WHOEVER else _("You find it on your board:")
    return _wording(subject, "{greeting}", first, last, "{link}")


def _about_alert(kind: MessageKind, locale: Locale) -> Wording:
    """Something that somebody has to see to now; who it is about stands behind the link."""
    _ = locale.gettext
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
        case _:
            subject = _("Video visits cannot be joined yet")
            first = _("As things stand, the video visits of the next day could not be joined: something is not set up.")
    last = _("Whoever sees to it presses the button beside it, so that nobody else is told:")
    return _wording(subject, "{greeting}", first, last, "{link}")


def _about_offer(_kind: MessageKind, locale: Locale) -> Wording:
    """A time that came free, for a patient who waits; the link is for their answer."""
    _ = locale.gettext
    return _wording(
        _("A time is free for you: %(when)s"),
        "{greeting}",
        _("A video visit with %(clinician)s is possible on %(when)s."),
        _("Where your clinician is, that is %(when)s.") % {"when": "{there}"},
        _("If you take it, it replaces your visit on %(when)s.") % {"when": "{instead_of}"},
        _("Open this link to take the time or to say no. You will be asked for your date of birth."),
        "{link}",
        _("It is kept for you until %(time)s.") % {"time": "{kept_until}"},
        _("Others are asked too: whoever answers first has it. You can answer until %(time)s.")
        % {"time": "{answer_until}"},
        _("If you do nothing, you keep your place on the waitlist."),
        _help(locale),
    )


def _how(facts: Facts, locale: Locale) -> str:
    """How this reader joins: by the name they were invited by, or by the patient's date of birth."""
    match facts.message.recipient_role:
        case Role.CLINICIAN:
            return ""
        case Role.PATIENT:
            return _how_to_join(locale)
    if facts.path.startswith(LINK_PATHS[Identity.BIRTH_DATE]):
        return _how_to_act(locale)
    return how_to_accompany(locale)


def how_to_accompany(locale: Locale) -> str:
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


def greeting(locale: Locale, name: str) -> str:
    _ = locale.gettext
    return _("Hello %(name)s,") % {"name": name} if name else _("Hello,")


def _help(locale: Locale) -> str:
    return "\n".join((_where_to_ask(locale) % OPEN, "{clinic}"))


def _where_to_ask(locale: Locale) -> str:
    return locale.gettext("If you have a question or something does not work, call %(phone)s.")


def _wording(subject: str, *parts: str) -> Wording:
    return Wording(subject % OPEN, "\n\n".join(part if "{" in part else part % OPEN for part in parts))


WRITTEN: Mapping[tuple[Whom, About], Callable[[MessageKind, Locale], Wording]] = {
    (Whom.PATIENT, About.VISIT): _to_patient,
    (Whom.COMPANION, About.VISIT): _to_companion,
    (Whom.STAFF, About.VISIT): _to_clinician,
    (Whom.PATIENT, About.OFFER): _about_offer,
    (Whom.PATIENT, About.CHOICE): _to_choose,
    (Whom.PATIENT, About.SUMMARY): _to_read,
    (Whom.PATIENT, About.QUESTIONS): _to_answer,
    (Whom.PATIENT, About.SURVEY): _to_tell,
    (Whom.STAFF, About.TASK): _task,
    (Whom.STAFF, About.ALERT): _about_alert,
}
