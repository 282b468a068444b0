"""The index: every operation, socket, subscription, sweep and table of the house, by package.

A new package is one line here. What is incomplete about it stops the build with a sentence that says what is missing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from itertools import chain
from types import ModuleType
from typing import Any

from sqlalchemy import MetaData

from telehealth.core.errors import Refusal
from telehealth.db.audit import AuditRow
from telehealth.db.idempotency import IdempotencyRow
from telehealth.db.outbox import HandledRow, OutboxRow
from telehealth.db.tables import Table
from telehealth.http.operation import Operation
from telehealth.http.socket import SocketDoor
from telehealth.tasks.nudge import RELAY_SWEEP
from telehealth.tasks.relay import Relay
from telehealth.tasks.retention import forget_delivered
from telehealth.tasks.work import Subscription, Sweep, sweep

PACKAGES = (
    "people",
    "access",
    "scheduling.availability",
    "scheduling.booking",
    "scheduling.calendars",
    "scheduling.waitlist",
    "visits.lifecycle",
    "visits.participants",
    "visits.gates",
    "visits.escalation",
    "visits.waiting_room",
    "visits.appointments",
    "visits.front_desk",
    "video",
    "records.attachments",
    "records.notes",
    "records.templates",
    "records.delivery",
    "records.charting",
    "records.after_visit",
    "followups",
    "monitoring",
    "alerts",
    "pathways",
    "surveys",
    "notifications",
    "exchange",
)

KIT_TABLES = (AuditRow, HandledRow, IdempotencyRow, OutboxRow)


class CatalogueError(RuntimeError):
    """The house is not complete; the text says what is missing and where."""


@dataclass(frozen=True)
class Catalogue:
    operations: tuple[Operation, ...]
    sockets: tuple[SocketDoor, ...]
    subscriptions: tuple[Subscription, ...]
    sweeps: tuple[Sweep, ...]
    conflicts: Mapping[str, type[Refusal]]
    tables: MetaData


@cache
def read_catalogue(packages: tuple[str, ...] = PACKAGES) -> Catalogue:
    """Everything the packages offer, checked. Raises CatalogueError."""
    routes = [_part(name, "routes") for name in packages]
    tasks = [_part(name, "tasks") for name in packages]
    models = [_part(name, "models") for name in packages]
    check_columns(Table.metadata.tables.values())
    subscriptions = _gather(tasks, "SUBSCRIPTIONS")
    return Catalogue(
        operations=(*_gather(routes, "OPERATIONS"), *_gather(routes, "PAGES")),
        sockets=_gather(routes, "SOCKETS"),
        subscriptions=subscriptions,
        sweeps=(
            sweep(RELAY_SWEEP, Relay(subscriptions).sweep, every=1.0),
            sweep("outbox.forget", forget_delivered, every=600.0),
            *_gather(tasks, "SWEEPS"),
        ),
        conflicts=_conflicts(models),
        tables=KIT_TABLES[0].metadata,
    )


def check_columns(tables: Iterable[Any]) -> None:
    """Every column says whether it is plain, pii or phi. Raises CatalogueError."""
    for table in tables:
        for column in table.columns:
            if "data_class" not in column.info:
                raise CatalogueError(f"{table.name}.{column.name} has no data class: declare it with plain, pii or phi")


def _part(package: str, part: str) -> ModuleType | None:
    name = f"telehealth.{package}"
    if find_spec(name) is None:
        raise CatalogueError(f"{name} is in the catalogue but there is no such package")
    if find_spec(f"{name}.{part}") is None:
        return None
    try:
        return import_module(f"{name}.{part}")
    except TypeError as error:  # an operation without its scope, a table without a data class
        raise CatalogueError(f"{name}.{part}: {error}") from error


def _gather(modules: Iterable[ModuleType | None], listing: str) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(getattr(module, listing, ()) for module in modules if module is not None))


def _conflicts(modules: Iterable[ModuleType | None]) -> dict[str, type[Refusal]]:
    found: dict[str, type[Refusal]] = {}
    for module in filter(None, modules):
        found |= getattr(module, "CONFLICTS", {})
    return found
