"""Accounts, integrations, what was given up, and production, from the command line on a real database."""

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from typer.testing import CliRunner, Result

from telehealth.access.passwords import HASHER
from telehealth.cli.commands import app
from telehealth.cli.environment import of_installation
from telehealth.cli.keys import open_keys
from telehealth.cli.state import open_state, write_private
from telehealth.settings.environment import read_settings
from telehealth.settings.given import SettingsError

NOWHERE = "127.0.0.1:9"
PASSWORD = "a brass kettle sings"
CLINICIAN = ("--role", "clinician", "--given", "Ada", "--family", "Byron", "--zone", "Europe/Berlin")

Tell = Callable[..., Result]


def settings(database: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database,
        "BROKER_URL": f"redis://{NOWHERE}/0",
        "SMTP_URL": f"smtp://{NOWHERE}",
        "RECORD_SERVICE_URL": f"http://{NOWHERE}/fhir",
        "TELEHEALTH_MEDIA_URL": f"http://{NOWHERE}",
        "TELEHEALTH_SECRET_KEY": "s" * 40,
        "TELEHEALTH_DATA_KEYS": f"k1:{b64encode(b'k' * 32).decode()}",
    }


@pytest.fixture
def telehealth(database: str, tmp_path: Path) -> Tell:
    """The command line with settings that name the database and neighbours that do not answer."""

    def tell(*argv: str, told: str = "") -> Result:
        env = settings(database)
        return CliRunner().invoke(app, [*argv, "--state", str(tmp_path / "none")], env=env, input=told)

    return tell


def read(database: str, query: str, *values: object) -> list[tuple[object, ...]]:
    with psycopg.connect(database) as connection:
        return connection.execute(query.encode(), values).fetchall()


def write(database: str, statement: str, *values: object) -> None:
    """Without foreign keys: what is written stands alone."""
    with psycopg.connect(database) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute(statement.encode(), values)


def fits(database: str, email: str, password: str) -> bool:
    ((stored,),) = read(database, "SELECT password FROM account WHERE email = %s", email)
    return HASHER.verify(str(stored), password)


def test_a_clinician_is_added_with_a_password_that_is_shown_once(telehealth: Tell, database: str) -> None:
    told = telehealth("accounts", "add", "Ada@clinic.example", *CLINICIAN, "--prefix", "Dr.")
    assert told.exit_code == 0, told.output
    assert fits(database, "ada@clinic.example", told.stdout.rpartition("shown this once: ")[2].strip())
    rows = read(
        database, "SELECT prefix, given, family, time_zone, role FROM clinician c JOIN account a ON a.person_id = c.id"
    )
    assert rows == [("Dr.", "Ada", "Byron", "Europe/Berlin", "clinician")]
    assert ("system", "create") in read(database, "SELECT role, action FROM audit_event WHERE entity = 'account'")

    again = telehealth("accounts", "add", "ada@clinic.example", *CLINICIAN)
    assert again.exit_code == 1
    assert "There is an account with this email already" in again.stderr
    assert read(database, "SELECT count(*) FROM clinician") == [(1,)]


def test_a_given_password_is_not_repeated_and_can_be_replaced(telehealth: Tell, database: str) -> None:
    stdin = "--password-stdin"
    told = telehealth("accounts", "add", "desk@clinic.example", "--role", "front_desk", stdin, told=f"{PASSWORD}\n")
    assert told.exit_code == 0, told.output
    assert PASSWORD not in told.output
    assert fits(database, "desk@clinic.example", PASSWORD)

    short = telehealth("accounts", "password", "desk@clinic.example", stdin, told="short\n")
    assert short.exit_code == 1
    assert "it needs 12 to 256 characters" in short.stderr

    fresh = telehealth("accounts", "password", "DESK@clinic.example")
    assert fits(database, "desk@clinic.example", fresh.stdout.rpartition("shown this once: ")[2].strip())


def test_a_disabled_account_is_out(telehealth: Tell, database: str) -> None:
    telehealth("accounts", "add", "it@clinic.example", "--role", "admin")
    assert telehealth("accounts", "disable", "it@clinic.example").exit_code == 0
    assert read(database, "SELECT disabled_at IS NOT NULL FROM account") == [(True,)]
    unknown = telehealth("accounts", "disable", "who@clinic.example")
    assert unknown.exit_code == 1
    assert "There is no account with the email who@clinic.example." in unknown.stderr


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("ada", "--role", "admin"), "ada is not an email address"),
        (("ada@clinic.example", "--role", "clinician"), "needs --given, --family and --zone"),
        (("ada@clinic.example", *CLINICIAN[:-1], "Mars/Olympus"), "Mars/Olympus is not an IANA time zone"),
        (("ada@clinic.example", "--role", "admin", "--given", "Ada"), "are for a clinician"),
    ],
)
def test_what_cannot_be_added_is_told_before_the_database_is_asked(argv: tuple[str, ...], words: str) -> None:
    told = CliRunner().invoke(app, ["accounts", "add", *argv])
    assert told.exit_code == 1
    assert words in told.stderr


def test_a_disabled_integration_has_no_tokens(telehealth: Tell, database: str) -> None:
    client_id = uuid4()
    write(
        database,
        "INSERT INTO integration (id, name, scopes, jwks, added_at) VALUES (%s, 'x', '{}', '{}', now())",
        client_id,
    )
    write(
        database,
        "INSERT INTO access_token (id, secret, integration_id, scopes, issued_at, ends_at)"
        " VALUES (gen_random_uuid(), 'x', %s, '{}', now(), now())",
        client_id,
    )
    assert telehealth("integrations", "disable", str(client_id)).exit_code == 0
    assert read(database, "SELECT disabled_at IS NOT NULL FROM integration") == [(True,)]
    assert read(database, "SELECT count(*) FROM access_token") == [(0,)]
    assert "no integration with the client id" in telehealth("integrations", "disable", str(uuid4())).stderr


def test_what_was_given_up_is_counted_and_tried_again(telehealth: Tell, database: str) -> None:
    write(
        database,
        "INSERT INTO outbox (kind, body, emitted_at, due_at, attempts, parked_at)"
        " SELECT 'NoteSigned', '{}', now(), now(), 12, now() + nullif(n, 3) * interval '1 s'"
        " FROM generate_series(1, 3) n",
    )
    for state in ("held", "dead", "delivered"):
        write(
            database,
            "INSERT INTO record_delivery (id, destination, note_version_id, state, since)"
            " VALUES (gen_random_uuid(), 'record-service', gen_random_uuid(), %s, now())",
            state,
        )
    findings = {each["check"]: each for each in json.loads(telehealth("doctor", "--json").stdout)["findings"]}
    assert findings["database"]["is_ok"], findings
    for check in ("outbox", "deliveries"):
        assert findings[check]["detail"].startswith("2 ")
        assert "telehealth redrive" in findings[check]["fix"]

    told = telehealth("redrive")
    assert told.stdout == "2 parked events and 2 record deliveries are due again.\n"
    assert read(database, "SELECT DISTINCT parked_at, due_at <= now() FROM outbox") == [(None, True)]
    assert read(database, "SELECT attempts FROM outbox ORDER BY position") == [(0,), (0,), (12,)]
    assert read(database, "SELECT state FROM record_delivery ORDER BY state") == [
        ("delivered",),
        ("pending",),
        ("pending",),
    ]
    assert telehealth("redrive").stdout.startswith("0 parked events and 0 record")


@pytest.mark.parametrize("command", ["up", "demo"])
def test_production_starts_no_embedded_service(command: str, tmp_path: Path) -> None:
    env = {"TELEHEALTH_ENVIRONMENT": "production", "BROKER_URL": f"amqp://{NOWHERE}", "DATABASE_URL": "postgresql://x"}
    told = CliRunner().invoke(app, [command, "--state", str(tmp_path / "state")], env=env)
    assert told.exit_code == 1
    assert "Set VALKEY_URL, SMTP_URL, RECORD_SERVICE_URL." in told.stderr
    assert not (tmp_path / "state").exists()


def test_production_wants_a_mail_server() -> None:
    fit = settings("postgresql://x") | {
        "TELEHEALTH_ENVIRONMENT": "production",
        "TELEHEALTH_PUBLIC_URL": "https://visits.clinic.example",
    }
    assert read_settings(fit)
    del fit["SMTP_URL"]
    with pytest.raises(SettingsError, match="SMTP_URL must not be"):
        read_settings(fit)


def test_a_running_up_lends_its_keys_and_services(tmp_path: Path) -> None:
    assert of_installation({"PATH": "/bin"}, tmp_path / "none") == {"PATH": "/bin"}
    state = open_state(tmp_path / "state")
    keys = open_keys(state.keys)
    told = {
        "addresses": {"smtp": "smtp://here", "media": "http://here", "record_service": "http://here/fhir"},
        "database_url": "postgresql://here",
        "broker_url": "redis://here",
        "valkey_url": "unix:///here",
    }
    write_private(state.ready_file, json.dumps(told))
    found = read_settings(of_installation({"DATABASE_URL": "postgresql://there", "TELEHEALTH_PG_BIN": "/"}, state.path))
    assert found.database_url.get_secret_value() == "postgresql://there"
    assert found.data_keys.get_secret_value() == keys.data_keys
    assert found.push_url == "unix:///here"
