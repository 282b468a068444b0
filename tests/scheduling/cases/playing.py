"""Playing cases: each on an empty database, what it finds beside what it expects."""

import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx

from tests.kit.database import Databases, serving
from tests.kit.house import ORIGIN, open_house, settings_of
from tests.kit.moment import standing_still
from tests.kit.valkey import running_valkey
from tests.scheduling.cases import (
    bookings,
    feeds,
    licences,
    offering,
    queueing,
    races,
    reserved,
    searches,
    sequences,
    series,
    teams,
    windows,
)
from tests.scheduling.cases.comparing import differences
from tests.scheduling.cases.reading import Case, CaseFault
from tests.scheduling.cases.stage import Stage

Play = Callable[[Stage, Case], Awaitable[Mapping[str, Any]]]
FILES = (windows, bookings, reserved, teams, sequences, races, series, licences, offering, feeds, queueing, searches)
KINDS: Mapping[str, Play] = {op: play for each in FILES for op, play in each.KINDS.items()}
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Outcome:
    """`failures` is empty when everything expected was found, and nothing of the case was left unread."""

    case: Case
    failures: Sequence[str]
    found: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()


async def play(stage: Stage, case: Case) -> Outcome:
    """One case. Whatever goes wrong is a failure of that case."""
    try:
        await stage.clear()
        found = await _found(stage, case)
        unread = [f"{each} is not known to cases of kind {case.op!r}" for each in case.given.unread()]
        return Outcome(case, [*differences(case.expect, found), *unread], found, stage.notes)
    except CaseFault as fault:
        return Outcome(case, [str(fault)])
    except Exception as error:  # noqa: BLE001 -- the others are still to be played
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(case, [f"{type(error).__name__}: {error} ({last.filename}:{last.lineno})"])


async def _found(stage: Stage, case: Case) -> Mapping[str, Any]:
    if case.op not in KINDS:
        raise CaseFault(f"cases of kind {case.op!r} are not known")
    return await KINDS[case.op](stage, case)


@dataclass(frozen=True)
class Place:
    """An empty database with the schema, a push server, and where further databases come from, if anywhere."""

    database: str
    valkey: str
    databases: Databases | None = None

    @contextmanager
    def spare(self) -> Iterator[str]:
        """One more empty database."""
        if self.databases is None:
            with serving() as databases, databases.clone() as cloned:
                yield cloned
        else:
            with self.databases.clone() as cloned:
                yield cloned


@contextmanager
def open_place(database: str | None = None) -> Iterator[Place]:
    """A server with an empty database, unless one is named."""
    with running_valkey() as valkey:
        if database is not None:
            yield Place(database, valkey)
            return
        with serving() as databases, databases.clone() as cloned:
            yield Place(cloned, valkey, databases)


@asynccontextmanager
async def open_stage(at: Place) -> AsyncIterator[Stage]:
    with standing_still(at.database, BEGINNING) as moment:
        async with open_house(settings_of(at.database, at.valkey), moment) as (app, unit_of_work):
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
                yield Stage(app, unit_of_work, client, moment, at.spare)
