"""Which actor stands behind a request: bearer tokens (RFC 6750) and `__Host-` session cookies (RFC 6265bis)."""

from dataclasses import replace

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from telehealth.core.actors import ANONYMOUS, Actor
from telehealth.core.errors import NotAllowed, NotSignedIn, OpenedElsewhere
from telehealth.http.operation import Operation, Public
from telehealth.http.ports import Authenticator
from telehealth.http.problems import CrossSite

STAFF_COOKIE = "__Host-session"
GUEST_COOKIE = "__Host-visit"
INVITED_COOKIE = "__Host-times"  # leads to an invitation to choose a time, not to an actor
COOKIES = (STAFF_COOKIE, GUEST_COOKIE)


async def actors(connection: HTTPConnection, authenticator: Authenticator) -> list[Actor]:
    """Every actor whose credential the request carries.

    A browser may hold a staff session and a guest session at once; the operation's scope decides which one acts.
    """
    token = _bearer(connection)
    if token is not None:
        found = await authenticator.bearer(token)
        return [found] if found else []
    secrets = [connection.cookies[name] for name in COOKIES if name in connection.cookies]
    sessions = [await authenticator.session(secret) for secret in secrets]
    return [actor for actor in sessions if actor is not None]


async def still_acts(connection: HTTPConnection, actor: Actor, authenticator: Authenticator) -> bool:
    """Whether the request's credential still leads to this actor: a stream outlives no sign-out, and no change to
    another device.
    """
    now = [(each.id, each.role, each.elsewhere) for each in await actors(connection, authenticator)]
    return (actor.id, actor.role, actor.elsewhere) in now


def _bearer(connection: HTTPConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def choose(candidates: list[Actor], operation: Operation) -> Actor:
    """The first actor who may, acting for the operation's purpose.

    Raises NotSignedIn without any credential, NotAllowed when none suffices, OpenedElsewhere when it is that of a
    device that was left for another: it reads on, and changes nothing more.
    """
    needs = operation.needs
    if isinstance(needs, Public):
        return replace(candidates[0] if candidates else ANONYMOUS, purpose=operation.purpose)
    able = [actor for actor in candidates if needs in actor.scopes]
    for actor in able:
        if operation.safe or operation.anywhere or not actor.elsewhere:
            return replace(actor, purpose=operation.purpose)
    if able:
        raise OpenedElsewhere
    raise NotAllowed if candidates else NotSignedIn


def refuse_cross_site(request: Request, operation: Operation) -> None:
    """CSRF: cookies act only for our own pages, told by Fetch Metadata, else by Origin. Raises CrossSite."""
    if operation.safe or _bearer(request) is not None:
        return
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    with_cookie = any(name in request.cookies for name in (*COOKIES, INVITED_COOKIE))
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
