"""`telehealth up` with real embedded services and stand-ins for our own processes."""

import json
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis
from joserfc import jwt
from joserfc.jwk import ECKey

from telehealth.cli.leftovers import born
from tests.cli.conftest import STANDINS
from tests.kit.demo import eventually
from tests.kit.up import NO_SETTINGS, PATIENCE, Up

EVERYTHING = {"postgres", "valkey", "mailbox", "record", "web", "worker", "beat", "media"}
SECRETS = (
    "DATABASE_URL",
    "BROKER_URL",
    "TELEHEALTH_SECRET_KEY",
    "TELEHEALTH_DATA_KEYS",
    "TELEHEALTH_GRANT_PRIVATE_KEY",
)
read = partial(httpx.get, timeout=PATIENCE)


def test_everything_starts_serves_survives_and_keeps_its_data(
    open_directory: Path, start_up: Callable[..., Up]
) -> None:
    state = open_directory / "state"
    up = start_up(state)
    told = up.ready()
    assert set(told["pids"]) == EVERYTHING
    assert eventually(lambda: up.output.count("ready in ")) == 1
    _each_process_knows_what_it_may(told)
    _record_service_wants_a_signed_client(told, state)
    _mail_can_be_read(told)
    _keep_a_row(told)
    _second_up_is_refused(state)
    _killed_worker_comes_back(up, told)
    keys = {each.name: each.read_bytes() for each in (state / "keys").iterdir()}
    assert {each.stat().st_mode & 0o777 for each in (state / "keys").iterdir()} == {0o600}

    last = _pids(up)
    up.kill()
    assert any(map(born, last)), "nothing was left to clear"
    again = up.begin().ready()
    assert not any(pid in last and born(pid) for pid in _pids(up))
    assert not any(map(born, last)), "the killed run's processes live on"
    assert "left by an `up` that was killed" in up.output
    assert _rows(again) == 1
    assert (state / "run" / "ready.json").read_text() == up.ready_file.read_text()  # for the other commands
    assert {each.name: each.read_bytes() for each in (state / "keys").iterdir()} == keys

    last = _pids(up)
    assert up.stop() == 0, up.output
    assert not any(map(born, last))
    assert not up.ready_file.exists()
    assert not (state / "run" / "ready.json").exists()
    assert (state / "run" / "processes.json").read_text().endswith('"running": []}')


def test_a_process_that_keeps_dying_ends_it_with_the_reason(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text('beat: python -c "raise SystemExit(3)"\n')
    up = start_up(tmp_path / "state", procfile=procfile, env=_outside())
    assert up.ended() == 1
    assert "beat died 5 times" in up.output
    assert "ended with exit code 3" in up.output


def test_a_failed_migration_starts_nothing(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    procfile = tmp_path / "Procfile"
    procfile.write_text('release: python -c "raise SystemExit(4)"\nweb: touch started\n')
    up = start_up(tmp_path / "state", procfile=procfile, env=_outside())
    assert up.ended() == 1
    assert "(migrations) failed with 4" in up.output
    assert not (tmp_path / "started").exists()


def test_taken_ports_are_named_with_their_options_before_anything_starts(
    tmp_path: Path, start_up: Callable[..., Up]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        up = start_up(tmp_path / "state", options=("--port", str(port), "--mailbox-port", str(port)))
        assert up.ended() == 1
    assert f"web: port {port} is taken. Choose another with --port PORT." in up.output
    assert f"mailbox page: port {port} is taken. Choose another with --mailbox-port PORT." in up.output
    assert not (tmp_path / "state" / "postgres-18").exists()


def test_data_of_another_major_is_refused_with_the_way_out(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    data = tmp_path / "state" / "postgres-12"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    up = start_up(tmp_path / "state")
    assert up.ended() == 1
    assert "holds data of PostgreSQL 12" in up.output
    assert "TELEHEALTH_PG_BIN=/usr/lib/postgresql/12/bin telehealth up" in up.output
    assert list(data.iterdir()) == [data / "PG_VERSION"]


def test_an_unknown_setting_is_told_once(tmp_path: Path, start_up: Callable[..., Up]) -> None:
    up = start_up(tmp_path / "state", env={**_outside(), "TELEHEALTH_COLOUR": "blue"})
    assert up.ended() == 1
    assert up.output.count("unknown setting: TELEHEALTH_COLOUR") == 1


def _outside() -> dict[str, str]:
    """Settings that name services elsewhere: nothing embedded starts."""
    return {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "BROKER_URL": "redis://127.0.0.1:9/0",
        "SMTP_URL": "smtp://127.0.0.1:9",
        "RECORD_SERVICE_URL": "http://127.0.0.1:9/fhir",
    }


def _pids(up: Up) -> list[int]:
    told = up.told()
    assert told is not None
    return list(told["pids"].values())


def _each_process_knows_what_it_may(told: dict[str, Any]) -> None:
    web = read(told["addresses"]["web"].replace("localhost", "127.0.0.1")).json()
    media = read(told["addresses"]["media"]).json()
    assert all(name in web for name in SECRETS)
    assert not any(name in media for name in SECRETS)
    assert "TELEHEALTH_MEDIA_PORT" not in web
    assert json.loads(media["TELEHEALTH_GRANT_PUBLIC_KEY"]).keys() == {"kty", "crv", "x", "kid", "use"}
    assert web["DATABASE_URL"] == told["database_url"]
    assert redis.Redis.from_url(told["valkey_url"]).ping()


def _record_service_wants_a_signed_client(told: dict[str, Any], state: Path) -> None:
    base = told["addresses"]["record_service"]
    assert read(f"{base}/Patient").status_code == 401
    key = ECKey.import_key(json.loads((state / "keys" / "record-private.jwk").read_text()))
    endpoint = read(f"{base}/.well-known/smart-configuration").json()["token_endpoint"]
    client = told["record_client_id"]
    claims = {"iss": client, "sub": client, "aud": endpoint, "jti": os.urandom(8).hex(), "exp": int(time.time()) + 200}
    form = {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES384"}, claims, key, algorithms=["ES384"]),
    }
    token = httpx.post(endpoint, data=form, timeout=PATIENCE).json()["access_token"]
    assert read(f"{base}/Patient", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def _mail_can_be_read(told: dict[str, Any]) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@clinic.example", "b@home.example", "Your <visit>"
    message.set_content("Open http://localhost:1/v?a=1&b=2.\n<script>alert(1)</script>")
    message.add_attachment("BEGIN:VCALENDAR", subtype="calendar", filename="visit.ics")
    host, _, port = told["addresses"]["smtp"].removeprefix("smtp://").partition(":")
    with smtplib.SMTP(host, int(port)) as client:
        client.send_message(message)
    page = told["addresses"]["mailbox"].replace("localhost", "127.0.0.1")
    [letter] = read(f"{page}/messages.json?to=b@home").json()["messages"]
    assert [each["name"] for each in letter["attachments"]] == ["visit.ics"]
    assert "Your &lt;visit&gt;" in read(page).text
    shown = read(f"{page}/messages/{letter['id']}").text
    assert '<a rel="noreferrer noopener" href="http://localhost:1/v?a=1&amp;b=2">' in shown
    assert "<script>" not in shown
    assert "BEGIN:VCALENDAR" in read(f"{page}/messages/{letter['id']}/attachments/0").text
    assert read(page, headers={"Host": "rebound.example"}).status_code == 400


def _keep_a_row(told: dict[str, Any]) -> None:
    with psycopg.connect(told["database_url"]) as connection:
        connection.execute("CREATE TABLE kept (id int)")
        connection.execute("INSERT INTO kept VALUES (1)")


def _rows(told: dict[str, Any]) -> int:
    with psycopg.connect(told["database_url"]) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return int(row[0])


def _second_up_is_refused(state: Path) -> None:
    argv = [sys.executable, "-m", "telehealth", "up", "--free-ports", "--state", str(state)]
    second = subprocess.run(
        [*argv, "--procfile", str(STANDINS / "Procfile")], env=NO_SETTINGS, capture_output=True, text=True, check=False
    )
    assert second.returncode == 1
    assert "Another `telehealth up` (process " in second.stderr


def _killed_worker_comes_back(up: Up, told: dict[str, Any]) -> None:
    worker = told["pids"]["worker"]
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: (up.told() or told)["pids"].get("worker") not in (None, worker))
    assert "worker was ended by SIGKILL; it is started again in 0.2 s" in up.output
