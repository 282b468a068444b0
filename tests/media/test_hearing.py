"""What a speech engine may say, and what may be sent for Opus: whatever it is, it harms nothing."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.media.engine import LONGEST_TEXT, Heard, read_answer
from telehealth.media.hearing import BYTES_A_SECOND, Hearing
from telehealth.media.unpacking import Frame

WORDS = st.text(max_size=800)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["text", "partial", "x"]), inner),
)


def said(message: str | bytes) -> Heard | None:
    try:
        return read_answer(message)
    except ValueError:
        return None


@given(st.one_of(st.binary(), WORDS, JSON.map(json.dumps)))
def test_whatever_an_engine_says_is_words_or_nothing(message: str | bytes) -> None:
    heard = said(message)
    if heard is None:
        return
    assert 0 < len(heard.text) <= LONGEST_TEXT
    assert heard.text.encode().decode() == heard.text
    assert {unicodedata.category(each) for each in heard.text}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert {unicodedata.bidirectional(each) for each in heard.text}.isdisjoint(
        {"RLO", "LRO", "RLE", "LRE", "RLI", "LRI"}
    )


@given(WORDS, st.booleans())
def test_words_are_heard_as_they_are_meant(words: str, final: bool) -> None:
    heard = said(json.dumps({"text" if final else "partial": f"so {words}"}))
    assert heard is not None
    assert heard.final is final
    assert heard.text.startswith("so")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ('{"partial": "good mor"}', Heard("good mor", final=False)),
        ('{"text": "good morning", "result": [{"word": "good"}]}', Heard("good morning", final=True)),
        ('{"text": ""}', None),
        ('{"partial": ""}', None),
        ('{"text": "كيف حالك"}', Heard("كيف حالك", final=True)),
        ('{"text": "a\\u202eb\\u0000c\\nd"}', Heard("ab c d", final=True)),
        ('{"text": "x\\u200cy"}', Heard("x\u200cy", final=True)),  # a joiner is spelling
    ],
)
def test_answers(message: str, expected: Heard | None) -> None:
    assert read_answer(message) == expected


@given(st.lists(st.tuples(st.integers(0, 1 << 40), st.binary(min_size=1, max_size=1500)), max_size=8))
def test_whatever_is_sent_for_opus_is_so_much_sound_at_most(packets: list[tuple[int, bytes]]) -> None:
    """A packet holds 120 ms at most (RFC 6716, section 3.2.5), and what is missing before it counts as one second."""
    sound = Hearing().hear(Frame(timestamp, key=True, data=data) for timestamp, data in packets)
    assert len(sound) % 2 == 0
    assert len(sound) <= len(packets) * 1.13 * BYTES_A_SECOND
