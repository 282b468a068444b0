"""What a handler sees of a request, and what it may answer."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Concatenate, Generic, ParamSpec, TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from telehealth.core.actors import Actor
from telehealth.core.ports import Port, Ports
from telehealth.db.unit import Unit, UnitOfWork, request_id
from telehealth.http.locales import Locale
from telehealth.http.pages import Pages
from telehealth.http.ports import FindHelpline
from telehealth.http.turns import Turns

P = ParamSpec("P")
R = TypeVar("R")
Body = TypeVar("Body")


@dataclass(frozen=True)
class Kit:
    """What every request shares: the unit of work, the ports, the pages, whom people call when one fails them, and the
    lines in which integrations wait.
    """

    unit_of_work: UnitOfWork
    ports: Ports
    pages: Pages
    public_url: str
    helpline: FindHelpline | None = None
    turns: Turns = field(default_factory=Turns)


@dataclass(frozen=True)
class Reply(Generic[Body]):
    """A message with headers or another status than the operation's."""

    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True)
class Call:
    """One request under way.

    `unit` is set when the whole handler runs in one transaction (Idempotency-Key), `undone` is what then follows a
    refusal.
    """

    request: Request
    actor: Actor
    kit: Kit
    unit: Unit | None = None
    undone: list[Callable[[], Awaitable[object]]] = field(default_factory=list)

    async def run(
        self, action: Callable[Concatenate[Unit, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Run one service function or query as the actor of this request, in one transaction."""
        if self.unit is not None:
            return await action(self.unit, *args, **kwargs)
        return await self.kit.unit_of_work.run(action, self.actor, *args, **kwargs)

    async def run_once_undone(
        self, action: Callable[Concatenate[Unit, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Run what has to happen because of a refusal, which is about to be raised: after all else was rolled back."""
        once = partial(self.kit.unit_of_work.run, action, self.actor, *args, **kwargs)
        if self.unit is None:
            await once()
        else:
            self.undone.append(once)

    def port(self, kind: type[Port]) -> Port:
        return self.kit.ports.get(kind)

    def header(self, name: str) -> str | None:
        return self.request.headers.get(name)

    @property
    def request_id(self) -> str:
        return request_id.get() or ""

    @property
    def locale(self) -> Locale:
        return self.kit.pages.locale(self.request)

    def render(self, template: str, /, *, status: int = 200, preferred: str = "", **context: object) -> Response:
        """An HTML page in the reader's language; `preferred` is the one that is known of the person, if any."""
        return self.kit.pages.render(self.request, template, status=status, preferred=preferred, **context)

    def redirect(self, path: str) -> Response:
        """303: the answer to a form is another page (RFC 9110, section 15.4.4)."""
        return RedirectResponse(path, status_code=303)
