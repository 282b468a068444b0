"""An iCalendar stream (RFC 5545) as components, with bounds on everything. Pure.

Only what tells when someone is busy is kept: a calendar of ten megabytes is mostly descriptions and attachments.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from icalendar.parser import Contentline

MOST_CHARACTERS = 10 * 1024 * 1024
MOST_COMPONENTS = 20_000
LONGEST_LINE = 64 * 1024
DEEPEST = 8
FOLD = re.compile(r"(?:\r\n|\n|\r)[ \t]")  # section 3.1
LINE = re.compile(r"[^\r\n]+")
NAME = re.compile(r"[A-Za-z0-9-]+")
KEPT = frozenset({"VCALENDAR", "VEVENT", "VFREEBUSY", "VTIMEZONE", "STANDARD", "DAYLIGHT"})
WANTED = frozenset(
    {
        "DTEND",
        "DTSTART",
        "DURATION",
        "EXDATE",
        "FREEBUSY",
        "RDATE",
        "RECURRENCE-ID",
        "RRULE",
        "SEQUENCE",
        "STATUS",
        "TRANSP",
        "TZID",
        "TZOFFSETFROM",
        "TZOFFSETTO",
        "UID",
        "X-WR-TIMEZONE",
    }
)


class Fault(StrEnum):
    """Why a calendar could not be read: what is not understood whole is not trusted in part."""

    NOT_A_CALENDAR = "not_a_calendar"
    CUT_SHORT = "cut_short"
    TOO_LARGE = "too_large"
    TOO_DEEP = "too_deep"
    TOO_MANY_EVENTS = "too_many_events"
    TOO_MANY_TIMES = "too_many_times"
    TOO_OFTEN = "too_often"
    BAD_RULE = "bad_rule"
    BAD_TIME = "bad_time"


class UnreadableCalendar(Exception):
    """`fault` says why; the text never shows what stands in the calendar."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.value)
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Property:
    """Names of properties and parameters are upper case."""

    name: str
    parameters: Mapping[str, str]
    value: str


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    properties: list[Property] = field(default_factory=list)
    parts: list["Component"] = field(default_factory=list)

    def all(self, name: str) -> list[Property]:
        return [each for each in self.properties if each.name == name]

    def first(self, name: str) -> Property | None:
        return next((each for each in self.properties if each.name == name), None)

    def text(self, name: str) -> str:
        """The value of the first property of that name; empty without one."""
        found = self.first(name)
        return "" if found is None else found.value.strip()


def calendars(text: str) -> list[Component]:
    """The calendars of a stream: their own properties, and as parts their events, busy times and time zones.

    Raises UnreadableCalendar.
    """
    if len(text) > MOST_CHARACTERS:
        raise UnreadableCalendar(Fault.TOO_LARGE)
    stream = _nested(text)
    if not stream.parts:
        raise UnreadableCalendar(Fault.NOT_A_CALENDAR)
    return stream.parts


def _nested(text: str) -> Component:
    opened = [stream := Component("")]
    left = MOST_COMPONENTS
    for line in _lines(text):
        if line[:6].upper() == "BEGIN:":
            left -= 1
            _begin(opened, line[6:].strip().upper(), left)
        elif line[:4].upper() == "END:":
            _end(opened, line[4:].strip().upper())
        elif len(opened) == 1:
            raise UnreadableCalendar(Fault.NOT_A_CALENDAR)
        elif opened[-1].name in KEPT and (found := _property(line)) is not None:
            opened[-1].properties.append(found)
    if len(opened) > 1:
        raise UnreadableCalendar(Fault.CUT_SHORT)
    return stream


def _lines(text: str) -> Iterator[str]:
    for found in LINE.finditer(FOLD.sub("", text.removeprefix("\ufeff"))):
        if line := found.group().strip():
            yield line


def _begin(opened: list[Component], name: str, left: int) -> None:
    if len(opened) == 1 and name != "VCALENDAR":
        raise UnreadableCalendar(Fault.NOT_A_CALENDAR)
    if len(opened) > DEEPEST:
        raise UnreadableCalendar(Fault.TOO_DEEP)
    if left < 0:
        raise UnreadableCalendar(Fault.TOO_MANY_EVENTS)
    opened.append(Component(name))


def _end(opened: list[Component], name: str) -> None:
    closed = opened.pop()
    if not opened or closed.name != name:
        raise UnreadableCalendar(Fault.NOT_A_CALENDAR)
    if name in KEPT or len(opened) == 1:
        opened[-1].parts.append(closed)


def _property(line: str) -> Property | None:
    """None when nobody asks for it. Quoted parameters may hold any sign; all others are plain."""
    begin = NAME.match(line)
    if begin is None or begin.group().upper() not in WANTED:
        return None
    if len(line) > LONGEST_LINE:
        raise UnreadableCalendar(Fault.TOO_LARGE)
    if '"' in line:
        return _quoted(line)
    head, _, value = line.partition(":")
    name, *pairs = head.split(";")
    split = (pair.partition("=") for pair in pairs)
    return Property(name.upper(), {key.upper(): given for key, _, given in split}, value)


def _quoted(line: str) -> Property:
    try:
        name, parameters, value = Contentline.from_ical(line).parts()  # type: ignore[no-untyped-call]
    except ValueError:
        raise UnreadableCalendar(Fault.NOT_A_CALENDAR) from None
    return Property(name.upper(), {key.upper(): str(given) for key, given in parameters.items()}, value)
