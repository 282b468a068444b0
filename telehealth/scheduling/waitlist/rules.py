"""Who gets a time that came free: the order of those who wait, and why somebody is passed over. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from telehealth.core.errors import Kind, Refusal
from telehealth.core.ids import ClinicianId, OfferId, PatientId, VisitId, VisitTypeId, WaitlistEntryId
from telehealth.core.time import parse_zone
from telehealth.scheduling.booking.rules import Reason

TIME_TO_ANSWER = timedelta(minutes=15)
SHORTEST_TO_ANSWER, LONGEST_TO_ANSWER = timedelta(minutes=1), timedelta(hours=48)
ONE_BY_ONE = 2 * TIME_TO_ANSWER  # what begins sooner is offered to several at once: asking in turn would waste it
ASKED_AT_ONCE = 5
MINUTE = timedelta(minutes=1)
DAY = 24 * 60


class EntryState(StrEnum):
    WAITING = "waiting"
    BOOKED = "booked"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"
    GONE = "gone"


class OfferMode(StrEnum):
    """`exclusive` keeps the time for one patient; `broadcast` keeps it for nobody, and the first who accepts has it."""

    EXCLUSIVE = "exclusive"
    BROADCAST = "broadcast"


class OfferGone(Refusal):
    kind, slug, title = Kind.CONFLICT, "offer-gone", "This time is gone; the place on the waitlist is kept"


class OfferExpired(Refusal):
    kind, slug, title = Kind.GONE, "offer-expired", "The time to answer this offer is over"


class NotWaiting(Refusal):
    kind, slug, title = Kind.CONFLICT, "not-waiting", "This patient does not wait any more"


class AlreadyOffered(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-offered", "This patient has an offer that is still open"


class AlreadyListed(Refusal):
    kind, slug, title = Kind.CONFLICT, "already-listed", "This visit is on the waitlist for an earlier time already"


class UnfitWish(Refusal):
    kind, slug, title = Kind.INVALID, "unfit-wish", "Nothing can be found by this wish"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A time of day that suits, on the patient's own clock: minutes since midnight, `end` exclusive and up to 1440.

    ISO weekdays, 1 is Monday; none means any.
    """

    start: int = 0
    end: int = DAY
    weekdays: frozenset[int] = frozenset()

    def suits(self, start: datetime, end: datetime, zone: ZoneInfo) -> bool:
        """Whether a clock in that zone shows this time of day from the first to the last minute of [start, end)."""
        first, last = start.astimezone(zone), (end.astimezone(UTC) - MINUTE).astimezone(zone)
        if self.weekdays and first.isoweekday() not in self.weekdays:
            return False
        return first.date() == last.date() and self.start <= _minute(first) and _minute(last) < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What one who waits asks for, and may change without losing the place; see Entry."""

    clinician_ids: frozenset[ClinicianId] = frozenset()
    first: date | None = None
    last: date | None = None
    wishes: tuple[Wish, ...] = ()
    min_lead: int = 0
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Someone who waits. `clinician_ids` none: anyone. `first` to `last` are inclusive dates in the patient's zone.

    `min_lead` is how many minutes before a visit the patient has to know of it. A patient who has a visit already and
    wants to come earlier names it with `visit_id`; only times before `earlier_than` help them.
    """

    id: WaitlistEntryId
    patient_id: PatientId
    visit_type_id: VisitTypeId
    joined_at: datetime
    clinician_ids: frozenset[ClinicianId] = frozenset()
    first: date | None = None
    last: date | None = None
    wishes: tuple[Wish, ...] = ()
    min_lead: int = 0
    priority: int = 0
    visit_id: VisitId | None = None
    earlier_than: datetime | None = None
    state: EntryState = EntryState.WAITING


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One time offered to one who waits, to be answered before `expires_at`. Offers of one round are of one time."""

    id: OfferId
    round_id: UUID
    entry_id: WaitlistEntryId
    patient_id: PatientId
    mode: OfferMode
    clinician_id: ClinicianId
    visit_type_id: VisitTypeId
    start: datetime
    end: datetime
    expires_at: datetime
    state: OfferState = OfferState.OPEN
    visit_id: VisitId | None = None


@dataclass(frozen=True, slots=True)
class FreeTime:
    """[start, end) of one clinician, aware instants in UTC.

    It is for those who waited `before` then, if that is given: who came later could have had it.
    """

    clinician_id: ClinicianId
    start: datetime
    end: datetime
    before: datetime | None = None

    @property
    def minutes(self) -> int:
        return (self.end - self.start) // MINUTE

    def ahead(self, now: datetime) -> "FreeTime":
        """What of it has not begun, from a whole minute on."""
        later = now + (-timedelta(seconds=now.second, microseconds=now.microsecond)) % MINUTE
        return replace(self, start=max(self.start, later))


@dataclass(frozen=True, slots=True)
class Candidate:
    """One who waits, with what is known of them elsewhere: the length of their visit, their zone, licences.

    `licensed` is whether the clinician may treat the patient where the patient will be; None while nobody has asked.
    `starts` is what they could book, where that is not what everyone could.
    """

    entry: Entry
    minutes: int
    time_zone: str
    licensed: bool | None = None
    starts: Sequence[datetime] | None = None


class Skip(StrEnum):
    """Why somebody is not offered a time. The words are stable: programs read them."""

    CLINICIAN = "clinician"
    TOO_SHORT = "too_short"
    LEAD = "lead"
    DATES = "dates"
    WISH = "wish"
    NOT_EARLIER = "not_earlier"
    LICENCE = "licence"
    PATIENT_BUSY = "patient_busy"
    CAP = "cap"
    NOT_FREE = "not_free"


SKIPS: Mapping[str, Skip] = {
    "jurisdiction": Skip.LICENCE,
    "location_required": Skip.LICENCE,
    "patient_conflict": Skip.PATIENT_BUSY,
    "daily_cap": Skip.CAP,
    "weekly_cap": Skip.CAP,
}


def skip_of(reason: Reason) -> Skip | None:
    """What booking says of a start, in the waitlist's words; None when it can be booked."""
    return None if reason is Reason.OK else SKIPS.get(reason.value, Skip.NOT_FREE)


def place(entry: Entry) -> tuple[int, datetime, UUID]:
    """The place in the queue: higher priority, then who came first, then the id."""
    return -entry.priority, entry.joined_at, entry.id


def why_not(candidate: Candidate, free: FreeTime, start: datetime, now: datetime) -> Skip | None:
    """Why one who waits does not want the visit that begins at `start`; None when it suits them."""
    entry, end = candidate.entry, start + candidate.minutes * MINUTE
    if entry.clinician_ids and free.clinician_id not in entry.clinician_ids:
        return Skip.CLINICIAN
    if start <= now or start - now < entry.min_lead * MINUTE:
        return Skip.LEAD
    if entry.earlier_than is not None and start >= entry.earlier_than:
        return Skip.NOT_EARLIER
    unwished = _unwished(entry, parse_zone(candidate.time_zone), start, end)
    return unwished or (Skip.LICENCE if candidate.licensed is False else None)


def _unwished(entry: Entry, zone: ZoneInfo, start: datetime, end: datetime) -> Skip | None:
    day = start.astimezone(zone).date()
    if (entry.first and day < entry.first) or (entry.last and day > entry.last):
        return Skip.DATES
    suits = not entry.wishes or any(wish.suits(start, end, zone) for wish in entry.wishes)
    return None if suits else Skip.WISH


def first_that_suits(
    candidate: Candidate, free: FreeTime, starts: Sequence[datetime], now: datetime
) -> datetime | Skip:
    """The first of the starts the candidate can have; else why not the first of all.

    A visit that lies in the free time comes before one that needs free time beside it too.
    """
    length = candidate.minutes * MINUTE
    if not starts:
        short = Skip.TOO_SHORT if length > free.end - free.start else None
        return short or why_not(candidate, free, free.start, now) or Skip.NOT_FREE
    told: Skip | None = None
    for start in sorted(starts, key=lambda each: (each < free.start or each + length > free.end, each)):
        skip = why_not(candidate, free, start, now)
        if skip is None:
            return start
        told = told or skip
    return told or Skip.NOT_FREE


@dataclass(frozen=True, slots=True)
class Match:
    """Whom the time suits, in the order of the queue, each with the start; and why the others were passed over."""

    suited: tuple[tuple[Entry, datetime], ...] = ()
    skipped: Mapping[WaitlistEntryId, Skip] = field(default_factory=dict)


def match(
    candidates: Iterable[Candidate], free: FreeTime, starts: Mapping[VisitTypeId, Sequence[datetime]], now: datetime
) -> Match:
    """Everyone the free time suits, first the one whose turn it is.

    `starts` is what can be booked by kind of visit: in the free time, or in that and free time beside it.
    """
    suited, skipped = [], {}
    for each in sorted(candidates, key=lambda candidate: place(candidate.entry)):
        possible = starts.get(each.entry.visit_type_id, ()) if each.starts is None else each.starts
        found = first_that_suits(each, free, possible, now)
        if isinstance(found, Skip):
            skipped[each.entry.id] = found
        else:
            suited.append((each.entry, found))
    return Match(tuple(suited), skipped)


def mode_for(start: datetime, now: datetime) -> OfferMode:
    """One patient after the other as long as there is time for that, else several at once."""
    return OfferMode.EXCLUSIVE if start - now >= ONE_BY_ONE else OfferMode.BROADCAST


def time_to_answer(start: datetime, now: datetime, within: timedelta = TIME_TO_ANSWER) -> timedelta:
    """How long an offer can be answered: never longer than until the visit begins."""
    return max(min(within, start - now), timedelta())


def wish_fault(wishes: Iterable[Wish], first: date | None, last: date | None) -> str | None:
    """What is wrong with a wish, as the name of the field; None when it can come true."""
    if first is not None and last is not None and last < first:
        return "last"
    return "wishes" if any(_impossible(each) for each in wishes) else None


def _impossible(wish: Wish) -> bool:
    return not 0 <= wish.start < wish.end <= DAY or not wish.weekdays <= set(range(1, 8))


def _minute(local: datetime) -> int:
    return local.hour * 60 + local.minute
