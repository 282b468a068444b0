"""What the HTTP kit needs from the floors above, as a protocol; bootstrap provides the implementation."""

from typing import Protocol

from telehealth.core.actors import Actor


class Authenticator(Protocol):
    """Turns a presented secret into an actor; None when it is unknown, expired or revoked."""

    async def bearer(self, token: str) -> Actor | None: ...

    async def session(self, secret: str) -> Actor | None: ...
