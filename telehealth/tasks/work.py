"""Background work as values: subscriptions to events, and sweeps over rows that are due."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, TypeVar

from telehealth.core.actors import SYSTEM
from telehealth.core.events import Event
from telehealth.core.ports import Port, Ports
from telehealth.core.time import Clock
from telehealth.db.unit import Unit, UnitOfWork

P = ParamSpec("P")
R = TypeVar("R")
Happening = TypeVar("Happening", bound=Event)


@dataclass(frozen=True, slots=True)
class Work:
    """What background work has: the unit of work as the system, ports to the outside, the clock; `place` is which of
    its worker's children does it.
    """

    unit_of_work: UnitOfWork
    ports: Ports
    clock: Clock
    place: int = 0

    async def run(
        self, action: Callable[Concatenate[Unit, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """One transaction as the system actor."""
        return await self.unit_of_work.run(action, SYSTEM, *args, **kwargs)

    def port(self, kind: type[Port]) -> Port:
        return self.ports.get(kind)


@dataclass(frozen=True, slots=True)
class Subscription:
    """`handle(unit, event)` takes effect once per event, in one transaction, after the event's own commit."""

    event: type[Event]
    handle: Callable[[Unit, Any], Awaitable[None]]

    @property
    def name(self) -> str:
        """Stable: it marks in the database what has been handled."""
        return f"{self.handle.__module__.split('.')[1]}.{self.handle.__name__}"


class Lane(StrEnum):
    """Whom a sweep waits for: each has a queue and workers of its own, so that a slow server holds up its own kind."""

    HOUSE = "telehealth"
    """The house's own: database, rooms, media nodes."""
    MESSAGES = "telehealth.messages"
    """Mail servers and text gateways."""
    PARTNERS = "telehealth.partners"
    """Record services, calendars, the storage of files."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """Looks for rows that are due, every so many seconds; answers how many it settled."""

    name: str
    sweep: Callable[[Work], Awaitable[int]]
    every: float
    lane: Lane


def subscription(event: type[Happening], handle: Callable[[Unit, Happening], Awaitable[None]]) -> Subscription:
    return Subscription(event, handle)


def sweep(name: str, run: Callable[[Work], Awaitable[int]], *, every: float, lane: Lane = Lane.HOUSE) -> Sweep:
    return Sweep(name, run, every, lane)
