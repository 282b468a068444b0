"""Pages for people: Jinja2 templates in the reader's language, from the package's own files only."""

from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from telehealth.core.errors import Kind, Refusal
from telehealth.db.unit import request_id
from telehealth.http.locales import COOKIE, Locale, Locales, install
from telehealth.http.operation import SAFE_METHODS
from telehealth.http.ports import Helpline
from telehealth.http.problems import InvalidRequest, headers_of, status_of


@dataclass(frozen=True)
class Pages:
    """Templates get `locale`, `path`, `query` (what of it stays in another language) and what the handler passes;
    undefined names are errors.
    """

    environment: Environment
    locales: Locales

    def locale(self, request: Request, preferred: str = "") -> Locale:
        """Chosen by `?lang=`, else the `lang` cookie, else what is known of the person, else Accept-Language."""
        return self.locales.negotiate(
            query=request.query_params.get("lang", ""),
            cookie=request.cookies.get(COOKIE, ""),
            preferred=preferred,
            accept=request.headers.get("accept-language", ""),
        )

    def render(
        self, request: Request, template: str, /, *, status: int = 200, preferred: str = "", **context: object
    ) -> Response:
        locale = self.locale(request, preferred)
        stays = getattr(request.state, "stays", {}) if status < HTTPStatus.BAD_REQUEST else {}
        always = {"path": request.url.path, "query": stays}
        html = self.environment.get_template(template).render(locale=locale, **{**always, **context})
        response = Response(html, status, media_type="text/html", headers={"Content-Language": locale.tag})
        if request.query_params.get("lang") == locale.code:
            response.set_cookie(COOKIE, locale.code, max_age=31_536_000, samesite="lax")
        return response

    def refused(
        self,
        request: Request,
        refusal: Refusal,
        *,
        by_link: bool = False,
        knows: bool = False,
        helpline: Helpline | None = None,
    ) -> Response:
        """A refusal as a page; staff who are not signed in are led to the sign-in page and back.

        Who comes `by_link` has no account: they are told to open their link again. `knows`: the reader is somebody the
        house knows, and the page leads back to where they begin.
        """
        if refusal.kind is Kind.UNIDENTIFIED and request.method == "GET" and not by_link:
            return RedirectResponse(f"/sign-in?next={quote(request.url.path)}", status_code=303)
        faults = [fault.detail for fault in refusal.faults] if isinstance(refusal, InvalidRequest) else []
        status = status_of(refusal)
        known = knows and refusal.kind is not Kind.UNIDENTIFIED
        told = [refusal.detail, *faults]
        page = self.problem(request, status, refusal.title, told, by_link=by_link, known=known, helpline=helpline)
        page.headers.update(headers_of(refusal))
        return page

    def problem(
        self,
        request: Request,
        status: int,
        title: str = "",
        details: list[str] | None = None,
        *,
        by_link: bool = False,
        known: bool = False,
        helpline: Helpline | None = None,
    ) -> Response:
        return self.render(
            request,
            "problem.html",
            status=status,
            code=status,
            title=title or HTTPStatus(status).phrase,
            details=[each for each in details or [] if each],
            request_id=request_id.get() or "",
            sent=request.method not in SAFE_METHODS,
            by_link=by_link,
            known=known,
            again=request.url.query,
            clinic=helpline.name if helpline else "",
            phone=helpline.phone if helpline else "",
        )


def open_pages(locales: Locales, *, takes_files: bool = True) -> Pages:
    """Every template may ask `takes_files`: whether this house keeps files that people send."""
    environment = Environment(
        loader=PackageLoader("telehealth", "web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals["takes_files"] = takes_files
    install(environment)
    return Pages(environment, locales)
