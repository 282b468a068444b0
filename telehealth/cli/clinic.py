"""`telehealth clinic` and `telehealth visit-types`: what an installation has to say before anyone can book."""

from dataclasses import replace
from typing import Annotated
from uuid import uuid4

import typer

from telehealth.cli.accounts import HERE, State, read_here
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.cli.house import in_house
from telehealth.core.ids import VisitTypeId
from telehealth.db.unit import Unit
from telehealth.people import service as people
from telehealth.scheduling.booking import queries, service
from telehealth.scheduling.booking.rules import VisitType

visit_types = typer.Typer(no_args_is_help=True, help="Kinds of visit that can be booked: add or change one, list them.")


def clinic(
    *,
    name: Annotated[str, typer.Option(help="What patients know you by")],
    phone: Annotated[str, typer.Option(help="The number patients call when something does not work")],
    zone: Annotated[str, typer.Option(help="The clinic's time zone, such as Europe/Berlin")],
    state: State = HERE,
) -> None:
    """Name the clinic, its phone and its time zone; patients see them on every page and in every message."""
    with told_in_words():
        try:
            in_house(read_here(state), people.set_clinic, name=name, phone=phone, time_zone=zone)
        except ValueError:
            raise CannotStart(f"{zone} is not an IANA time zone; one is written Europe/Berlin.") from None
        typer.echo(f"The clinic is {name}.")


@visit_types.command()
def add(
    code: Annotated[str, typer.Argument(help="A short word for programs, such as video; the same word changes it")],
    *,
    name: Annotated[str, typer.Option(help="What people read")],
    minutes: Annotated[int, typer.Option(min=5, max=480, help="How long it takes")] = 20,
    grid: Annotated[int, typer.Option(min=5, max=480, help="A visit may begin every so many minutes")] = 15,
    notice: Annotated[int, typer.Option(min=0, max=43_200, help="Minutes between booking and beginning")] = 0,
    horizon: Annotated[int, typer.Option(min=1, max=730, help="Days ahead that can be booked")] = 90,
    state: State = HERE,
) -> None:
    """Add a kind of visit, or change the one with this code."""
    with told_in_words():
        fresh = VisitType(
            id=VisitTypeId(uuid4()),
            code=code,
            name=name,
            minutes=minutes,
            grid=grid,
            notice=notice,
            horizon_days=horizon,
        )
        in_house(read_here(state), _add, fresh)
        typer.echo(f"{name} can be booked.")


@visit_types.command("list")
def list_types(*, state: State = HERE) -> None:
    """What can be booked here."""
    with told_in_words():
        for kind in in_house(read_here(state), queries.visit_types):
            typer.echo(f"{kind.code}  {kind.name}, {kind.minutes} minutes")


async def _add(unit: Unit, fresh: VisitType) -> None:
    known = {kind.code: kind.id for kind in await queries.visit_types(unit)}
    await service.add_visit_type(unit, replace(fresh, id=known.get(fresh.code, VisitTypeId(unit.new_id()))))
