"""Licences and attested places against an oracle that reads every clock of the place at every instant."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telehealth.core.ids import ClinicianId
from telehealth.core.intervals import Interval, union
from telehealth.people.jurisdictions import COUNTRIES, SUBDIVISIONS, parse_jurisdiction, zones_of
from telehealth.people.licensing import Licence, Whereabouts, dates_there, licensed, may_treat, stays

ADA = ClinicianId(UUID(int=1))
HOUR = timedelta(hours=1)
PLACES = ("US-CA", "US-TX", "US-NY", "US-AK", "US", "DE", "CU", "PT", "EG", "KI", "AU-NSW", "IN-MH", "LB")
STARTS = datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 10, 22, tzinfo=UTC)  # clock changes on the days that follow


@st.composite
def dates(draw: st.DrawFn) -> tuple[date | None, date | None]:
    origin = draw(st.sampled_from(STARTS)).date()
    first = draw(st.none() | st.integers(-2, 12).map(lambda days: origin + timedelta(days=days)))
    length = draw(st.none() | st.integers(0, 6))
    return first, None if length is None else (first or origin) + timedelta(days=length)


PLACE = st.sampled_from(PLACES)
LICENCES = st.lists(st.builds(lambda place, when: Licence(ADA, place, *when), PLACE, dates()), max_size=5)
WHEREABOUTS = st.lists(st.builds(lambda place, when: Whereabouts(place, *when), PLACE, dates()), max_size=4)


@cache
def local_day(zone: str, at: datetime) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def inside(zone: str, at: datetime, told: Licence | Whereabouts) -> bool:
    return (told.first or date.min) <= local_day(zone, at) <= (told.last or date.max)


def told_place(whereabouts: Sequence[Whereabouts], at: datetime) -> str | None:
    for place in reversed(whereabouts):
        if any(inside(zone, at, place) for zone in zones_of(place.jurisdiction)):
            return place.jurisdiction
    return None


def licensed_there(licences: Sequence[Licence], place: str, at: datetime) -> bool:
    held = [each for each in licences if each.jurisdiction == place]
    return all(any(inside(zone, at, licence) for licence in held) for zone in zones_of(place))


@settings(deadline=None)
@given(LICENCES, WHEREABOUTS, st.sampled_from(STARTS), st.integers(1, 7))
def test_spans_are_what_the_clocks_there_say(
    licences: list[Licence], whereabouts: list[Whereabouts], start: datetime, days: int
) -> None:
    span = Interval(start, start + timedelta(days=days))
    told = stays(whereabouts, span)
    known, treated = union(each.span for each in told), licensed(licences, told)
    for spans in (treated, known):
        assert all(before.end < after.start for before, after in pairwise(spans))
        assert all(span.contains(each) and each.start < each.end for each in spans)
    for half_hour in range(days * 48):
        at = start + half_hour * HOUR / 2
        place = told_place(whereabouts, at)
        assert any(each.start <= at < each.end for each in known) == (place is not None)
        may = place is not None and licensed_there(licences, place, at)
        assert any(each.start <= at < each.end for each in treated) == may
        if place is not None:
            assert may_treat(licences, place, at) == may


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def allowed(licences: Sequence[Licence], whereabouts: Sequence[Whereabouts], start: str) -> bool:
    moment = at(start)
    return bool(licensed(licences, stays(whereabouts, Interval(moment, moment + HOUR))))


def test_only_where_the_patient_will_be_counts() -> None:
    there = [Whereabouts("US-CA")]
    assert not allowed([Licence(ADA, "US-NY")], there, "2026-03-10T17:00:00Z")
    assert allowed([Licence(ADA, "US-CA"), Licence(ADA, "US-NY")], there, "2026-03-10T17:00:00Z")
    assert not allowed([Licence(ADA, "US")], there, "2026-03-10T17:00:00Z")
    assert not allowed([Licence(ADA, "US-CA")], [Whereabouts("US")], "2026-03-10T17:00:00Z")


def test_the_last_day_of_a_licence_counts_to_its_end_there() -> None:
    licence = [Licence(ADA, "US-CA", date(2025, 1, 1), date(2026, 3, 9))]
    starts = ("2026-03-09T20:00:00Z", "2026-03-10T06:59:00Z", "2026-03-10T07:00:00Z", "2026-03-10T20:00:00Z")
    assert [may_treat(licence, "US-CA", at(each)) for each in starts] == [True, True, False, False]


def test_a_journey_decides_each_date() -> None:
    journey = [
        Whereabouts("US-NY", date(2026, 3, 1), date(2026, 3, 5)),
        Whereabouts("US-FL", date(2026, 3, 6), date(2026, 3, 12)),
    ]
    licence = [Licence(ADA, "US-NY")]
    assert allowed(licence, journey, "2026-03-05T15:00:00Z")
    assert not allowed(licence, journey, "2026-03-06T15:00:00Z")


def test_a_renewal_leaves_no_gap_between_two_clocks() -> None:
    renewed = [Licence(ADA, "US-TX", None, date(2026, 3, 9)), Licence(ADA, "US-TX", date(2026, 3, 10), None)]
    assert may_treat(renewed, "US-TX", at("2026-03-10T05:30:00Z"))
    assert not may_treat(renewed[:1], "US-TX", at("2026-03-10T05:30:00Z"))
    assert not may_treat(renewed[1:], "US-TX", at("2026-03-10T05:30:00Z"))


def test_far_dates_are_no_limit() -> None:
    eternal = [Licence(ADA, "NZ", date.min, date.max)]
    assert may_treat(eternal, "NZ", at("2026-03-10T05:30:00Z"))


def test_an_instant_has_two_dates_where_a_country_is_wide() -> None:
    assert dates_there("US-CA", at("2026-03-10T06:30:00Z")) == (date(2026, 3, 9), date(2026, 3, 9))
    assert dates_there("US-TX", at("2026-03-10T05:30:00Z")) == (date(2026, 3, 9), date(2026, 3, 10))


def test_every_jurisdiction_has_clocks_and_states_have_those_of_their_country() -> None:
    for code in (*COUNTRIES, *SUBDIVISIONS):
        assert parse_jurisdiction(f" {code.lower()}") == code
        assert all(ZoneInfo(zone) for zone in zones_of(code))
    for country in ("US", "CA", "AU"):
        within = {zone for code in SUBDIVISIONS if code.startswith(country) for zone in zones_of(code)}
        assert set(zones_of(country)) <= within


@pytest.mark.parametrize("wrong", ["", "U", "XX", "us_ca", "US-", "US-ZZ", "US-CALI", "DE-", "EU", "AU-XYZ", "🇩🇪"])
def test_what_is_no_jurisdiction_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="ISO"):
        parse_jurisdiction(wrong)
