"""Names and identifiers."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.people.rules import is_called, is_identifier, own_identifier, words

NAMES = st.text(st.characters(categories=["L"]), min_size=1, max_size=12)


@given(st.lists(NAMES, min_size=1, max_size=4))
def test_everyone_is_called_by_their_own_name_in_any_order(parts: list[str]) -> None:
    name = " ".join(parts)
    assert is_called(name, name) == bool(words(name))
    if words(name):
        assert is_called(" ".join(reversed(parts)), name)
        assert is_called(name.upper(), name.upper())


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_longer_question_finds_no_more(asked: str, name: str) -> None:
    if is_called(asked + " " + name, name):
        assert not words(asked) or is_called(name, name)


@pytest.mark.parametrize(
    ("asked", "name", "called"),
    [
        ("jose", "José García", True),
        ("GARCÍA jos", "José García", True),
        ("an an", "Ana Lima", False),
        ("an an", "Ana Andrade", True),
        ("", "Ana Lima", False),
        ("  -  ", "Ana Lima", False),
        ("ima", "Ana Lima", False),
        ("o'neill", "Shaun O'Neill", True),
        ("فاطمة", "فاطمة حسن", True),
    ],
)
def test_words_begin_words_of_the_name(asked: str, name: str, called: bool) -> None:
    assert is_called(asked, name) is called


@pytest.mark.parametrize("text", ["urn:mrn|1", "https://clinic.example/mrn|A 7", own_identifier(UUID(int=7))])
def test_an_identifier_has_system_and_value(text: str) -> None:
    assert is_identifier(text)


@pytest.mark.parametrize("text", ["", "|", "a|", "|b", "ab", " a|b", "a|b\n", "a|" + "b" * 600])
def test_anything_else_is_no_identifier(text: str) -> None:
    assert not is_identifier(text)
