"""Which language a person gets, and how it writes days and zones."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.http.locales import LANGUAGES, Locales, parse_accept_language

LOCALES = Locales.load()
WINTER = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
NEW_YORK = ZoneInfo("America/New_York")
header_text = st.text(alphabet=st.characters(max_codepoint=0x2FF), max_size=120)
tags = st.sampled_from(["en", "es", "fr", "ar", "de", "pt-BR", "es-MX", "AR-eg", "zh-Hant-TW", "*", "", "x" * 40])


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ({}, "en"),
        ({"accept": "fr-CA, fr;q=0.9, en;q=0.8"}, "fr-CA"),
        ({"accept": "de, es-419;q=0.5"}, "es-419"),
        ({"accept": "en;q=0.2, ar;q=0.9"}, "ar"),
        ({"accept": "ar;q=0"}, "en"),
        ({"accept": "en-GB", "cookie": "es"}, "es"),
        ({"cookie": "es", "query": "fr"}, "fr"),
        ({"query": "tlh", "cookie": "ar"}, "ar"),
        ({"accept": "en-GB", "preferred": "es"}, "es"),
        ({"preferred": "es-MX"}, "es"),
        ({"accept": "en-ZZ"}, "en"),
    ],
)
def test_the_nearest_wish_wins(asked: dict[str, str], tag: str) -> None:
    assert LOCALES.negotiate(**asked).tag == tag


@given(st.lists(header_text | tags, max_size=4).map(",".join), header_text | tags, header_text | tags)
def test_whatever_is_sent_we_speak_something(accept: str, query: str, cookie: str) -> None:
    assert LOCALES.negotiate(query=query, cookie=cookie, accept=accept).code in LANGUAGES


@given(st.permutations([("en", 0.3), ("es", 0.5), ("fr", 0.7), ("ar", 0.9)]))
def test_quality_decides_and_not_place(wishes: list[tuple[str, float]]) -> None:
    header = ", ".join(f"{code};q={quality}" for code, quality in wishes)
    assert [wish.code for wish in parse_accept_language(header)] == ["ar", "fr", "es", "en"]


@given(st.sampled_from(list(LANGUAGES)), st.integers(946_684_800, 4_102_444_800))
def test_every_instant_can_be_written(code: str, second: int) -> None:
    instant = datetime.fromtimestamp(second, UTC)
    locale = LOCALES.get(code)
    written = locale.format_datetime(instant, NEW_YORK)
    assert locale.format_time(instant, NEW_YORK) in written
    assert locale.format_date(instant, NEW_YORK) in written


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("en", "Monday, January 5, 2026, 9:30\u202fAM (Eastern Standard Time)"),
        ("es", "lunes, 5 de enero de 2026, 9:30 (hora estándar oriental)"),
        ("fr", "lundi 5 janvier 2026, 09:30 (heure normale de l\u2019Est nord-américain)"),
        ("ar", "الاثنين، 5 يناير 2026، 9:30 ص (التوقيت الرسمي الشرقي لأمريكا الشمالية)"),
    ],
)
def test_a_zone_is_named_in_words(tag: str, written: str) -> None:
    assert LOCALES.get(tag).format_datetime(WINTER, NEW_YORK) == written


@pytest.mark.parametrize("zone", ["Africa/Casablanca", "Asia/Kathmandu", "Antarctica/Troll", "Pacific/Kiritimati"])
@pytest.mark.parametrize("code", LANGUAGES)
def test_a_zone_without_a_name_goes_by_its_place(code: str, zone: str) -> None:
    assert not any(map(str.isdigit, LOCALES.get(code).zone_name(WINTER, ZoneInfo(zone))))


def test_direction_weekdays_and_the_order_of_boxes() -> None:
    assert [LOCALES.get(code).direction for code in LANGUAGES] == ["ltr", "ltr", "ltr", "rtl"]
    assert LOCALES.get("fr").weekday(1) == "lundi"
    assert LOCALES.get("es").weekday(7) == "domingo"
    assert LOCALES.negotiate(accept="en-US").date_order == ("month", "day", "year")
    assert LOCALES.negotiate(accept="en-GB").date_order == ("day", "month", "year")
    assert LOCALES.get("en").language_name("ar") == "Arabic"
    assert LOCALES.get("en").language_name("??") == "??"


def test_scripts_get_the_words_of_all_they_import() -> None:
    words = LOCALES.get("fr").words("patient.js")
    assert words["Works"] == "Fonctionne"
    assert any("caméra" in word for word in words.values())
    assert LOCALES.get("en").words("patient.js") == {}


def test_arabic_has_all_six_numbers() -> None:
    say = LOCALES.get("ar").ngettext
    said = {say("%(num)d patient found", "%(num)d patients found", number) for number in (0, 1, 2, 3, 11, 100)}
    assert len(said) == 6
