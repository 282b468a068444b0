"""What files are called, what uploads say of themselves, and that nothing in it breaks on anything."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telehealth.core.errors import Refusal
from telehealth.records.attachments.rules import (
    STEPS,
    WORDS,
    FileType,
    Unfit,
    UnfitFile,
    UploadState,
    announced,
    clean_name,
    disposition,
    file_type,
)


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("mole.jpg", "mole"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\rosa\\arm.png", "arm"),
        ("/", "file"),
        ("", "file"),
        ("...", "file"),
        (".htaccess", "htaccess"),
        ("nul.txt", "file"),
        ("gpj.\u202eexe.png", "gpj.exe"),
        ("a\0b\r\nc.pdf", "abc"),
        ("Ausschlag   am Arm .jpeg", "Ausschlag am Arm"),
        ("رسالة.pdf", "رسالة"),
        ('"quoted" <b>.pdf', "quoted b"),
        ("x" * 300 + ".pdf", "x" * 100),
    ],
)
def test_a_name_is_a_name_and_nothing_else(given_name: str, name: str) -> None:
    assert clean_name(given_name) == name


@given(st.text(max_size=300))
def test_no_name_leads_anywhere_or_breaks_a_header(text: str) -> None:
    name = clean_name(text)
    assert 1 <= len(name) <= 100
    assert not set(name) & set('/\\:"*<>?|\r\n\0')
    assert clean_name(f"{name}.jpg") == name
    header = disposition(name, FileType.JPEG)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2


@given(st.binary(max_size=80))
def test_any_content_is_of_a_kind_or_refused(content: bytes) -> None:
    with suppress(UnfitFile):
        assert file_type(content) in FileType


@given(st.text(max_size=60), st.text(max_size=200))
def test_any_header_is_read_or_refused(length: str, metadata: str) -> None:
    try:
        told = announced(length, metadata, largest=1000)
    except Refusal:
        return
    assert 0 < told.length <= 1000


def test_what_an_upload_announces() -> None:
    name = base64.b64encode(b"Arm links.jpg").decode()
    told = announced("10", f"filename {name}, filetype aW1hZ2UvcG5n,is_private", largest=10)
    assert (told.length, told.name) == (10, "Arm links")


def test_everything_has_its_words_and_its_steps() -> None:
    assert set(WORDS) == set(Unfit)
    assert set(STEPS) == set(UploadState)
