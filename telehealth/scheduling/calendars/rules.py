"""What is decided about calendars: which events are ours, when a feed is read, how long what was read holds. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from telehealth.core.errors import Kind, Refusal
from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import Resource

EVERY = timedelta(minutes=5)
HOLDS_FOR = timedelta(minutes=15)  # after that nobody knows what else the calendar holds
RETRIES = (timedelta(seconds=30), timedelta(minutes=1), timedelta(minutes=2))
LEASE = timedelta(minutes=2)  # longer than one read may take
WHOLE_EVERY = timedelta(hours=24)  # "not modified" is not asked for longer than that: time goes on in what repeats
AHEAD, BEHIND = timedelta(days=400), timedelta(days=1)
MOST_FEEDS = 10
LONGEST_ADDRESS = 2_000
FEED_PATH = "/calendar/{secret}.ics"
OURS = re.compile(r"visit-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class UnfitAddress(Refusal):
    """`fault` is scheme, host, credentials or length."""

    kind, slug, title = Kind.INVALID, "unfit-address", "A calendar cannot be read from this address"


class TooManyCalendars(Refusal):
    kind, slug, title = Kind.CONFLICT, "too-many-calendars", "There are too many calendars already"


class AlertCode(StrEnum):
    """What staff has to know of a calendar that could be read."""

    UNKNOWN_TIME_ZONE = "unknown_time_zone"
    ENDS_BEFORE_IT_STARTS = "ends_before_it_starts"


@dataclass(frozen=True, slots=True)
class Alert:
    """`detail` is the time zone's name as the calendar has it."""

    code: AlertCode
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Busy:
    """`times` are minutes since the epoch, disjoint and sorted."""

    times: list[Interval[int]]
    alerts: tuple[Alert, ...] = ()


class FeedState(StrEnum):
    """`waiting` for its first read, `current`, `failing` while the last good copy still holds, `withheld` after."""

    WAITING = "waiting"
    CURRENT = "current"
    FAILING = "failing"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """An outside calendar of one resource. `no` tells its busy time from other feeds' of the same resource.

    `fault` is why the last read failed, None after a good one.
    """

    id: UUID
    resource_id: UUID
    no: int
    name: str
    host: str
    created_at: datetime
    read_at: datetime | None = None
    good_at: datetime | None = None
    fault: str | None = None
    failures: int = 0
    alerts: tuple[Alert, ...] = ()

    @property
    def holds_until(self) -> datetime | None:
        return None if self.good_at is None else self.good_at + HOLDS_FOR

    def state(self, now: datetime) -> FeedState:
        if self.read_at is None and now < self.created_at + HOLDS_FOR:
            return FeedState.WAITING
        if self.holds_until is None or self.holds_until <= now:
            return FeedState.WITHHELD
        return FeedState.CURRENT if self.fault is None else FeedState.FAILING

    def wants_attention(self, now: datetime) -> bool:
        """Whether staff is told: its time is withheld, or something in it was not understood."""
        return self.state(now) is FeedState.WITHHELD or bool(self.alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What one read needs. `etag` and `modified` are set when an unchanged calendar need not be sent again."""

    feed_id: UUID
    resource: Resource
    url: str
    at: datetime
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Read:
    """The calendar was sent, and understood."""

    busy: Busy
    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Unchanged:
    """It is what it was (304)."""

    etag: str | None = None
    modified: str | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """It could not be read; `fault` is a word of outbound.Obstacle or ical.Fault, or `unexpected`."""

    fault: str


Outcome = Read | Unchanged | Failed


@dataclass(frozen=True, slots=True)
class Link:
    """A clinician's own calendar address; None when there is none."""

    created_at: datetime | None


def verified_until(feeds: Iterable[Feed], now: datetime) -> datetime | None:
    """Until when all of them are known; None when there are none. Now, when one was never read."""
    ends = [feed.holds_until or now for feed in feeds]
    return min(ends, default=None)


def next_read(now: datetime, failures: int) -> datetime:
    """After `failures` in a row: soon at first, so that a short fault is over before anything is withheld."""
    return now + (RETRIES[failures - 1] if 0 < failures <= len(RETRIES) else EVERY)


def own_uid(visit_id: UUID, domain: str) -> str:
    """What a visit is called in everyone's calendars, for as long as it lives (RFC 7986, section 5.3)."""
    return f"visit-{visit_id}@{domain}"


def is_own(uid: str, domain: str) -> bool:
    """Whether an event is one of ours that came back through a calendar the visit was invited to."""
    name, at, host = uid.strip().rpartition("@")
    return host.casefold() == domain.casefold() if at else OURS.fullmatch(host or name) is not None


def domain_of(public_url: str) -> str:
    """The host of our own address: what our UIDs end in."""
    return (urlsplit(public_url).hostname or "localhost").casefold()


def feed_address(written: str) -> str:
    """The address to read from; webcal is https (its usual meaning). Raises UnfitAddress."""
    text = written.strip()
    if len(text) > LONGEST_ADDRESS:
        raise UnfitAddress(fault="length")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UnfitAddress(fault="host") from None
    scheme = {"webcal": "https", "webcals": "https"}.get(parts.scheme, parts.scheme)
    if scheme not in ("http", "https"):
        raise UnfitAddress(fault="scheme")
    if not host or port == 0 or not text.isprintable() or " " in text or not _is_host(host):
        raise UnfitAddress(fault="host")
    if parts.username is not None or parts.password is not None:
        raise UnfitAddress(fault="credentials")
    return urlunsplit(parts._replace(scheme=scheme, fragment=""))


def _is_host(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return bool(re.fullmatch(r"[^\s/\\@:%\[\]]{1,253}", host))
    return True
