"""Which actor stands behind a request: bearer tokens (RFC 6750) and `__Host-` session cookies (RFC 6265bis)."""

from dataclasses import replace

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from telehealth.core.actors import ANONYMOUS, Actor, Scope
from telehealth.core.errors import NotAllowed, NotSignedIn
from telehealth.http.operation import Operation, Public
from telehealth.http.ports import Authenticator
from telehealth.http.problems import CrossSite

STAFF_COOKIE = "__Host-session"
GUEST_COOKIE = "__Host-visit"
COOKIES = (STAFF_COOKIE, GUEST_COOKIE)


async def actors(connection: HTTPConnection, authenticator: Authenticator) -> list[Actor]:
    """Every actor whose credential the request carries.

    A browser may hold a staff session and a guest session at once; the operation's scope decides which one acts.
    """
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        found = await authenticator.bearer(token.strip())
        return [found] if found else []
    secrets = [connection.cookies[name] for name in COOKIES if name in connection.cookies]
    sessions = [await authenticator.session(secret) for secret in secrets]
    return [actor for actor in sessions if actor is not None]


def choose(candidates: list[Actor], needs: Scope | Public) -> Actor:
    """The first actor who may. Raises NotSignedIn without any credential, NotAllowed when none suffices."""
    if isinstance(needs, Public):
        return candidates[0] if candidates else ANONYMOUS
    for actor in candidates:
        if needs in actor.scopes:
            return actor
    if candidates:
        raise NotAllowed
    raise NotSignedIn


async def identify(request: Request, operation: Operation, authenticator: Authenticator) -> Actor:
    """The actor of this request, acting for the operation's purpose. Integrations keep the purpose of their grant."""
    refuse_cross_site(request, operation)
    actor = choose(await actors(request, authenticator), operation.needs)
    return replace(actor, purpose=operation.purpose)


def refuse_cross_site(request: Request, operation: Operation) -> None:
    """CSRF: cookies act only for our own pages, told by Fetch Metadata, else by Origin. Raises CrossSite."""
    if operation.safe or "authorization" in request.headers:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    with_cookie = any(name in request.cookies for name in COOKIES)
    ours = site in ("same-origin", "none") if site else same_origin(request, origin) if origin else not with_cookie
    if not ours:
        raise CrossSite


def same_origin(connection: HTTPConnection, origin: str | None) -> bool:
    """Whether an Origin header names the host that was asked (WebSockets have no CORS: RFC 6455, section 10.2)."""
    return origin is not None and origin.partition("://")[2] == connection.headers.get("host")


def set_cookie(response: Response, name: str, secret: str, *, max_age: int) -> None:
    response.set_cookie(name, secret, max_age=max_age, path="/", secure=True, httponly=True, samesite="lax")


def clear_cookie(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")
