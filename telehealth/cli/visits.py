"""`telehealth visits`: whether the history of every visit leads to what its row holds."""

from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import typer

from telehealth.cli.accounts import HERE, State, read_here
from telehealth.cli.errors import told_in_words
from telehealth.cli.house import in_house
from telehealth.db.unit import Unit
from telehealth.visits.lifecycle import replaying
from telehealth.visits.lifecycle.replaying import Difference

MOST_TOLD = 50
visits = typer.Typer(no_args_is_help=True, help="Visits and their histories.")


@visits.callback()
def _group() -> None:
    """A group of one command stays a group."""


@visits.command()
def replay(
    *,
    is_check: Annotated[bool, typer.Option("--check", help="End with 1 when anything differs")] = False,
    state: State = HERE,
) -> None:
    """Rebuild every visit from its history and compare it with its row; what differs is named by column."""
    with told_in_words():
        found = in_house(read_here(state), _everything)
    for each in found.differences:
        typer.echo(f"{each.visit_id}  {each.fault or ', '.join(each.columns)}")
    typer.echo(f"{found.visits} visits, {found.events} events, {found.count} differences")
    if is_check and found.count:
        raise typer.Exit(1)


@dataclass
class Found:
    """`differences` are the first of `count`: memory does not grow with the database."""

    visits: int = 0
    events: int = 0
    count: int = 0
    differences: list[Difference] = field(default_factory=list)


async def _everything(unit: Unit) -> Found:
    found = Found()
    after: UUID | None = replaying.START
    while after is not None:
        page = await replaying.compare(unit, after)
        found.visits += page.visits
        found.events += page.events
        found.count += len(page.differences)
        found.differences += page.differences[: MOST_TOLD - len(found.differences)]
        after = page.last
    return found
