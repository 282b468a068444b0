"""`telehealth records reconcile`: whether what had arrived is still in the record as it was left."""

import asyncio
from datetime import timedelta
from typing import Annotated

import typer

from telehealth.bootstrap import open_house
from telehealth.cli.accounts import HERE, State, read_here
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.db.unit import DatabaseFault
from telehealth.records.delivery.ports import Destinations
from telehealth.records.delivery.reconciling import Report, reconcile
from telehealth.settings.house import Settings
from telehealth.tasks.work import Work

records = typer.Typer(no_args_is_help=True, help="Notes in the patient record.")
Days = Annotated[int, typer.Option("--days", min=1, help="Look at what arrived in as many days")]
To = Annotated[str | None, typer.Option("--destination", help="Only this record service; all of them otherwise")]


@records.callback()
def group() -> None:
    """Notes in the patient record."""


@records.command("reconcile")
def reconcile_command(*, days: Days = 30, destination: To = None, state: State = HERE) -> None:
    """Ask each record service for everything that arrived there. What is missing and in force is sent again by
    itself; what is there twice, was changed or was taken back is for a person: the page of deliveries lists it. Ends
    with 1 when anything was found or passed over, or a record service did not answer.
    """
    with told_in_words():
        try:
            reports = asyncio.run(_reconcile(read_here(state), destination, timedelta(days=days)))
        except DatabaseFault:
            raise CannotStart("The database did not take it; `telehealth doctor` tells more.") from None
        except ValueError as error:
            raise CannotStart(str(error)) from None
    for each in reports:
        found = ", ".join(f"{number} {finding}" for finding, number in sorted(each.found.items())) or "none different"
        found += f", {each.passed_over} passed over after a fault" if each.passed_over else ""
        typer.echo(
            f"{each.destination}  {each.looked_at} looked at, {found}{'' if each.answered else ', then no answer'}"
        )
    if any(each.found or each.passed_over or not each.answered for each in reports):
        raise typer.Exit(1)


async def _reconcile(settings: Settings, only: str | None, past: timedelta) -> list[Report]:
    async with open_house(settings, pool_size=1) as house:
        chosen = [each for each in house.ports.get(Destinations).each if only in (None, each.name)]
        if not chosen:
            raise CannotStart(f"There is no record service called {only}.")
        clock = house.unit_of_work.clock
        work, now = Work(house.unit_of_work, house.ports, clock), clock.now()
        return [await reconcile(work, each, since=now - past, unseen_since=now) for each in chosen]
