"""What people wish of messages: what for they want none, what comes all the same, and what a text back means. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from telehealth.notifications.rules import Channel, Message, MessageKind
from telehealth.people.rules import words

K = MessageKind
ABOUT_TO_BEGIN = timedelta(hours=48)
SHORTEST_NUMBER = 5  # digits; what is shorter ends too many numbers


class Override(StrEnum):
    """Why a message goes to an address at which its purpose was stopped."""

    TIME_CHANGED = "time_changed"
    CANCELLED_SOON = "cancelled_soon"


class Said(StrEnum):
    """How an address came to be stopped, or to be wanted again."""

    TEXT = "text"
    LINK = "link"
    PAGE = "page"
    GATEWAY = "gateway"


class Meant(StrEnum):
    """What somebody who texts back wants."""

    STOP = "stop"
    START = "start"
    HELP = "help"
    OTHER = "other"


# Words that stop and start texts everywhere (CTIA Messaging Principles, section 5.1.3), and those of our languages:
# without accents, as `words` leaves them. The language is that of the answer.
ANSWERS: Mapping[Meant, Mapping[str, tuple[str, ...]]] = {
    Meant.STOP: {
        "en": ("stop", "stop all", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "opt out", "optout"),
        "es": ("alto", "parar", "baja", "detener", "cancelar"),
        "fr": ("arret", "arreter", "desabonner", "annuler"),
        "ar": ("توقف", "ايقاف", "الغاء", "قف"),
    },
    Meant.START: {
        "en": ("start", "unstop", "yes"),
        "es": ("inicio", "empezar", "alta"),
        "fr": ("debut", "demarrer", "commencer"),
        "ar": ("ابدا", "بدء", "تشغيل"),
    },
    Meant.HELP: {
        "en": ("help", "info"),
        "es": ("ayuda",),
        "fr": ("aide",),
        "ar": ("مساعدة", "معلومات"),
    },
}
MEANINGS: Mapping[str, tuple[Meant, str]] = {
    word: (meant, language) for meant, spoken in ANSWERS.items() for language, known in spoken.items() for word in known
}


def meaning(text: str) -> tuple[Meant, str]:
    """What a text back means, and the language to answer in; whatever is more than such a word is for nobody here."""
    return MEANINGS.get(" ".join(words(text)), (Meant.OTHER, ""))


def must_go_from(message: Message) -> datetime | None:
    """From when on it is told though it was stopped; None for what may stay untold."""
    match message.kind:
        case K.MOVED:
            return message.due_at
        case K.CANCELLATION if message.visit_at is not None:
            return max(message.due_at, message.visit_at - ABOUT_TO_BEGIN)
        case _:
            return None


def override_of(message: Message, now: datetime) -> Override | None:
    """Why it must be told all the same: without it somebody would come at a time that is not true."""
    since = must_go_from(message)
    if since is None or now < since:
        return None
    return Override.TIME_CHANGED if message.kind is K.MOVED else Override.CANCELLED_SOON


def preferring(first: Channel | None, among: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels with the preferred one before the others; one that is not among them changes nothing."""
    return tuple(sorted(among, key=lambda channel: channel is not first))


def masked(channel: Channel, address: str) -> str:
    """Enough of an address for its owner to know it again; of notifications there is nothing to know."""
    if channel is Channel.PUSH:
        return ""
    if channel in (Channel.SMS, Channel.PHONE):
        return f"…{address[-3:]}"
    name, at, domain = address.rpartition("@")
    return f"{name[:1]}…{at}{domain}"


def digits_of(number: str) -> str:
    """Its digits without what leads out of a town or country: an E.164 number ends so."""
    return "".join(each for each in number if each in "0123456789").lstrip("0")


def is_written(address: str, text: str) -> bool:
    """Whether that is the address in its normal form; a number may be written with or without its country."""
    if "@" in address:
        return text.strip().lower() == address
    digits = digits_of(text)
    return len(digits) >= SHORTEST_NUMBER and address.endswith(digits)
