"""All that is sent, in four languages and six zones, before and after both clock changes; and calendars that agree."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Event, Timezone

from telehealth.http.locales import LANGUAGES
from telehealth.notifications.invitations import Occasion, invite
from telehealth.notifications.ports import Method
from telehealth.notifications.rules import Channel
from telehealth.notifications.segments import segments
from telehealth.notifications.slots import ALL, BUDGET
from telehealth.notifications.trial import ZONES
from telehealth.notifications.wording import clinical
from telehealth.visits.lifecycle.rules import VisitStatus
from tests.kit.written import CLINIC, HOME, changes, facts, instants, kept, sent, snapshot, visit

NOW = datetime(2026, 1, 2, tzinfo=UTC)
HALF = timedelta(minutes=30)


@pytest.mark.parametrize("language", LANGUAGES)
def test_times_and_words_are_as_they_were(language: str) -> None:
    """What differs on purpose: `python -m tests.kit.written --write`, and read the difference."""
    clock, texts = kept(language)
    assert set(texts) == {each.name for each in ALL}
    assert len(clock) == sum(len(list(instants(zone))) for zone in ZONES)
    lines = snapshot(language).split("\n")
    assert [line for line in lines if " | " in line] == [" | ".join((at, *said)) for (_, at), said in clock.items()]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_in_every_zone_at_both_changes(language: str, zone: str) -> None:
    """The text that is kept with the time that is kept; the zone is named; a text message has few parts."""
    clock, texts = kept(language)
    for at in instants(zone):
        full, brief, there = clock[zone, f"{at:%Y-%m-%dT%H:%MZ}"]
        for words in ALL:
            when = brief if words.channel is Channel.SMS else full
            text = sent(facts(words, language, zone, at))
            assert text == texts[words.name].replace("<when>", when).replace("<there>", there), words.name
            linked = words.kind != "cancellation" and words.channel in (Channel.EMAIL, Channel.SMS)
            assert text.count("://") == linked
            assert list(clinical(text.replace(CLINIC.name, ""), language)) == []
            assert words.channel is not Channel.SMS or segments(text) <= BUDGET


@pytest.mark.parametrize("zone", ZONES)
def test_the_clock_changes_are_those_of_the_zone(zone: str) -> None:
    """Both changes of the year, half an hour on Lord Howe; two zones have none."""
    local = ZoneInfo(zone)
    jumps = [(at.astimezone(local).utcoffset(), (at - HALF).astimezone(local).utcoffset()) for at in changes(zone)]
    still = zone in ("America/Sao_Paulo", "Asia/Kolkata")
    assert len(jumps) == 2
    for after, before in jumps:
        assert after is not None
        assert before is not None
        assert abs(after - before) == timedelta(minutes=0 if still else 30 if zone == "Australia/Lord_Howe" else 60)


def calendar_of(zone: str, at: datetime, *, revision: int, method: Method) -> tuple[Calendar, Event]:
    occasion = Occasion(
        title="Video visit",
        text="Open the link.",
        link="" if method is Method.CANCEL else f"{HOME}/join/x",
        organizer="visits@clinic.example",
        attendee="reader@home.example",
        zone=ZoneInfo(zone),
        domain="visits.example",
    )
    status = VisitStatus.CANCELLED if method is Method.CANCEL else VisitStatus.BOOKED
    made = invite(visit(at, zone, revision=revision, status=status), occasion, method=method, now=NOW)
    calendar = Calendar.from_ical(made.content)
    assert isinstance(calendar, Calendar)
    (event,) = calendar.walk("VEVENT")
    assert isinstance(event, Event)
    return calendar, event


@pytest.mark.parametrize("zone", ZONES)
def test_calendars_hear_of_each_step_at_its_own_time(zone: str) -> None:
    """Booked, moved over the clock change and cancelled, as icalendar reads it: REQUEST, REQUEST, CANCEL."""
    for at in changes(zone):
        for start in (at - 2 * HALF, at - HALF, at, at + HALF, at + 2 * HALF):
            steps = ((start, Method.REQUEST), (start + timedelta(days=1), Method.REQUEST), (start, Method.CANCEL))
            told = [
                calendar_of(zone, each, revision=revision, method=method)
                for revision, (each, method) in enumerate(steps, start=1)
            ]
            assert [str(calendar["METHOD"]) for calendar, _ in told] == ["REQUEST", "REQUEST", "CANCEL"]
            assert [event["SEQUENCE"] for _, event in told] == [1, 2, 3]
            assert len({event["UID"] for _, event in told}) == 1
            assert [event["STATUS"] for _, event in told] == ["CONFIRMED", "CONFIRMED", "CANCELLED"]
            assert [read(calendar, event) for calendar, event in told] == [each for each, _ in steps]
            assert all(event.end - event.start == timedelta(minutes=20) for _, event in told)


def read(calendar: Calendar, event: Event) -> datetime:
    """When it begins by the VTIMEZONE that is sent along alone: what is repeated is the first (RFC 5545)."""
    start, tzid = event.start, event["DTSTART"].params.get("TZID")
    assert isinstance(start, datetime)
    if tzid is None:
        return start.astimezone(UTC)
    (zone,) = calendar.walk("VTIMEZONE")
    assert isinstance(zone, Timezone)
    assert zone["TZID"] == tzid
    return start.replace(tzinfo=zone.to_tz(), fold=0).astimezone(UTC)


@pytest.mark.parametrize("zone", ZONES)
def test_the_zone_that_is_sent_along_is_the_zone(zone: str) -> None:
    """Every half hour for two days around both changes."""
    for at in changes(zone):
        calendar, _ = calendar_of(zone, at, revision=1, method=Method.REQUEST)
        (component,) = calendar.walk("VTIMEZONE")
        assert isinstance(component, Timezone)
        theirs, ours = component.to_tz(), ZoneInfo(zone)
        for step in range(-48, 49):
            local = (at + step * HALF).astimezone(ours).replace(tzinfo=None, fold=0)
            if (local.replace(tzinfo=ours).astimezone(UTC) - (at + step * HALF)) != timedelta():
                continue  # the second of two that read alike
            assert local.replace(tzinfo=theirs).utcoffset() == local.replace(tzinfo=ours).utcoffset(), local
