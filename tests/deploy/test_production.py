"""`telehealth up` as the README has it in production: behind TLS, under a name of its own, probed by address."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.kit.up import Up
from tests.kit.valkey import running_valkey

NAME = "visits.clinic.example"
AWAY = "127.0.0.1:9"  # mail and the record service may be away; the clinic opens all the same


@pytest.fixture
def production(tmp_path: Path, database: str) -> Iterator[Up]:
    with running_valkey() as valkey:
        env = {
            "DATABASE_URL": database,
            "BROKER_URL": valkey.replace("unix://", "redis+socket://"),
            "SMTP_URL": f"smtp://{AWAY}",
            "RECORD_SERVICE_URL": f"http://{AWAY}/fhir",
            "TELEHEALTH_ENVIRONMENT": "production",
            "TELEHEALTH_PUBLIC_URL": f"https://{NAME}",
        }
        up = Up(tmp_path / "state", env=env).begin()
        yield up
        assert up.stop() == 0, up.output


def test_it_is_ready_and_answers_to_its_name_alone(production: Up) -> None:
    port = httpx.URL(production.ready()["addresses"]["web"]).port
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert [client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
        answer = client.get("/sign-in", headers={"Host": NAME})
        assert answer.status_code == 200
        assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
        by_address, by_another = client.get("/sign-in"), client.get("/sign-in", headers={"Host": "evil.example"})
        assert (by_address.status_code, by_another.status_code) == (400, 400)
