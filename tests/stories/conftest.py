"""One `telehealth demo` for all stories: real processes on free ports, a real record service behind a fault proxy."""

import json
from collections.abc import Iterator

import pytest

from tests.kit.demo import Demo
from tests.kit.fault_proxy import fault_proxy
from tests.kit.record_service import record_service
from tests.kit.up import Up

FAST = "200000"  # follow-up time: two weeks pass in six seconds


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    directory = tmp_path_factory.mktemp("demo")
    with record_service(tmp_path_factory.mktemp("records")) as records, fault_proxy(records.origin) as proxy:
        up = Up(
            directory / "state",
            command="demo",
            env={
                "TELEHEALTH_RECORD_CLIENT_ID": records.client_id,
                "TELEHEALTH_RECORD_PRIVATE_KEY": json.dumps(records.private_key),
            },
            options=("--free-ports", "--follow-up-speed", FAST, "--record-service", f"{proxy.url}/fhir"),
        )
        directory.chmod(0o755)
        up.begin()
        try:
            up.ready()
            running = Demo(up, records, proxy)
            up.says("Summaries")
            yield running
        finally:
            assert up.stop() == 0, up.output
