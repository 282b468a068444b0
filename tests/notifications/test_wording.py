"""Words with places: what may stand in them, filling them, and that nothing in them is ever run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.http.locales import LANGUAGES, Locales
from telehealth.notifications import trial
from telehealth.notifications.kinds import KINDS
from telehealth.notifications.rules import Channel, MessageKind
from telehealth.notifications.segments import segments
from telehealth.notifications.slots import ALL, BUDGET, NAMED, Words
from telehealth.notifications.trial import House
from telehealth.notifications.wording import CLINICAL, Fault, Frame, Wording, cleaned, clinical, faults, filled, letter
from telehealth.people.rules import Clinic, words

FRAME = Frame(frozenset({"when", "link", "phone"}), frozenset({"link"}), frozenset({"when"}), has_subject=True)
HOUSE = House("https://visits.riverside-clinic.example", Clinic("Riverside Clinic", "+1 555 0100", "America/Chicago"))
LOCALES = Locales.load()


def found(body: str, subject: str = "Your visit", language: str = "en") -> list[tuple[str, int, str, str]]:
    wrong = faults(Wording(subject, cleaned(body)), FRAME, language=language)
    return [(each.field, each.line, each.code, each.word) for each in wrong]


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ("Come on {when}: {link}", []),
        ("Come\n\non {wenn}: {link}", [("body", 3, "place", "{wenn}")]),
        ("{{ link }} {link}", [("body", 1, "place", "{ link }"), ("body", 1, "place", "{")]),
        ("{% for x in y %}{link}", [("body", 1, "place", "{% for x in y %}")]),
        ("{link.__class__} {link}", [("body", 1, "place", "{link.__class__}")]),
        ("{link:>9999999}\n{link}", [("body", 1, "place", "{link:>9999999}")]),
        ("Come.", [("body", 0, "missing", "link")]),
        ("{link}\n{link}", [("body", 2, "twice", "link")]),
        (" ", [("body", 0, "required", "")]),
        ("About your\nBiopsy: {link}", [("body", 2, "clinical", "biopsy")]),
        ("https://evil.test {link}", [("body", 1, "address", "https://")]),
        ("See clinic.com or {link}", [("body", 1, "address", "clinic.com")]),
        ("a\x07b {link}", [("body", 1, "character", "")]),
        ("\u202etxet {link}", [("body", 1, "character", "")]),
        ("a" * 3001 + "{link}", [("body", 0, "long", "")]),
    ],
)
def test_what_is_wrong_and_where(body: str, wrong: list[tuple[str, int, str, str]]) -> None:
    assert found(body) == wrong


def test_a_subject_tells_a_time_at_most() -> None:
    assert found("{link}", subject="{when}") == []
    assert found("{link}", subject="{phone}") == [("subject", 1, "place", "{phone}")]
    assert found("{link}", subject="Your cancer") == [("subject", 1, "clinical", "cancer")]
    assert ("subject", 2, "character", "") in found("{link}", subject="a\nBcc: b")
    assert found("{link}", subject="") == [("subject", 0, "required", "")]


@pytest.mark.parametrize(
    ("language", "text", "words_"),
    [
        ("es", "Su Cirugía y el cáncer", ["cirugia", "cancer"]),
        ("fr", "Votre grossesse, une ordonnance", ["grossesse", "ordonnance"]),
        ("ar", "نتيجة السرطان والتحاليل", ["السرطان", "والتحاليل"]),
        ("ar", "psychiatry", ["psychiatry"]),
        ("en", "cancelled, available, label, administration", []),
        ("es", "cancelada, disponible, ordenador", []),
    ],
)
def test_words_that_stand_on_no_locked_screen(language: str, text: str, words_: list[str]) -> None:
    assert list(clinical(text, language)) == words_


def test_the_list_is_written_as_words_are_compared() -> None:
    assert [stem for stems in CLINICAL.values() for stem in stems if words(stem) != (stem,)] == []


def test_a_line_with_nothing_to_say_is_left_out_of_a_mail() -> None:
    wording = Wording("At {when}", "Hello\n\nCall {phone}.\n\n{link}")
    assert letter(wording, {"link": "L", "when": "3"}) == Wording("At 3", "Hello\n\nL\n")


@given(st.text(), st.dictionaries(st.sampled_from(["when", "link", "phone"]), st.text()))
def test_what_is_filled_in_is_not_filled_again(text: str, said: dict[str, str]) -> None:
    assert filled("{link}", {"link": text, **dict.fromkeys(("when", "phone"), "x")}) == text
    filled(text, said)


@given(st.text(alphabet=st.sampled_from("{}abwhenlik \n%.$_[]()"), max_size=60))
def test_whatever_is_let_through_leaves_no_brace(body: str) -> None:
    wording = Wording("s", cleaned(body))
    if not faults(wording, FRAME, language="en"):
        sent = letter(wording, {"when": "now", "link": "L", "phone": "1"}).body
        assert not {"{", "}"} & set(sent)
        assert sent.count("L") == 1


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", ALL, ids=[each.name for each in ALL])
def test_the_catalogue_keeps_to_its_own_rules(text: Words, language: str) -> None:
    """No clinical word, one link, every place known, and a text message within its budget."""
    locale = LOCALES.get(language)
    assert trial.wrong(text, trial.default(text, locale), HOUSE, locale) == []


def test_every_kind_has_its_words() -> None:
    assert {each.kind for each in ALL} == set(MessageKind)
    assert {each.kind for each in ALL if each.channel is Channel.SMS} == {
        kind for kind, nature in KINDS.items() if nature.texted
    }


def test_a_text_message_that_is_too_long_says_how_long_it_would_be() -> None:
    locale, text = LOCALES.get("en"), NAMED["reminder-patient-sms"]
    long = Wording("", "Very " * 90 + "{clinic} {when} {link}")
    (fault,) = trial.wrong(text, long, HOUSE, locale)
    assert (fault.code, fault.line) == ("segments", 0)
    assert int(fault.word) > BUDGET
    assert trial.wrong(text, Wording("A subject", "{when} {link}"), HOUSE, locale) == [Fault("subject", 1, "long")]
    assert segments("é" * 200) == 2
