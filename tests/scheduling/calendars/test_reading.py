"""Someone else's calendar: when it says they are busy, and that nothing in it is taken for free time by mistake."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from telehealth.core.intervals import Interval
from telehealth.scheduling.availability.rules import to_instant, to_minute
from telehealth.scheduling.calendars.reading import View, read_calendar
from telehealth.scheduling.calendars.rules import Alert, AlertCode, Busy, own_uid
from telehealth.scheduling.calendars.zones import describe

SPAN = Interval(to_minute(datetime(2022, 12, 1, tzinfo=UTC)), to_minute(datetime(2026, 12, 1, tzinfo=UTC)))
DOMAIN = "visits.example"
OUTLOOK = "Amsterdam, Belgrade, Berlin, Brussels, Budapest, Madrid, Paris, Prague, Stockholm"


def calendar(*lines: str) -> str:
    return "\r\n".join(("BEGIN:VCALENDAR", "VERSION:2.0", *lines, "END:VCALENDAR", ""))


def event(*lines: str, uid: str = "1@elsewhere.example") -> str:
    return "\r\n".join(("BEGIN:VEVENT", f"UID:{uid}", *lines, "END:VEVENT"))


def read(*parts: str, zone: str = "Europe/Berlin") -> Busy:
    return read_calendar(calendar(*parts), View(zone_on=lambda _: zone, span=SPAN, domain=DOMAIN))


def busy(*parts: str, zone: str = "Europe/Berlin") -> list[tuple[str, str]]:
    """Pairs such as ("2026-03-02T12:30", "2026-03-02T16:00"), in UTC."""
    found = read(*parts, zone=zone)
    assert found.alerts == ()
    return [(f"{to_instant(each.start):%FT%R}", f"{to_instant(each.end):%FT%R}") for each in found.times]


NINE = ("DTSTART:20260303T090000", "DTEND:20260303T100000")


def test_a_whole_day_is_the_readers_own() -> None:
    day = event("DTSTART;VALUE=DATE:20230105", "DTEND;VALUE=DATE:20230106")
    assert busy(day, zone="America/Los_Angeles") == [("2023-01-05T08:00", "2023-01-06T08:00")]
    changed = event("DTSTART;VALUE=DATE:20260308")
    assert busy(changed, zone="America/New_York") == [("2026-03-08T05:00", "2026-03-09T04:00")]
    assert busy(event("DTSTART:20260303", "DURATION:P2D"), zone="UTC") == [("2026-03-03T00:00", "2026-03-05T00:00")]


def test_whole_days_follow_a_journey() -> None:
    def zone_on(day: date) -> str:
        return "Asia/Tokyo" if day >= date(2026, 3, 4) else "Europe/Berlin"

    text = calendar(event("DTSTART;VALUE=DATE:20260304"), event("DTSTART:20260303T090000", "DURATION:PT1H", uid="2"))
    found = read_calendar(text, View(zone_on=zone_on, span=SPAN, domain=DOMAIN))
    assert [to_instant(each.start).hour for each in found.times] == [8, 15]


@pytest.mark.parametrize(
    ("line", "is_busy"),
    [("TRANSP:TRANSPARENT", False), ("STATUS:CANCELLED", False), ("STATUS:TENTATIVE", True), ("TRANSP:OPAQUE", True)],
)
def test_what_is_free_and_what_is_not(line: str, is_busy: bool) -> None:
    assert bool(busy(event(*NINE, line))) is is_busy
    assert busy(event(*NINE))


BERLIN = ";TZID=Europe/Berlin:"
SERIES = event(
    f"DTSTART{BERLIN}20260302T133000",
    f"DTEND{BERLIN}20260302T170000",
    "RRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=4",
    f"EXDATE{BERLIN}20260309T133000",
)


def test_a_series_leaves_out_and_moves() -> None:
    moved = (
        f"RECURRENCE-ID{BERLIN}20260316T133000",
        f"DTSTART{BERLIN}20260317T090000",
        f"DTEND{BERLIN}20260317T100000",
    )
    expected = [
        ("2026-03-02T12:30", "2026-03-02T16:00"),
        ("2026-03-17T08:00", "2026-03-17T09:00"),
        ("2026-03-23T12:30", "2026-03-23T16:00"),
    ]
    assert busy(SERIES, event(*moved)) == expected
    assert busy(event(*moved), SERIES) == expected
    assert busy(SERIES, event(*moved, "STATUS:CANCELLED")) == [expected[0], expected[2]]
    in_utc = ("RECURRENCE-ID:20260316T123000Z", "DTSTART:20260317T080000Z", "DTEND:20260317T090000Z")
    assert busy(SERIES, event(*in_utc)) == expected
    older = event(*moved[:1], f"DTSTART{BERLIN}20260318T090000", f"DTEND{BERLIN}20260318T100000")
    assert busy(SERIES, older, event(*moved, "SEQUENCE:2")) == expected


def test_this_and_all_that_follow() -> None:
    weekly = event(f"DTSTART{BERLIN}20260302T100000", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;COUNT=4")
    later = event(
        f"RECURRENCE-ID;RANGE=THISANDFUTURE{BERLIN}20260316T100000",
        f"DTSTART{BERLIN}20260316T110000",
        f"DTEND{BERLIN}20260316T113000",
    )
    assert busy(weekly, later) == [
        ("2026-03-02T09:00", "2026-03-02T10:00"),
        ("2026-03-09T09:00", "2026-03-09T10:00"),
        ("2026-03-16T10:00", "2026-03-16T10:30"),
        ("2026-03-23T10:00", "2026-03-23T10:30"),
    ]


def test_a_series_keeps_its_local_time() -> None:
    assert busy(
        event(f"DTSTART{BERLIN}20260323T130000", f"DTEND{BERLIN}20260323T140000", "RRULE:FREQ=WEEKLY;COUNT=2")
    ) == [
        ("2026-03-23T12:00", "2026-03-23T13:00"),
        ("2026-03-30T11:00", "2026-03-30T12:00"),
    ]


def test_added_times_and_periods() -> None:
    more = event(*NINE, "RDATE:20260305T090000,20260306T090000", "RDATE;VALUE=PERIOD:20260307T090000Z/PT3H")
    assert [each[0][5:13] for each in busy(more, zone="UTC")] == ["03-03T09", "03-05T09", "03-06T09", "03-07T09"]
    assert busy(more, zone="UTC")[-1] == ("2026-03-07T09:00", "2026-03-07T12:00")
    free, taken = "FREEBUSY;FBTYPE=FREE:20260303T090000Z/PT1H", "FREEBUSY:20260304T090000Z/20260304T093000Z"
    assert busy("BEGIN:VFREEBUSY", free, taken, "END:VFREEBUSY") == [("2026-03-04T09:00", "2026-03-04T09:30")]


def test_a_floating_time_is_read_in_the_calendars_own_zone_if_it_says_one() -> None:
    """Whole days stay the reader's. A zone nobody knows, or two at once, closes the day and staff are told."""
    tokyo = "X-WR-TIMEZONE:Asia/Tokyo"
    assert busy(tokyo, event(*NINE)) == [("2026-03-03T00:00", "2026-03-03T01:00")]
    assert busy(tokyo, event("DTSTART;TZID=Europe/Rome:20260303T090000", "DURATION:PT1H")) == [
        ("2026-03-03T08:00", "2026-03-03T09:00")
    ]
    assert busy(tokyo, event("DTSTART;VALUE=DATE:20260303")) == [("2026-03-02T23:00", "2026-03-03T23:00")]
    repeated = event(*NINE, "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260304T090000")
    assert [start for start, _ in busy(tokyo, repeated)] == ["2026-03-03T00:00", "2026-03-05T00:00"]
    two = calendar("X-WR-TIMEZONE:Europe/Rome", event(*NINE, uid="2"))
    for text, said in (
        (calendar("X-WR-TIMEZONE:Mars/Olympus", event(*NINE)), "Mars/Olympus"),
        (calendar(tokyo, event(*NINE)) + two, "Asia/Tokyo,Europe/Rome"),
    ):
        found = read_calendar(text, View(zone_on=lambda _: "Europe/Berlin", span=SPAN, domain=DOMAIN))
        assert found.alerts == (Alert(AlertCode.UNKNOWN_TIME_ZONE, said),)
        (day,) = found.times
        assert day.end - day.start == 24 * 60


def test_what_an_exrule_leaves_out_stays_closed() -> None:
    """It is gone from the standard since RFC 5545, and takes times away, never adds any: without it more is busy."""
    weekdays = event(*NINE, "RRULE:FREQ=DAILY;COUNT=4", "EXRULE:FREQ=DAILY;INTERVAL=2")
    assert [start[:10] for start, _ in busy(weekdays)] == [f"2026-03-0{day}" for day in (3, 4, 5, 6)]
    assert busy(event(*NINE, "EXRULE:nonsense")) == busy(event(*NINE))


def test_a_floating_time_is_read_in_the_readers_zone() -> None:
    assert busy(event(*NINE), zone="America/New_York") == [("2026-03-03T14:00", "2026-03-03T15:00")]


@pytest.mark.parametrize(
    ("tzid", "zone"),
    [
        ("W. Europe Standard Time", "Europe/Berlin"),
        (OUTLOOK, "Europe/Berlin"),
        (f"(UTC+01:00) {OUTLOOK}", "Europe/Berlin"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("/freeassociation.sourceforge.net/America/Indiana/Indianapolis", "America/Indiana/Indianapolis"),
        ("/mozilla.org/20050126_1/Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("US/Pacific", "America/Los_Angeles"),
    ],
)
def test_names_of_zones(tzid: str, zone: str) -> None:
    start = datetime(2026, 7, 3, 9, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    lines = (f'DTSTART;TZID="{tzid}":20260703T090000', "DURATION:PT1H")
    assert busy(event(*lines)) == [(f"{start:%FT%R}", f"{start + timedelta(hours=1):%FT%R}")]


CUSTOM = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:16010101T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE"""


CHANGES = ("20260329T0159", "20260329T0230", "20260329T0300", "20261025T0159", "20261025T0230", "20261025T0300")


@pytest.mark.parametrize("local", ["20260302T0900", *CHANGES])
def test_an_embedded_zone_reads_like_the_zone_it_describes(local: str) -> None:
    as_described = event(f"DTSTART;TZID=Customized Time Zone:{local}00", "DURATION:PT1H")
    assert busy(CUSTOM, as_described) == busy(event(f"DTSTART{BERLIN}{local}00", "DURATION:PT1H"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"])
def test_what_we_write_of_a_zone_is_what_it_does(zone: str) -> None:
    described = describe(ZoneInfo(zone), date(2025, 11, 1), date(2026, 12, 31)).to_ical().decode()
    described = described.replace(f"TZID:{zone}", "TZID:Ours")
    for day in range(330):
        for clock in ("0130", "0230", "0330", "1200"):
            local = f"{date(2026, 1, 1) + timedelta(days=day):%Y%m%d}T{clock}00"
            spelled, named = (event(f"DTSTART;TZID={name}:{local}", "DURATION:PT30M") for name in ("Ours", zone))
            assert busy(described, spelled) == busy(named), local


def test_a_zone_that_gave_up_its_summer_time_stays_in_what_came_last() -> None:
    ended = CUSTOM.replace("BYMONTH=10", "BYMONTH=10;UNTIL=20151025T010000Z")
    ended = ended.replace("BYMONTH=3", "BYMONTH=3;UNTIL=20160327T010000Z")
    assert busy(ended, event("DTSTART;TZID=Customized Time Zone:20260102T090000", "DURATION:PT1H")) == [
        ("2026-01-02T07:00", "2026-01-02T08:00")
    ]


def test_an_unknown_zone_closes_the_day_and_says_so() -> None:
    found = read(event("DTSTART;TZID=Totally/Unknown:20260303T090000", "DURATION:PT1H", "RRULE:FREQ=DAILY;COUNT=2"))
    start = to_minute(datetime(2026, 3, 2, 23, tzinfo=UTC))
    assert found.times == [Interval(start, start + 2 * 24 * 60)]
    assert found.alerts == (Alert(AlertCode.UNKNOWN_TIME_ZONE, "Totally/Unknown"),)
    backwards = read(event("DTSTART:20260303T090000Z", "DTEND:20260303T080000Z"))
    assert [each.code for each in backwards.alerts] == [AlertCode.ENDS_BEFORE_IT_STARTS]
    assert [each.end - each.start for each in backwards.times] == [24 * 60]


def test_our_own_events_take_nothing() -> None:
    visit = own_uid(UUID(int=7), DOMAIN)
    assert visit.endswith("@visits.example")
    for uid in (visit, visit.upper(), "appt-123@visits.example", visit.partition("@")[0]):
        assert busy(event(*NINE, uid=uid)) == []
    for uid in ("1@notvisits.example", "1@visits.example.org", "visits.example", f"{visit}@elsewhere.example"):
        assert busy(event(*NINE, uid=uid))
