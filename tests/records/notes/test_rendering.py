from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.notes.amendments import words_of
from telehealth.records.notes.markdown import parse
from telehealth.records.notes.rules import as_signed, render
from tests.kit.notes import SIGNED_AT


def rendered(body: str) -> str:
    return render("Progress note", body, author_name="Dr. A", started_at=SIGNED_AT, signed_at=SIGNED_AT)


def test_the_text_has_a_head_and_the_words() -> None:
    assert rendered("## Plan\r\nRest.\n") == (
        "Progress note\nVisit: 2026-03-02T15:04:05Z\nSigned: 2026-03-02T15:04:05Z by Dr. A\n\n## Plan\nRest.\n"
    )


@given(st.text())
def test_text_is_normal_whatever_was_typed(body: str) -> None:
    text = rendered(body)
    assert "\r" not in text
    assert text.endswith("\n")
    assert text.encode()
    again = rendered(text.split("\n\n", 1)[1]) if "\n\n" in text else text
    assert again == text


def test_instants_are_written_in_utc() -> None:
    signed_at = datetime(2026, 1, 1, tzinfo=UTC)
    text = render("x", "y", author_name="A", started_at=SIGNED_AT, signed_at=signed_at)
    assert "2026-01-01T00:00:00Z" in text


@given(st.text("a#*- >[](\n\r\t\x00\u2028<&1.", max_size=40))
def test_what_is_previewed_is_what_is_read_once_it_is_signed(body: str) -> None:
    assert parse(as_signed(body)) == parse(words_of(rendered(body)))
