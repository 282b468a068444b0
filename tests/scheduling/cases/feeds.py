"""Kinds of cases about other people's calendars: what they close, what they do not, what happens when they fail."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from telehealth.core.actors import SYSTEM
from telehealth.core.intervals import Interval
from telehealth.core.time import parse_zone
from telehealth.scheduling.availability import service as availability
from telehealth.scheduling.availability.rules import DAY, Minutes, to_instant, to_minute
from telehealth.scheduling.booking import service as booking
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.scheduling.calendars.rules import AlertCode, Busy, Feed, verified_until
from tests.scheduling.cases.answers import Answer
from tests.scheduling.cases.reading import Case, CaseFault, Given
from tests.scheduling.cases.reserved import fill_session
from tests.scheduling.cases.stage import Stage
from tests.scheduling.cases.words import at_clock, instant, local_date, stated, stated_spans

Found = dict[str, Any]
OUR_DOMAINS = ("thl.example", "platform")  # what cases call this installation
A_DAY = timedelta(days=1)
REACH = 500 * DAY
NINE = "20260303T090000"


def calendar(*events: Iterable[str]) -> str:
    """A VCALENDAR of events, each given by its lines between BEGIN and END."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Elsewhere//Calendar//EN"]
    for event in events:
        lines += ["BEGIN:VEVENT", "DTSTAMP:20200101T000000Z", *event, "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""])


def whole(text: str) -> str:
    """The text of a case as a calendar: a lone VEVENT is put into one."""
    lines = [line.strip("\r") for line in text.strip().split("\n")]
    inside = lines if lines[0] == "BEGIN:VCALENDAR" else ["BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR"]
    return "\r\n".join([*inside, ""])


def read(text: str, zone: str, around: datetime, domain: str = OUR_DOMAINS[0]) -> Busy:
    span = Interval(to_minute(around) - 3 * DAY, to_minute(around) + REACH)
    return read_calendar(text, View(zone_on=lambda _: zone, span=span, domain=domain))


async def busy(stage: Stage, case: Case) -> Found:
    """What a calendar closes: told as text, as one event by its parts, or as properties and zone names to try."""
    given = case.given
    zone = str(given.get("clinician_tz", given.get("tz", "UTC")))
    if isinstance(given.get("ics"), list):
        return {"busy": [bool(read(_with(str(each)), zone, _local(NINE, zone)).times) for each in given["ics"]]}
    if "tzid" in given:
        named = given["tzid"] if isinstance(given["tzid"], list) else [given["tzid"]]
        return {"start_utc": [_named(str(each), given, zone) for each in named]}
    text = whole(str(given["ics"])) if "ics" in given else calendar(*_events(given))
    around = _first_start(text, zone)
    found = read(text, zone, around)
    await _close(stage, found.times, around)
    return {
        "busy_utc": stated_spans(found.times),
        "busy": bool(found.times),
        "alerts": [str(each.code) for each in found.alerts],
    }


def _with(line: str) -> str:
    extra = [] if line in {"(none)", ""} else [line]
    return calendar(["UID:1", f"DTSTART:{NINE}", "DTEND:20260303T100000", *extra])


def _stamp(text: Any) -> str:
    """As iCalendar writes it, whichever way the case does."""
    return (
        str(text).replace("-", "").replace(":", "").ljust(15, "0") if "T" in str(text) else str(text).replace("-", "")
    )


def _property(name: str, text: Any, zone: str | None) -> str:
    stamp = _stamp(text)
    if "T" not in stamp:
        return f"{name};VALUE=DATE:{stamp}"
    return f"{name}:{stamp}" if zone is None or stamp.endswith("Z") else f'{name};TZID="{zone}":{stamp}'


def _events(given: Given) -> list[list[str]]:
    """One event, with what repeats it, leaves out and replaces single times."""
    zone = str(given["tz"]) if "tz" in given else None
    lines = ["UID:1", _property("DTSTART", given["dtstart"], zone)]
    if "dtend" in given:
        lines.append(_property("DTEND", given["dtend"], zone))
    if "duration" in given:
        lines.append(f"DURATION:{given['duration']}")
    if "rrule" in given:
        lines.append(f"RRULE:{given['rrule']}")
    lines += [_property("EXDATE", each, zone) for each in _listed(given.get("exdate"))]
    lines += [_property("RDATE", each, zone) for each in _listed(given.get("rdate"))]
    return [lines, *(_replacing(each, zone) for each in _listed(given.get("override")))]


def _replacing(given: Given, zone: str | None) -> list[str]:
    lines = ["UID:1", _property("RECURRENCE-ID", given["recurrence_id"], zone)]
    lines += [
        _property(name, given[word], zone) for word, name in (("start", "DTSTART"), ("end", "DTEND")) if word in given
    ]
    return [*lines, f"STATUS:{given['status']}"] if "status" in given else lines


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _first_start(text: str, zone: str) -> datetime:
    """Roughly when a calendar begins: the earliest DTSTART, read anywhere."""
    stamps = [line.rpartition(":")[2] for line in text.split("\r\n") if line.startswith("DTSTART")]
    if not stamps:
        raise CaseFault("nothing in the calendar has a start")
    return min(_local(each.rstrip("Z"), zone) for each in stamps)


def _local(stamp: str, zone: str) -> datetime:
    layout = "%Y%m%dT%H%M%S" if "T" in stamp else "%Y%m%d"
    return datetime.strptime(stamp, layout).replace(tzinfo=parse_zone(zone))


def _named(tzid: str, given: Given, zone: str) -> Any:
    """When an event with that name of a zone begins; a name nobody knows closes the local day and says so."""
    stamp = _stamp(given["dtstart"])
    lines = ["UID:1", f'DTSTART;TZID="{tzid}":{stamp}']
    lines.append(f'DTEND;TZID="{tzid}":{_stamp(given["dtend"])}' if "dtend" in given else "DURATION:PT1H")
    around = _local(stamp, zone)
    found = read(calendar(lines), zone, around)
    if any(each.code is AlertCode.UNKNOWN_TIME_ZONE for each in found.alerts):
        day = local_date(around, zone)
        midnights = (to_minute(at_clock(each, day, zone)) for each in ("00:00", "24:00"))
        return _Unknown(found.times == [Interval(*midnights)])
    return stated(to_instant(found.times[0].start)) if found.times else "nothing"


class _Unknown(Answer):
    """An unknown name of a zone, `well` when the whole local day is closed for it."""

    def __init__(self, closed: bool) -> None:
        super().__init__(200 if closed else 500)

    def means(self, wanted: Any) -> bool:
        return self.well and str(wanted).startswith("error:unknown_tzid")

    def __str__(self) -> str:
        return f"error:unknown_tzid, the local day {'is' if self.well else 'is not'} closed"


async def _close(stage: Stage, times: Sequence[Minutes], around: datetime) -> None:
    """Put it into the occupancy: nothing may be offered inside, and something beside. Raises CaseFault."""
    stage.at(around - 30 * A_DAY)
    clinician_id = await stage.clinician()
    await stage.run(booking.close_external, SYSTEM, clinician_id, 1, times)
    kind = await stage.kind(minutes=1, grid=15)
    for each in times[:20]:
        near = Interval(to_instant(each.start - 60), to_instant(each.end + 60))
        free = [to_minute(found) for found in await stage.starts(kind, near, clinician_ids=(clinician_id,))]
        if any(taken.start <= minute < taken.end for minute in free for taken in times):
            raise CaseFault("a time that the calendar closes is offered")


async def feed_failure(stage: Stage, case: Case) -> Found:
    """A calendar could not be read, and the last good copy is so many minutes old."""
    given = case.given
    noon = at_clock("12:00")
    ages = given["last_good_age_min"]
    offered, alert = [], []
    for number, age in enumerate(ages if isinstance(ages, list) else [ages]):
        stage.at(noon - A_DAY)
        clinician_id = await stage.clinician(f"clinician {number}")
        kind = await stage.kind()
        stage.at(noon)
        good_at = noon - timedelta(minutes=float(age))
        feed = Feed(
            id=uuid4(),
            resource_id=clinician_id,
            no=1,
            name="",
            host="",
            created_at=good_at,
            read_at=noon,
            good_at=good_at,
            fault="unreachable",
            failures=3,
        )
        await stage.run(availability.verify, SYSTEM, clinician_id, verified_until([feed], noon))
        offered.append(await stage.offers(kind, noon + timedelta(hours=3), clinician_ids=(clinician_id,)))
        alert.append(feed.wants_attention(noon))
    many = isinstance(ages, list)
    return {"offered": offered if many else offered[0], "alert": alert if many else alert[0]}


async def self_event(_: Stage, case: Case) -> Found:
    """An event with that UID, in a calendar that the visit was invited to."""
    uid = str(case.given["uid"])
    found = read(calendar([f"UID:{uid}", f"DTSTART:{NINE}Z", "DURATION:PT1H"]), "UTC", at_clock("09:00"), _domain(uid))
    return {"busy": bool(found.times)}


def _domain(uid: str) -> str:
    """What the installation is called in this case."""
    host = uid.rpartition("@")[2]
    return host if host in OUR_DOMAINS else OUR_DOMAINS[0]


async def self_mirror(stage: Stage, case: Case) -> Found:
    """A group session that comes back from the clinician's calendar, among other events."""
    given = case.given
    events = [(str(each["uid"]), instant(each["start"]), instant(each["end"])) for each in given["external_events"]]
    start, end = events[0][1:]
    stage.before(start)
    clinician_id: UUID = await stage.clinician()
    kind = await stage.kind(minutes=(end - start) // timedelta(minutes=1), seats=int(given["seats"]))
    await fill_session(stage, kind, clinician_id, start, taken=int(given["taken"]))
    lines = [[f"UID:{uid}", f"DTSTART:{_utc(first)}", f"DTEND:{_utc(last)}"] for uid, first, last in events]
    closed = read(calendar(*lines), "UTC", start, _domain(events[0][0]))
    await stage.run(booking.close_external, SYSTEM, clinician_id, 1, closed.times)
    stage.at(start - A_DAY)
    span = Interval(start, start + timedelta(minutes=1))
    found = await stage.search(kind, span, clinician_ids=(clinician_id,))
    return {"seats_left": found[0].seats_left if found else 0, "offered": bool(found)}


def _utc(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


KINDS = {
    "ics_busy": busy,
    "feed_failure": feed_failure,
    "self_event": self_event,
    "self_mirror": self_mirror,
}
