"""`telehealth licences`: where a clinician may practise."""

from datetime import date
from typing import Annotated
from uuid import UUID

import typer

from telehealth.cli.accounts import HERE, Email, State, read_here
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.cli.house import in_house
from telehealth.core.errors import Refusal
from telehealth.core.ids import ClinicianId
from telehealth.db.unit import Unit
from telehealth.people import queries, service
from telehealth.people.jurisdictions import parse_jurisdiction
from telehealth.people.licensing import Licence
from telehealth.people.rules import Clinician

NO_LIMIT = ".."  # an open end of an interval, ISO 8601-2, section 12
Written = Annotated[
    list[str] | None,
    typer.Argument(
        help="Such as US-CA, or US-NY=2025-01-01/2026-12-31 with dates there (.. for no limit); none ends all"
    ),
]

licences = typer.Typer(no_args_is_help=True, help="Where a clinician is licensed: set it, list it.")


@licences.command("set")
def set_licences(email: Email, written: Written = None, *, state: State = HERE) -> None:
    """Set where a clinician is licensed. What is not named ends."""
    with told_in_words():
        held = [_licence(each) for each in written or ()]
        try:
            in_house(read_here(state), _set, email, held)
        except Refusal as refusal:
            raise CannotStart(f"{refusal.title}.") from None
        typer.echo(f"{email} is licensed in {', '.join(each.jurisdiction for each in held) or 'no place'}.")


@licences.command("list")
def list_licences(email: Email, *, state: State = HERE) -> None:
    """Where a clinician is licensed, and on which dates there."""
    with told_in_words():
        for each in in_house(read_here(state), _list, email):
            typer.echo(f"{each.jurisdiction}={each.first or NO_LIMIT}/{each.last or NO_LIMIT}")


def _licence(written: str) -> Licence:
    place, _, dates = written.partition("=")
    first, _, last = (dates or f"{NO_LIMIT}/{NO_LIMIT}").partition("/")
    try:
        return Licence(ClinicianId(UUID(int=0)), parse_jurisdiction(place), _day(first), _day(last))
    except ValueError:
        raise CannotStart(f"{written} is no licence; one is written US-CA or US-NY=2025-01-01/2026-12-31.") from None


def _day(written: str) -> date | None:
    return None if written == NO_LIMIT else date.fromisoformat(written)


async def _set(unit: Unit, email: str, held: list[Licence]) -> None:
    await service.replace_licences(unit, (await _clinician(unit, email)).id, held)


async def _list(unit: Unit, email: str) -> list[Licence]:
    return await queries.licences(unit, (await _clinician(unit, email)).id)


async def _clinician(unit: Unit, email: str) -> Clinician:
    found = next((each for each in await queries.clinicians(unit) if each.email.casefold() == email.casefold()), None)
    if found is None:
        raise CannotStart(f"There is no clinician with the address {email}.")
    return found
