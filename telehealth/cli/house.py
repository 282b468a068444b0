"""One action in the house, for commands that change something and end: the same settings, services and audit."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Concatenate, ParamSpec, TypeVar

from telehealth.bootstrap import open_house
from telehealth.cli.errors import CannotStart
from telehealth.core.actors import SYSTEM
from telehealth.core.errors import Refusal
from telehealth.db.unit import DatabaseFault, Unit
from telehealth.settings.house import Settings

P = ParamSpec("P")
R = TypeVar("R")


def in_house(
    settings: Settings, action: Callable[Concatenate[Unit, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """The action as SYSTEM, in one transaction. Raises CannotStart with what was refused or failed."""
    try:
        return asyncio.run(_run(settings, action, *args, **kwargs))
    except Refusal as refusal:
        told = f"{refusal.title}: {refusal.detail}." if refusal.detail else f"{refusal.title}."
        raise CannotStart(told) from None
    except DatabaseFault:
        raise CannotStart("The database did not take it; `telehealth doctor` tells more.") from None


async def _run(
    settings: Settings, action: Callable[Concatenate[Unit, P], Awaitable[R]], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    async with open_house(settings, pool_size=1) as house:
        return await house.unit_of_work.run(action, SYSTEM, *args, **kwargs)
