"""What notes are drawn from: the subset, and what hostile text becomes of it."""

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.records.notes.markdown import (
    Break,
    Emphasis,
    Heading,
    Items,
    Link,
    Paragraph,
    Text,
    html,
    only_headings,
    parse,
    plain,
)
from telehealth.records.notes.wording import cleaned

ALLOWED = {"div", "h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "em", "strong", "ul", "ol", "li", "a"}
SUBSET = """## Plan

Rest, *much* **sleep**
and tea.

- one
  - two
3. three

[Help](https://clinic.example/help) [call](tel:+15075550134)"""


def test_the_subset_is_read() -> None:
    assert parse(SUBSET) == (
        Heading(2, (Text("Plan"),)),
        Paragraph(
            (
                Text("Rest, "),
                Emphasis((Text("much"),)),
                Text(" "),
                Emphasis((Text("sleep"),), strong=True),
                Break(),
                Text("and tea."),
            )
        ),
        Items(((Paragraph((Text("one"),)), Items(((Paragraph((Text("two"),)),),))),)),
        Items(((Paragraph((Text("three"),)),),), first=3),
        Paragraph(
            (
                Link("https://clinic.example/help", (Text("Help"),)),
                Text(" "),
                Link("tel:+15075550134", (Text("call"),)),
            )
        ),
    )


def test_it_is_drawn_below_the_headings_of_a_page() -> None:
    drawn = html(parse("# Plan\n\n2. a & b"), top=3)
    assert drawn == '<h3 dir="auto">Plan</h3><ol start="2"><li><p dir="auto">a &amp; b</p></li></ol>'


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "http://clinic.example", "data:text/html,x", "//clinic.example", "x.png", "JaVaScRiPt:x"],
)
def test_no_other_address_becomes_a_link(address: str) -> None:
    drawn = html(parse(f"[here]({address})"))
    assert "<a" not in drawn
    assert "here" in drawn


@pytest.mark.parametrize(
    "hostile",
    ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](https://a.example/x.png)", "&lt;b&gt;", "`x`"],
)
def test_hostile_text_stays_text(hostile: str) -> None:
    drawn = html(parse(hostile))
    assert not re.search(r"<(script|img|b|code)", drawn)


def test_an_image_is_a_mark_and_a_link_at_most() -> None:
    assert plain(part for block in parse("![x](https://a.example/x.png)") for part in block.parts) == "!x"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("10\u202e mg\u202c", "10 mg"),
        ("a\0b\x1bc\x7f", "abc"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("e\u0301\tf", "\u00e9\tf"),
        ("\u200f\u0634\u0643\u200f \u2066x\u2069", "\u200f\u0634\u0643\u200f \u2066x\u2069"),
        ("a\ud800b", "ab"),
    ],
)
def test_what_turns_or_breaks_a_text_is_taken_out(text: str, clean: str) -> None:
    assert cleaned(text) == clean
    assert cleaned(clean) == clean


def test_headings_alone_are_nothing_written() -> None:
    assert only_headings("")
    assert only_headings("## Subjective\n\n## Plan\n")
    assert not only_headings("## Plan\n\nRest.")


def test_lists_as_deep_as_they_like_are_drawn_so_far() -> None:
    deep = "\n".join(f"{'  ' * level}- {level}" for level in range(200))
    assert html(parse(deep)).count("<ul>") <= 20


@given(st.text(alphabet=st.sampled_from("#*_-[]()<>&\"'\\`! \n1.ab:/"), max_size=200))
def test_whatever_is_typed_is_sound_and_inert(text: str) -> None:
    tree = ET.fromstring(f"<div>{html(parse(text))}</div>")  # noqa: S314 -- our own drawing
    for element in tree.iter():
        assert element.tag in ALLOWED
        assert set(element.attrib) <= {"dir", "start", "href", "rel"}
        assert element.get("href", "https:").startswith(("https:", "tel:", "mailto:"))
