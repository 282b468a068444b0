"""Sample pages opened in Chromium under the real content policy, answered by the test instead of a server."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from telehealth.http.security import CONTENT_SECURITY_POLICY
from tests.web.drawing import draw, static
from tests.web.sample import Sample
from tests.web.samples import SAMPLES

ORIGIN = "http://localhost"  # a secure context, so that devices can be opened
BY_NAME = {sample.name: sample for sample in SAMPLES}
Scheme = Literal["light", "dark"]
SIDEWAYS = """() => [...document.querySelectorAll("body *")]
  .filter((each) => each.checkVisibility() && !each.closest(".sr, .skip"))
  .filter((each) => { const box = each.getBoundingClientRect(); return box.left < -1 || box.right > innerWidth + 1; })
  .map((each) => each.outerHTML.slice(0, 90))"""
Answer = Callable[[Route], None]


@dataclass
class Stage:
    """A page, what it shows next time it is read, and how its API answers. Unanswered addresses are away (503)."""

    page: Page
    sample: Sample
    language: str
    api: dict[str, Answer] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def open(self) -> Page:
        self.page.goto(ORIGIN + self.sample.path)
        return self.page

    def show(
        self, name: str, *, language: str = "en", scheme: Scheme = "light", size: tuple[int, int] = (360, 740)
    ) -> Page:
        """Another page on the same stage: a third of the time of a stage of its own."""
        self.sample, self.language = BY_NAME[name], language
        self.look(scheme=scheme, size=size)
        return self.open()

    def look(self, *, scheme: Scheme = "light", size: tuple[int, int] = (360, 740)) -> Page:
        """The page that is open, in another theme and window."""
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme)
        return self.page

    def serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            body, kind = static(path)
            route.fulfill(body=body, content_type=kind)
        elif answer := self.api.get(f"{route.request.method} {path}"):
            answer(route)
        elif path.startswith("/v1/"):
            route.fulfill(status=503, json={"title": "Away", "status": 503})
        else:
            headers = {"Content-Security-Policy": CONTENT_SECURITY_POLICY}
            drawn = draw(self.sample, self.language)
            route.fulfill(body=drawn, content_type="text/html; charset=utf-8", headers=headers)

    def hear(self, message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            self.faults.append(message.text)


@contextmanager
def stage(
    browser: Browser,
    name: str,
    *,
    language: str = "en",
    scheme: Scheme = "light",
    size: tuple[int, int] = (360, 740),
    scripts: bool = True,
) -> Iterator[Stage]:
    """The named sample on a stage of its own; a script error or a broken content policy fails the test."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        reduced_motion="reduce",
        java_script_enabled=scripts,
    )
    page = context.new_page()
    staged = Stage(page, BY_NAME[name], language)
    page.on("console", staged.hear)
    page.on("pageerror", lambda error: staged.faults.append(str(error)))
    page.route("**/*", staged.serve)
    try:
        yield staged
        assert staged.faults == []
    finally:
        context.close()
