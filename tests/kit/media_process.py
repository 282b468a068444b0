"""The media node as its own process, and the web process's part of talking to it."""

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from os import environ
from typing import IO

import httpx

from telehealth.core.grants import GrantKind, MediaSessionId, Place
from telehealth.video.media_grants import GrantSigner
from tests.kit.patience import PATIENCE
from tests.kit.webrtc import key_pair

PORTS = (10_000, 32_000)


def free_port() -> int:
    """Of those that the system gives to no connection of itself, or one might have it before the server begins."""
    while True:
        port = random.randint(*PORTS)
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


@dataclass(frozen=True, kw_only=True)
class RunningNode:
    url: str
    signer: GrantSigner
    private: str
    process: subprocess.Popen[str]

    def bearer(
        self,
        session: MediaSessionId,
        *,
        sub: str = "p1",
        kind: GrantKind = GrantKind.PRECHECK,
        place: Place | None = None,
    ) -> dict[str, str]:
        """A header with a fresh grant."""
        token = self.signer.sign(session, sub=sub, now=datetime.now(UTC), kind=kind, place=place)
        return {"Authorization": f"Bearer {token}"}


def node_environment(public_jwk: str, port: int) -> dict[str, str]:
    plain = {name: value for name, value in environ.items() if not name.startswith("TELEHEALTH_")}
    return plain | {"TELEHEALTH_GRANT_PUBLIC_KEY": public_jwk, "TELEHEALTH_MEDIA_PORT": str(port)}


def start_node(
    env: Mapping[str, str], *, module: str = "telehealth.media", log: IO[str] | int | None = None
) -> subprocess.Popen[str]:
    """What it says goes to `log`, else to a pipe, which holds 64 kB."""
    return subprocess.Popen([sys.executable, "-m", module], env=env, stderr=log or subprocess.PIPE, text=True)


@contextmanager
def running_node(
    more: Mapping[str, str] | None = None,
    *,
    keys: tuple[str, str] | None = None,
    port: int | None = None,
    module: str = "telehealth.media",
    log: IO[str] | None = None,
) -> Iterator[RunningNode]:
    """A node with these settings besides; with another's keys (private, public), where one web process has several."""
    private, public = keys or key_pair()
    port = port or free_port()
    with start_node(node_environment(public, port) | dict(more or {}), module=module, log=log) as process:
        node = RunningNode(
            url=f"http://127.0.0.1:{port}", signer=GrantSigner(private), private=private, process=process
        )
        try:
            until_healthy(node.url, node.process)
            yield node
        finally:
            process.send_signal(signal.SIGINT)  # at once: nobody has to go elsewhere
            process.wait(PATIENCE)


def until_healthy(url: str, process: subprocess.Popen[str]) -> None:
    for _ in range(3600):
        if process.poll() is not None:
            raise RuntimeError("the media node ended")
        try:
            if httpx.get(f"{url}/healthz", timeout=PATIENCE).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise RuntimeError("the media node does not answer")
