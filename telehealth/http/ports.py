"""What the HTTP kit needs from the floors above, as a protocol; bootstrap provides the implementation."""

from collections.abc import Awaitable, Callable
from typing import Protocol

from telehealth.core.actors import Actor
from telehealth.db.unit import Unit


class Authenticator(Protocol):
    """Turns a presented secret into an actor; None when it is unknown, expired or revoked."""

    async def bearer(self, token: str) -> Actor | None: ...

    async def session(self, secret: str) -> Actor | None: ...


class Helpline(Protocol):
    """Whom people call when a page cannot be shown to them; `phone` may be empty."""

    @property
    def name(self) -> str: ...

    @property
    def phone(self) -> str: ...


FindHelpline = Callable[[Unit], Awaitable[Helpline]]
