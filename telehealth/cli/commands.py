"""The commands, each a few lines: options in, one function called, errors shown in words."""

import subprocess
import sys
from os import environ
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from telehealth import __version__
from telehealth.cli import redrive as again
from telehealth.cli.accounts import HERE, State, accounts, integrations, read_here
from telehealth.cli.addresses import Ports, free_ports
from telehealth.cli.captions_engine import captions_engine
from telehealth.cli.clinic import clinic, visit_types
from telehealth.cli.doctor import examine, report
from telehealth.cli.environment import of_installation
from telehealth.cli.errors import CannotStart, told_in_words
from telehealth.cli.house import in_house
from telehealth.cli.licences import licences
from telehealth.cli.logs import Logs
from telehealth.cli.migrate import upgrade
from telehealth.cli.procfile import find_procfile
from telehealth.cli.recordings import recordings
from telehealth.cli.records import records
from telehealth.cli.reference import reference
from telehealth.cli.simulate import simulate
from telehealth.cli.token import fetch_token
from telehealth.cli.up import Options, start
from telehealth.cli.visits import visits

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # its tracebacks show local variables, secrets among them
    help="A telemedicine visit platform an institution runs itself.",
)

app.add_typer(accounts, name="accounts")
app.add_typer(integrations, name="integrations")
app.add_typer(visit_types, name="visit-types")
app.add_typer(licences, name="licences")
app.add_typer(visits, name="visits")
app.add_typer(recordings, name="recordings")
app.add_typer(records, name="records")
app.command()(clinic)
app.command()(captions_engine)
app.command()(simulate)

_Port = Annotated[int, typer.Option(envvar="PORT", min=1, max=65535, help="TCP port of the web process")]
_MediaPort = Annotated[
    int,
    typer.Option(envvar="TELEHEALTH_MEDIA_PORT", min=1, max=65535, help="TCP port of the media node's control door"),
]
_RecordPort = Annotated[int, typer.Option(min=1, max=65535, help="TCP port of the embedded record service")]
_SmtpPort = Annotated[int, typer.Option(min=1, max=65535, help="TCP port of the local mailbox that takes mail")]
_TurnPort = Annotated[int, typer.Option(min=1, max=65535, help="Port of the TURN relay, UDP and TCP")]
_Turn = Annotated[
    bool, typer.Option("--turn", help="Start the machine's coturn too, by the rules of deploy/coturn.conf")
]
_MailboxPort = Annotated[int, typer.Option(min=1, max=65535, help="TCP port of the local mailbox's page")]
_State = Annotated[Path, typer.Option(help="Directory that keeps data and keys")]
_Procfile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Procfile to run; the checkout's by default")
]
_RecordService = Annotated[
    str | None,
    typer.Option(metavar="URL", help="FHIR R4 base address of a record service to use, not the embedded one"),
]
_ReadyFile = Annotated[Path | None, typer.Option(help="JSON file that is written when everything is ready")]
_FreePorts = Annotated[bool, typer.Option("--free-ports", help="Take ports that are free instead of the usual ones")]


@app.command()
def up(  # noqa: PLR0913 - each is an option of the command
    *,
    state: _State = Path(".telehealth"),
    port: _Port = 8000,
    media_port: _MediaPort = 8001,
    record_service_port: _RecordPort = 8090,
    smtp_port: _SmtpPort = 1025,
    mailbox_port: _MailboxPort = 8025,
    turn_port: _TurnPort = 3478,
    with_turn: _Turn = False,
    is_free_ports: _FreePorts = False,
    record_service: _RecordService = None,
    procfile: _Procfile = None,
    ready_file: _ReadyFile = None,
) -> None:
    """Start everything: embedded PostgreSQL, Valkey, record service and mailbox, migrations, every process."""
    ports = Ports(
        web=port,
        media=media_port,
        record_service=record_service_port,
        smtp=smtp_port,
        mailbox=mailbox_port,
        turn=turn_port,
    )
    with told_in_words():
        _start(
            Options(
                state=state,
                procfile=procfile or find_procfile(),
                ports=free_ports() if is_free_ports else ports,
                ready_file=ready_file,
                record_service=record_service,
                turn=with_turn,
            )
        )


@app.command()
def demo(
    *,
    state: _State = Path(".telehealth/demo"),
    port: _Port = 8000,
    is_free_ports: _FreePorts = False,
    follow_up_speed: Annotated[
        float | None, typer.Option(min=1, help="Follow-up time runs this many times fast")
    ] = None,
    record_service: _RecordService = None,
    procfile: _Procfile = None,
    ready_file: _ReadyFile = None,
) -> None:
    """The same with a seeded clinic: prints links and passwords to try, once. Its data is apart from that of `up`."""
    with told_in_words():
        _start(
            Options(
                state=state,
                procfile=procfile or find_procfile(),
                ports=free_ports() if is_free_ports else Ports(web=port),
                ready_file=ready_file,
                record_service=record_service,
                follow_up_speed=follow_up_speed,
                seed=True,
            )
        )


@app.command()
def migrate() -> None:
    """Bring the database of the settings to the newest schema."""
    with told_in_words():
        upgrade()


@app.command()
def settings() -> None:
    """Print the settings reference as Markdown."""
    typer.echo(reference())


@app.command()
def doctor(
    *, is_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON")] = False, state: State = HERE
) -> None:
    """Check settings, database, what was given up, and every neighbour; each failure comes with its fix."""
    with told_in_words():
        findings = examine(of_installation(environ, state))
    report(findings, is_json=is_json)
    if not all(finding.is_ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def check_call(
    url: Annotated[str, typer.Argument(help="Address of an installation, such as https://visits.clinic.example")],
    *,
    is_json: Annotated[bool, typer.Option("--json", help="Print what was found as JSON")] = False,
) -> None:
    """Check from here whether video calls with an installation will do, by every way they can take: 0 when they do."""
    argv = [sys.executable, "-m", "telehealth.cli.check_call", url, *(["--json"] if is_json else [])]
    raise typer.Exit(subprocess.call(argv))  # noqa: S603 - ourselves


@app.command()
def redrive(*, state: State = HERE) -> None:
    """Try again what was given up: parked events, and notes held or refused on the way to the record service."""
    with told_in_words():
        tried = in_house(read_here(state), again.redrive)
        typer.echo(f"{tried.outbox} parked events and {tried.deliveries} record deliveries are due again.")


@app.command()
def token(credential: Annotated[Path, typer.Argument(help="Credential file of an integration")]) -> None:
    """Print an access token for an integration, by SMART Backend Services."""
    with told_in_words():
        typer.echo(fetch_token(credential))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _start(options: Options) -> None:
    reason = start(options, environ, Logs(Console()))
    if reason is not None:
        raise CannotStart(f"Stopped: {reason}.")
