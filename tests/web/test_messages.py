"""Every language has every word of every template, module and letter, and nothing else."""

import re
from collections.abc import Sequence
from functools import cache
from io import StringIO
from pathlib import Path
from string import Formatter

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.frontend import parse_mapping_cfg
from babel.messages.pofile import read_po

from telehealth.http.locales import LANGUAGES, WEB

TRANSLATED = [code for code in LANGUAGES if code != "en"]
PERCENT = re.compile(r"%\((\w+)\)[sd]")


@cache
def used() -> frozenset[str | tuple[str, ...]]:
    """What the templates, modules and letters say, read as `messages/babel.cfg` tells."""
    source = StringIO((WEB / "messages/babel.cfg").read_text("utf-8"))
    methods, options = parse_mapping_cfg(source)  # type: ignore[no-untyped-call]
    keywords = {"_": None, "gettext": None, "ngettext": (1, 2), "t": None}
    found = extract_from_dir(WEB.parent, methods, options, keywords=keywords)
    return frozenset(message for _file, _line, message, _comments, _context in found)


def catalogue(code: str) -> Catalog:
    with Path(WEB, "messages", f"{code}.po").open("rb") as source:
        return read_po(source, locale=code, abort_invalid=True)


def forms(text: Sequence[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


@pytest.mark.parametrize("code", TRANSLATED)
def test_nothing_is_missing_and_nothing_is_left_over(code: str) -> None:
    known = {message.id if isinstance(message.id, str) else tuple(message.id) for message in catalogue(code)}
    assert known - {""} == used()


@pytest.mark.parametrize("code", TRANSLATED)
def test_nothing_is_empty_or_fuzzy(code: str) -> None:
    for message in catalogue(code):
        assert not message.fuzzy or not message.id, message.id
        assert all(form.strip() for form in forms(message.string)), message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_placeholders_are_kept(code: str) -> None:
    for message in catalogue(code):
        if not message.id:
            continue
        wanted = placeholders(forms(message.id)[-1])
        for form in forms(message.string):
            spoken_number = wanted == {"num"} and not placeholders(form)  # "one patient", "two patients"
            assert spoken_number or placeholders(form) == wanted, message.id


@pytest.mark.parametrize("code", TRANSLATED)
def test_all_forms_of_number_are_there(code: str) -> None:
    spoken = catalogue(code)
    assert {len(forms(m.string)) for m in spoken if isinstance(m.id, tuple | list)} == {spoken.num_plurals}


def placeholders(text: str) -> set[str]:
    braces = {name for _, name, _, _ in Formatter().parse(text) if name} if "{" in text else set()
    return set(PERCENT.findall(text)) | braces
