"""What can be said about the pages without a browser: they draw, they are sound HTML, they weigh little."""

import gzip
import re
from html.parser import HTMLParser

import pytest

from telehealth.catalogue import read_catalogue
from telehealth.http.locales import LANGUAGES, WEB, Locales
from telehealth.http.operation import PARAMETER
from telehealth.http.pages import open_pages
from telehealth.people.schemas import LONGEST_EMAIL
from tests.web.drawing import draw, drawn, static
from tests.web.sample import Sample
from tests.web.samples import SAMPLES

LIMIT = 30_000  # bytes of a patient's page with all it loads, gzip
IMPORT = re.compile(r"""from "\./([\w.-]+)";""")
VOID = {"meta", "link", "input", "br", "rect", "path", "img", "hr"}
NAMES = [sample.name for sample in SAMPLES]
FORMS = [each for each in read_catalogue().operations if each.form and each.method == "POST"]


class Reader(HTMLParser):
    """Collects elements with their attributes; fails on tags that do not close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, (tag, self.getpos())


def read(sample: Sample, language: str) -> Reader:
    reader = Reader()
    reader.feed(draw(sample, language))
    reader.close()
    return reader


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_every_page_is_sound_in_every_language(sample: Sample, language: str) -> None:
    reader = read(sample, language)
    assert reader.open == []
    identifiers = [attributes["id"] for _tag, attributes in reader.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    pointing = [(name, value) for _tag, each in reader.elements for name, value in each.items() if value]
    for name, value in pointing:
        if name in {"for", "aria-labelledby", "aria-describedby"}:
            assert set(value.split()) <= set(identifiers), (name, value)
        if name == "href" and value.startswith("#"):
            assert value[1:] in identifiers


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_the_content_policy_can_be_strict(sample: Sample) -> None:
    for tag, attributes in read(sample, "en").elements:
        assert "style" not in attributes
        assert tag != "style"
        assert not [name for name in attributes if name.startswith("on")]
        assert tag != "script" or "src" in attributes or attributes.get("type") == "application/json"
        address = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert address is None or address.startswith("/static/")


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_every_field_of_words_says_how_many_it_takes(sample: Sample) -> None:
    """What is longer is refused as a whole, with all else that was typed."""
    for tag, attributes in read(sample, "en").elements:
        words = tag == "textarea" or (tag == "input" and attributes.get("type", "text") in {"text", "email", "tel"})
        assert not words or "maxlength" in attributes or "readonly" in attributes, attributes


class Posted(Reader):
    """Notes the fields of words, each with where its form goes."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = self.action = path
        self.fields: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        attributes = dict(attrs)
        if tag == "form":
            self.action = (attributes.get("action") or self.path).split("?")[0]
        elif tag in {"input", "textarea"} and "maxlength" in attributes:
            self.fields.append((self.action, attributes))


def taken(action: str, field: str) -> int | None:
    """How much of that field the form behind the address takes; None where it says nothing of it."""
    behind = [each for each in FORMS if re.fullmatch(PARAMETER.sub("[^/]+", each.path), action)]
    plainest = min(behind, key=lambda each: len(each.path_parameters), default=None)
    if plainest is None or plainest.body is None:
        return None
    about = plainest.body.model_json_schema().get("properties", {}).get(field, {})
    return next((each["maxLength"] for each in (about, *about.get("anyOf", ())) if "maxLength" in each), None)


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_no_field_takes_more_than_its_form_and_an_address_is_not_cut(sample: Sample) -> None:
    """A browser cuts what is pasted without a word, and what is left of an address may be somebody else's."""
    reader = Posted(sample.path)
    reader.feed(draw(sample, "en"))
    for action, attributes in reader.fields:
        longest, most = int(attributes["maxlength"] or 0), taken(action, attributes.get("name") or "")
        assert most is None or longest <= most, attributes
        assert attributes.get("type") != "email" or longest == LONGEST_EMAIL, attributes


@pytest.mark.parametrize("wish", ["en-US", "en-GB", "fr-CA", "es-PR", "ar-EG"])
def test_the_example_of_a_birth_date_is_in_the_order_of_the_boxes(wish: str) -> None:
    pages = open_pages(Locales.load())
    locale = pages.locales.negotiate(accept=wish)
    sample = next(each for each in SAMPLES if each.name == "join")
    page = drawn(pages, sample, locale)
    example = re.search(r'id="birth-hint">([^<]+)<', page)
    assert example
    numbers = {"31": "day", "3": "month", "1980": "year"}
    assert [numbers[each] for each in re.findall(r"\d+", example[1])] == list(locale.date_order)
    assert re.findall(r'<input id="birth_(\w+)"', page) == list(locale.date_order)


class Unfolded(Reader):
    """Notes which forms stand in something that is unfolded first."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: dict[str, bool] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "form":
            self.forms[dict(attrs).get("action") or ""] = "details" in self.open
        super().handle_starttag(tag, attrs)


@pytest.mark.parametrize(("page", "ending"), [("queue", "/leave"), ("waitlist", "/withdraw")])
def test_nobody_loses_their_turn_by_one_press(page: str, ending: str) -> None:
    reader = Unfolded()
    reader.feed(draw(next(each for each in SAMPLES if each.name == page), "en"))
    found = {action: unfolded for action, unfolded in reader.forms.items() if action.endswith(ending)}
    assert found
    assert all(found.values())


def test_every_template_has_a_sample() -> None:
    seen = {sample.template for sample in SAMPLES} | {
        "layout.html",
        "call.html",
        "macros.html",
        "waiting.html",
        "task_rows.html",
        "check.html",
        "desk_words.html",
        "questions.html",
        "attachments.html",
        "note_versions.html",
    }
    assert seen == {path.name for path in (WEB / "templates").glob("*.html")}


def loaded(script: str) -> set[str]:
    found = {script}
    waiting = [script]
    while waiting:
        for name in IMPORT.findall(static(f"/static/{waiting.pop()}")[0].decode()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_patients_page_with_all_it_loads_is_small(language: str) -> None:
    sample = next(each for each in SAMPLES if each.name == "visit_check")
    parts = [draw(sample, language).encode()]
    parts += [static(f"/static/{name}")[0] for name in ("style.css", "icon.svg", *loaded("patient.js"))]
    weight = sum(len(gzip.compress(part)) for part in parts)
    assert weight <= LIMIT, weight


@pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
def test_a_house_that_keeps_no_files_asks_nobody_for_one(sample: Sample) -> None:
    pages = open_pages(Locales.load(), takes_files=False)
    page = drawn(pages, sample, pages.locales.get("en"))
    assert 'id="upload"' not in page
    assert 'href="/visit/files"' not in page
