"""Languages of the built-in web client: which one to speak, its messages, its dates, its direction.

The sources are `web/messages/<code>.po`; they are compiled in memory at start-up. English is the source language and
has no catalogue. Knows neither requests nor responses: pages pass plain strings in and get a `Locale` back.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from gettext import NullTranslations
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import Literal, Protocol, cast
from zoneinfo import ZoneInfo

import babel
from babel import dates, numbers, units
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import Environment, pass_context
from jinja2.runtime import Context

WEB = Path(__file__).parent.parent / "web"
DEFAULT = "en"
LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Español", "fr": "Français", "ar": "العربية"}
COOKIE = "lang"
_TAG = re.compile(r"([a-z]{2,3})(?:-[a-z]{4})?(?:-([a-z]{2}|[0-9]{3}))?(?:-.*)?", re.IGNORECASE)
_QUALITY = re.compile(r"q\s*=\s*([01](?:\.[0-9]{0,3})?)", re.IGNORECASE)
_IMPORT = re.compile(r"""(?:from\s+|\bimport\()["']\./([\w.-]+)["']""")
_HEADER_LIMIT = 500  # characters of Accept-Language that are looked at

Direction = Literal["ltr", "rtl"]


@dataclass(frozen=True, slots=True)
class Locale:
    """One language, spoken in one region's way of writing dates. Instants are aware; zones are IANA zones."""

    code: str
    region: babel.Locale
    translations: NullTranslations = field(default_factory=NullTranslations, repr=False)
    spoken_by_scripts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)

    @property
    def direction(self) -> Direction:
        return "rtl" if self.region.text_direction == "rtl" else "ltr"

    @property
    def tag(self) -> str:
        """The BCP 47 tag for `lang` attributes and for `Intl` in scripts, such as en-GB."""
        return str(self.region).replace("_", "-")

    def gettext(self, message: str) -> str:
        return self.translations.gettext(message)

    def ngettext(self, singular: str, plural: str, number: int) -> str:
        return self.translations.ngettext(singular, plural, number)

    def format_minutes(self, number: int) -> str:
        """20 minutes, in words."""
        return units.format_unit(number, "duration-minute", "long", locale=self.region)

    def format_time(self, instant: datetime, zone: ZoneInfo) -> str:
        """14:30 or 2:30 PM, as the region writes it."""
        return dates.format_time(instant, "short", tzinfo=zone, locale=self.region)

    def format_date(self, instant: datetime, zone: ZoneInfo) -> str:
        """The local day of an instant, with its weekday."""
        return self.format_day(instant.astimezone(zone).date())

    def format_day(self, day: date) -> str:
        return dates.format_date(day, "full", locale=self.region)

    def format_month(self, day: date) -> str:
        """The month of that day, with its year."""
        return dates.format_skeleton("yMMMM", day, locale=self.region)

    def format_decimal(self, number: Decimal) -> str:
        """8.4 or 8,4: with one decimal."""
        return numbers.format_decimal(number, format="#,##0.0", locale=self.region)

    def format_percent(self, share: Decimal) -> str:
        """84 %, of a share of 1."""
        return numbers.format_percent(share, locale=self.region)

    def format_datetime(self, instant: datetime, zone: ZoneInfo) -> str:
        """Day, time and the zone's name in words: nobody has to know what +01:00 means."""
        day, time = self.format_date(instant, zone), self.format_time(instant, zone)
        glue = str(dates.get_datetime_format("medium", locale=self.region)).replace("'", "")
        return f"{glue.format(time, day)} ({self.zone_name(instant, zone)}{self._which(instant, zone)})"

    def format_brief(self, instant: datetime, zone: ZoneInfo) -> str:
        """Day, time and the city the zone is named after, as short as can be misread by nobody."""
        day = dates.format_date(instant.astimezone(zone).date(), "medium", locale=self.region)
        return f"{day}, {self.format_time(instant, zone)} ({self.place_name(zone)}{self._which(instant, zone)})"

    def _which(self, instant: datetime, zone: ZoneInfo) -> str:
        """Of two times that a clock shows when it is set back, the offset, such as GMT-5; else nothing."""
        local = instant.astimezone(zone)
        if local.replace(fold=0).utcoffset() == local.replace(fold=1).utcoffset():
            return ""
        return f", {dates.get_timezone_gmt(local, 'short', locale=self.region)}"

    def zone_name(self, instant: datetime, zone: ZoneInfo) -> str:
        """The name the zone goes by at that instant (summer or winter), in words; its place when it has no name."""
        name = dates.get_timezone_name(instant.astimezone(zone), "long", locale=self.region)
        return dates.get_timezone_location(zone, locale=self.region) if any(map(str.isdigit, name)) else name

    def place_name(self, zone: ZoneInfo) -> str:
        """The city the zone is named after, in words."""
        return dates.get_timezone_location(zone, locale=self.region, return_city=True)

    @property
    def date_order(self) -> tuple[str, ...]:
        """The order in which the region writes day, month and year."""
        pattern = self.region.date_formats["short"].pattern
        return tuple(sorted(("day", "month", "year"), key=lambda part: pattern.lower().index(part[0])))

    def weekday(self, iso: int) -> str:
        """The name of an ISO weekday, 1 = Monday to 7 = Sunday."""
        return str(dates.get_day_names("wide", "stand-alone", self.region)[iso - 1])

    def language_name(self, code: str) -> str:
        """How this language calls another one; the code itself when it has no name for it."""
        try:
            return babel.Locale.parse(code, sep="-").get_display_name(self.region) or code
        except (ValueError, babel.UnknownLocaleError):
            return code

    def countries(self, codes: Iterable[str]) -> list[tuple[str, str]]:
        """ISO 3166-1 codes with the names this language has for them, in the order of the names."""
        named = [(code, str(self.region.territories.get(code, code))) for code in codes]
        return sorted(named, key=lambda each: unicodedata.normalize("NFKD", each[1].casefold()))

    def words(self, script: str) -> dict[str, str]:
        """Message to translation for a module of `web/static` and all it imports; English is in their source."""
        if self.code == DEFAULT:
            return {}
        return {message: self.gettext(message) for message in self.spoken_by_scripts[script]}


@dataclass(frozen=True, slots=True)
class Wish:
    """One entry of Accept-Language (RFC 9110, section 12.5.4) that we can serve."""

    code: str
    territory: str
    quality: float


class Locales:
    """Every language we speak, compiled once in a process."""

    def __init__(self, by_code: Mapping[str, Locale]) -> None:
        self._by_code = dict(by_code)

    @classmethod
    def load(cls, web: Path = WEB) -> "Locales":
        """Read and compile the catalogues. Raises OSError or ValueError when one is missing or broken."""
        return cls(_read(web))

    def get(self, code: str) -> Locale:
        """The locale of a code we speak, else English."""
        return self._by_code.get(code) or self._by_code[DEFAULT]

    def negotiate(self, *, query: str = "", cookie: str = "", preferred: str = "", accept: str = "") -> Locale:
        """What was asked for now, was chosen before, is known of the person, the browser wishes: the first we speak.

        The region (how dates are written) is the browser's, when its language is the one chosen.
        """
        wishes = tuple(parse_accept_language(accept))
        named = (wish for text in (query, cookie, preferred) for wish in _wish(text, 1.0))
        code = next((wish.code for wish in chain(named, wishes)), DEFAULT)
        territory = next((wish.territory for wish in wishes if wish.code == code and wish.territory), "")
        return self._regional(self.get(code), territory)

    def _regional(self, locale: Locale, territory: str) -> Locale:
        if not territory:
            return locale
        try:
            region = babel.Locale(locale.code, territory.upper())
        except babel.UnknownLocaleError:
            return locale
        return Locale(locale.code, region, locale.translations, locale.spoken_by_scripts)


def parse_accept_language(header: str) -> Iterator[Wish]:
    """The wishes we can serve, most wanted first; whatever is malformed is passed over."""
    wishes: list[Wish] = []
    for part in header[:_HEADER_LIMIT].split(","):
        tag, _, parameters = part.strip().partition(";")
        quality = _QUALITY.fullmatch(parameters.strip()) if parameters else None
        if parameters and not quality:
            continue
        wishes.extend(_wish(tag.strip(), float(quality[1]) if quality else 1.0))
    wishes.sort(key=lambda wish: -wish.quality)
    return (wish for wish in wishes if wish.quality > 0)


def _wish(tag: str, quality: float) -> Iterable[Wish]:
    match = _TAG.fullmatch(tag)
    if match and match[1].lower() in LANGUAGES:
        yield Wish(match[1].lower(), (match[2] or "").upper(), quality)


@cache
def _read(web: Path) -> Mapping[str, Locale]:
    scripts = _spoken(sorted((web / "static").glob("*.js")))
    return {
        code: Locale(code, babel.Locale.parse(code), _compile(web / "messages", code), scripts) for code in LANGUAGES
    }


def _compile(messages: Path, code: str) -> NullTranslations:
    if code == DEFAULT:
        return NullTranslations()
    with (messages / f"{code}.po").open("rb") as source:
        catalogue = read_po(source, locale=code, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return Translations(compiled)


def _spoken(scripts: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """Every message a module and the modules it imports can say."""
    said = {path.name: list(_script_messages(path)) for path in scripts}
    imports = {path.name: _IMPORT.findall(path.read_text("utf-8")) for path in scripts}
    return {name: tuple(m for each in _reached(name, imports) for m in said.get(each, ())) for name in said}


def _reached(start: str, imports: Mapping[str, list[str]]) -> list[str]:
    found = [start]
    for name in found:
        found.extend(each for each in dict.fromkeys(imports.get(name, ())) if each not in found)
    return found


def _script_messages(path: Path) -> Iterator[str]:
    with path.open("rb") as source:
        for _line, message, _comments, _context in extract("javascript", source, keywords={"t": None}):
            yield message if isinstance(message, str) else message[0]


class _Installs(Protocol):
    """What the i18n extension of Jinja adds to an environment."""

    def install_gettext_callables(self, gettext: object, ngettext: object, newstyle: bool) -> None: ...


def install(environment: Environment) -> None:
    """Let templates say `_()` and `{% trans %}` in the language of the `locale` they are rendered with."""
    environment.add_extension("jinja2.ext.i18n")
    cast("_Installs", environment).install_gettext_callables(_gettext, _ngettext, newstyle=True)
    environment.policies["ext.i18n.trimmed"] = True
    environment.globals["languages"] = tuple(LANGUAGES.items())


@pass_context
def _gettext(context: Context, message: str) -> str:
    locale: Locale = context["locale"]
    return locale.gettext(message)


@pass_context
def _ngettext(context: Context, singular: str, plural: str, number: int) -> str:
    locale: Locale = context["locale"]
    return locale.ngettext(singular, plural, number)
