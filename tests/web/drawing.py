"""Pages drawn from samples as the web process would draw them."""

from telehealth.http.locales import WEB, Locale, Locales
from telehealth.http.pages import Pages, open_pages
from tests.web.sample import Sample

PAGES = open_pages(Locales.load())
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


def draw(sample: Sample, language: str) -> str:
    return drawn(PAGES, sample, PAGES.locales.get(language))


def drawn(pages: Pages, sample: Sample, locale: Locale) -> str:
    template = pages.environment.get_template(sample.template)
    return template.render(locale=locale, path=sample.path, **sample.context)


def static(path: str) -> tuple[bytes, str]:
    """Bytes and media type of a file under /static/."""
    file = WEB / path.lstrip("/")
    return file.read_bytes(), TYPES[file.suffix]
