"""A real TURN server on the loopback, with a shared secret. SIGSTOP makes it lose every packet."""

import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.media_process import free_port
from tests.kit.needs import program

SECRET = "a secret between us and the relay"


@dataclass(frozen=True, slots=True)
class RunningCoturn:
    port: int
    process: subprocess.Popen[bytes]

    @property
    def urls(self) -> tuple[str, ...]:
        return (f"turn:127.0.0.1:{self.port}?transport=udp",)

    @contextmanager
    def losing_everything(self) -> Iterator[None]:
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def running_coturn(config: Path | None = None) -> Iterator[RunningCoturn]:
    """With `config`, by that file's rules: where it listens, its realm and its secret are of this test all the same."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        options = {
            "--listening-port": f"{port}",
            "--listening-ip": "127.0.0.1",
            "--relay-ip": "127.0.0.1",
            "--realm": "clinic.example",
            "--static-auth-secret": SECRET,
            "--pidfile": f"{directory}/pid",
            "--userdb": f"{directory}/db",
            "--log-file": "stdout",
        }
        flags = [
            *(["-n", "--allow-loopback-peers"] if config is None else ["-c", str(config)]),
            "--use-auth-secret",
            "--fingerprint",
            "--no-cli",
            "--no-tls",
            "--no-dtls",
        ]
        argv = [program("relay"), *flags, *(part for option in options.items() for part in option)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory) as process:
            try:
                _until_it_answers(port)
                yield RunningCoturn(port, process)
            finally:
                process.terminate()
                process.wait(10)


def _until_it_answers(port: int) -> None:
    for _ in range(100):
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("coturn does not answer")
