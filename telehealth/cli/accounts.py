"""`telehealth accounts` and `telehealth integrations`: who may come in, kept by whoever runs the installation."""

import secrets
import sys
from enum import StrEnum
from os import environ
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer

from telehealth.access import queries, service
from telehealth.cli.environment import of_installation
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.cli.house import in_house
from telehealth.core.actors import Role
from telehealth.core.errors import NotFound
from telehealth.core.ids import AccountId, IntegrationId
from telehealth.core.time import parse_zone
from telehealth.db.unit import Unit
from telehealth.people import service as people
from telehealth.settings.environment import read_settings
from telehealth.settings.house import Settings

accounts = typer.Typer(no_args_is_help=True, help="Accounts of staff: add, disable, give a new password.")
integrations = typer.Typer(no_args_is_help=True, help="Integrations: disable one.")

State = Annotated[
    Path,
    typer.Option(help="State directory of `up`: its keys, and its services while it runs, unless settings name others"),
]
Email = Annotated[str, typer.Argument(help="The address the person signs in with")]
PasswordFromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; made and printed otherwise")
]
HERE = Path(".telehealth")


class StaffRole(StrEnum):
    CLINICIAN = Role.CLINICIAN
    FRONT_DESK = Role.FRONT_DESK
    ADMIN = Role.ADMIN


@accounts.command()
def add(
    email: Email,
    *,
    role: Annotated[StaffRole, typer.Option(help="What the person does here")],
    given: Annotated[str, typer.Option(help="A clinician's given name")] = "",
    family: Annotated[str, typer.Option(help="A clinician's family name")] = "",
    prefix: Annotated[str, typer.Option(help="A clinician's title, such as Dr.")] = "",
    zone: Annotated[str, typer.Option(help="A clinician's time zone, such as Europe/Berlin")] = "",
    is_from_stdin: PasswordFromStdin = False,
    state: State = HERE,
) -> None:
    """Add an account. A clinician is added with it: --given, --family and --zone, and --prefix if there is one."""
    with told_in_words():
        _check_email(email)
        names = _clinician(role, given=given, family=family, prefix=prefix, zone=zone)
        password = _password(is_from_stdin=is_from_stdin)
        in_house(read_here(state), _add, email=email, role=Role(role), password=password, names=names)
        typer.echo(f"{email} is added as {role}.")
        _show(password, is_from_stdin=is_from_stdin)


@accounts.command()
def disable(email: Email, *, state: State = HERE) -> None:
    """Nobody signs in with this account any more, and whoever is signed in with it is signed out."""
    with told_in_words():
        in_house(read_here(state), _disable, email)
        typer.echo(f"{email} is disabled.")


@accounts.command()
def password(email: Email, *, is_from_stdin: PasswordFromStdin = False, state: State = HERE) -> None:
    """Give an account a new password, and sign out whoever is signed in with it."""
    with told_in_words():
        fresh = _password(is_from_stdin=is_from_stdin)
        in_house(read_here(state), _set_password, email, fresh)
        typer.echo(f"{email} has a new password.")
        _show(fresh, is_from_stdin=is_from_stdin)


@integrations.command("disable")
def disable_integration(
    client_id: Annotated[UUID, typer.Argument(help="The client id of the integration")], *, state: State = HERE
) -> None:
    """No token of this integration works any more, and it gets no new one."""
    with told_in_words():
        in_house(read_here(state), _disable_integration, IntegrationId(client_id))
        typer.echo(f"{client_id} is disabled.")


def read_here(state: Path) -> Settings:
    """The settings of the environment, completed by those of an `up` on this state directory."""
    return read_settings(of_installation(environ, state))


async def _add(unit: Unit, *, email: str, role: Role, password: str, names: dict[str, str] | None) -> None:
    person_id = None if names is None else (await people.add_clinician(unit, email=email, **names)).id
    await service.create_account(unit, email=email, password=password, role=role, person_id=person_id)


async def _disable(unit: Unit, email: str) -> None:
    await service.disable_account(unit, await _account(unit, email))


async def _set_password(unit: Unit, email: str, password: str) -> None:
    await service.set_password(unit, await _account(unit, email), password)


async def _account(unit: Unit, email: str) -> AccountId:
    try:
        return (await queries.account_of(unit, email)).id
    except NotFound:
        raise CannotStart(f"There is no account with the email {email}.") from None


async def _disable_integration(unit: Unit, client_id: IntegrationId) -> None:
    try:
        await service.disable_integration(unit, client_id)
    except NotFound:
        raise CannotStart(f"There is no integration with the client id {client_id}.") from None


def _check_email(email: str) -> None:
    name, at, domain = email.partition("@")
    if not (name and at and domain) or "@" in domain or not email.isprintable() or " " in email:
        raise CannotStart(f"{email} is not an email address.")


def _clinician(role: StaffRole, *, given: str, family: str, prefix: str, zone: str) -> dict[str, str] | None:
    """What `people.add_clinician` takes; nothing for the other roles."""
    if role is not StaffRole.CLINICIAN:
        if given or family or prefix or zone:
            raise CannotStart("--given, --family, --prefix and --zone are for a clinician.")
        return None
    if not (given and family and zone):
        raise CannotStart("A clinician needs --given, --family and --zone.")
    try:
        zone = parse_zone(zone).key
    except ValueError:
        raise CannotStart(f"{zone} is not an IANA time zone; one is written Europe/Berlin.") from None
    return {"given": given, "family": family, "prefix": prefix, "time_zone": zone}


def _password(*, is_from_stdin: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if is_from_stdin else secrets.token_urlsafe(12)


def _show(password: str, *, is_from_stdin: bool) -> None:
    if not is_from_stdin:
        typer.echo(f"Password, shown this once: {password}")
