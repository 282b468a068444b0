"""`telehealth check-call` against a web process, a media node and a TURN server that really run."""

import json
import subprocess
import sys
from collections.abc import Mapping
from os import environ

import pytest

from tests.kit.call_process import Behind, running_web
from tests.kit.coturn import SECRET, running_coturn
from tests.kit.media_process import free_port, running_node


def check_call(url: str, *more: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "telehealth", "check-call", url, *more]
    known = {**environ, **(env or {})}
    return subprocess.run(argv, capture_output=True, text=True, timeout=280, check=False, env=known)


@pytest.mark.relay
def test_every_way_is_measured(database: str, valkey: str) -> None:
    with running_node() as node, running_coturn() as coturn:
        web = Behind(
            database,
            valkey,
            {},
            turn_urls=(*coturn.urls, *coturn.tcp, *coturn.tls),
            turn_secret=SECRET,
            grant_key=node.private,
            media_url=node.url,
        )
        with running_web(web):
            done = check_call(f"{web.origin}/test", "--json", env={"SSL_CERT_FILE": str(coturn.certificate)})
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["ways"] == dict.fromkeys(("udp", "turn_udp", "turn_tcp", "turn_tls"), "open")
    assert found["rtt_ms"] > 0
    assert found["loss"] < 1
    assert min(found["kbps_up"], found["kbps_down"]) > 0
    assert done.returncode == (0 if found["verdict"] in ("good", "fair") else 1)  # a busy machine is a poor network


def test_without_a_node_it_says_so(database: str, valkey: str) -> None:
    web = Behind(database, valkey, {})
    with running_web(web):
        done = check_call(web.origin)
    assert done.returncode == 1
    assert "refuses the check: The network check cannot run just now" in done.stderr
    nobody = check_call(f"http://127.0.0.1:{free_port()}")
    assert (nobody.returncode, "does not answer" in nobody.stderr) == (1, True)
    assert check_call("visits.clinic.example").returncode == 1


def test_a_person_reads_a_table(database: str, valkey: str) -> None:
    with running_node() as node:
        web = Behind(database, valkey, {}, grant_key=node.private, media_url=node.url)
        with running_web(web):
            done = check_call(web.origin)
    assert done.stderr == ""
    told = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert {"straight to the clinic (UDP) open", "over the relay by TLS not used by this installation"} <= told
