"""Which channel, which next, and when it may ring: rules."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.actors import Role
from telehealth.notifications.kinds import KINDS
from telehealth.notifications.rules import GIVE_UP_AFTER, Channel, MessageKind
from telehealth.notifications.segments import segments
from telehealth.notifications.texts import NoNumber, to_e164
from telehealth.notifications.ways import beside, patience, quiet_until, ways
from telehealth.notifications.wishes import preferring

ZONES = ("Europe/Madrid", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Kiritimati", "UTC")
instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
aheads = st.none() | st.timedeltas(timedelta(), timedelta(days=30))


def test_what_is_about_the_next_hour_goes_where_it_is_seen() -> None:
    near, far = timedelta(minutes=10), timedelta(days=1)
    assert ways(MessageKind.REMINDER, Role.PATIENT, ahead=near) == (Channel.PUSH, Channel.SMS, Channel.EMAIL)
    assert ways(MessageKind.REMINDER, Role.PATIENT, ahead=far) == (Channel.EMAIL, Channel.SMS, Channel.PUSH)
    assert ways(MessageKind.REMINDER, Role.CLINICIAN, ahead=near) == (Channel.EMAIL,)
    assert ways(MessageKind.FOLLOW_UP_DUE, Role.PATIENT, ahead=None) == (Channel.EMAIL,)


def test_a_call_is_the_last_way_for_what_is_bad_to_miss_and_the_first_for_who_wants_calls() -> None:
    for kind in MessageKind:
        called = Channel.PHONE in ways(kind, Role.PATIENT, ahead=None)
        assert called == (kind in (MessageKind.MOVED, MessageKind.CANCELLATION))
        assert not called or ways(kind, Role.PATIENT, ahead=None)[-1] is Channel.PHONE
    wished = preferring(Channel.PHONE, ways(MessageKind.REMINDER, Role.PATIENT, ahead=None, first=Channel.PHONE))
    assert wished[0] is Channel.PHONE
    assert Channel.PHONE not in ways(MessageKind.AFTER_VISIT_SUMMARY, Role.PATIENT, ahead=None, first=Channel.PHONE)


def test_alerts_ring_on_a_clinicians_devices_beside_the_mail() -> None:
    assert beside(MessageKind.WAITING_FOR_YOU, Role.CLINICIAN) == (Channel.PUSH,)
    assert beside(MessageKind.INVITATION, Role.CLINICIAN) == ()
    assert beside(MessageKind.REMINDER, Role.PATIENT) == ()


@given(st.sampled_from(MessageKind), st.sampled_from(Role), aheads)
def test_every_way_is_there_once(kind: MessageKind, role: Role, ahead: timedelta | None) -> None:
    among = ways(kind, role, ahead=ahead)
    assert len(set(among)) == len(among)
    for first in (None, *Channel):
        wished = preferring(first, among)
        assert sorted(wished) == sorted(among)
        assert first not in among or wished[0] is first
    assert (Channel.SMS in among) == (role is Role.PATIENT and KINDS[kind].texted)
    assert patience(ahead=ahead) < GIVE_UP_AFTER


@given(instants, st.sampled_from(ZONES), st.timedeltas(timedelta(), timedelta(days=30)))
def test_nobody_is_woken_and_nothing_comes_after_the_visit(now: datetime, zone: str, off: timedelta) -> None:
    place = ZoneInfo(zone)
    rings = quiet_until(Channel.SMS, now, place, visit_at=now + off) or now
    assert now <= rings <= now + max(off, timedelta())
    if off > timedelta(hours=12):
        assert time(8) <= rings.astimezone(place).time() < time(21)
        assert rings - now <= timedelta(hours=12)  # eleven, and the hour of a clock change
    assert quiet_until(Channel.EMAIL, now, place, visit_at=None) is None


@pytest.mark.parametrize(
    ("at", "off", "until"),
    [
        ("23:30", None, "08:00"),
        ("07:59", None, "08:00"),
        ("08:00", None, None),
        ("20:59", None, None),
        ("21:00", timedelta(hours=13), "08:00"),
        ("21:05", timedelta(minutes=10), None),
        ("02:00", timedelta(hours=5), None),
    ],
)
def test_the_night(at: str, off: timedelta | None, until: str | None) -> None:
    zone = ZoneInfo("Europe/Madrid")
    now = datetime.combine(date(2026, 3, 2), time.fromisoformat(at), zone)
    rings = quiet_until(Channel.SMS, now.astimezone(UTC), zone, visit_at=None if off is None else now + off)
    assert (None if rings is None else f"{rings.astimezone(zone):%H:%M}") == until


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 8, 2),
        ("á" * 70, 1),
        ("á" * 71, 2),
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("á" * 66 + "😀" + "á" * 4, 2),
    ],
)
def test_parts_on_the_air(text: str, parts: int) -> None:
    assert segments(text) == parts


@given(st.text(max_size=400))
def test_no_part_holds_more_than_it_can(text: str) -> None:
    units = len(text.encode("utf-16-be", "surrogatepass")) // 2
    assert segments(text) <= max(units, 1)
    assert (segments(text) == 0) == (text == "")


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("+1 507 555 0100", "", "+15075550100"),
        ("(507) 555-0100", "US", "+15075550100"),
        ("0151 23456789", "DE", "+4915123456789"),
        ("0034 600 123 456", "FR", "+34600123456"),
    ],
)
def test_numbers_as_people_write_them(written: str, region: str, number: str) -> None:
    assert to_e164(written, region) == number


@pytest.mark.parametrize(("written", "region"), [("507 555 0100", ""), ("", "US"), ("12", "US"), ("+1 507 55", "")])
def test_what_is_no_number_is_said_to_be_none(written: str, region: str) -> None:
    with pytest.raises(NoNumber):
        to_e164(written, region)
