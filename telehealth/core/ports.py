"""A typed registry: what is asked for is a protocol, what is found is the implementation bootstrap chose."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

Port = TypeVar("Port")


class Ports:
    """Implementations by the protocol they implement, filled once by bootstrap."""

    def __init__(self, implementations: Mapping[type[Any], object]) -> None:
        self._implementations = dict(implementations)

    def get(self, kind: type[Port]) -> Port:
        implementation: Any = self._implementations[kind]
        return implementation  # type: ignore[no-any-return]  # the registry pairs a protocol with its implementation

    def having(self, kind: type[Port], implementation: Port) -> "Ports":
        """These ports and one more."""
        return Ports({**self._implementations, kind: implementation})


class Signals(Protocol):
    """Wake-ups across processes. Losing one costs time, never truth: every listener also sweeps."""

    async def publish(self, topics: tuple[str, ...]) -> None: ...

    def listen(self, topics: tuple[str, ...]) -> AbstractAsyncContextManager[AsyncIterator[None]]: ...
