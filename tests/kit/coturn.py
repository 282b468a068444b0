"""A real TURN server on the loopback, with a shared secret. SIGSTOP makes it lose every packet."""

import ipaddress
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.kit.media_process import free_port
from tests.kit.needs import program
from tests.kit.patience import PATIENCE

SECRET = "a secret between us and the relay"


@dataclass(frozen=True, slots=True)
class RunningCoturn:
    """`certificate` is its own authority."""

    port: int
    tls_port: int
    certificate: Path
    process: subprocess.Popen[bytes]

    @property
    def urls(self) -> tuple[str, ...]:
        return (f"turn:127.0.0.1:{self.port}?transport=udp",)

    @property
    def tcp(self) -> tuple[str, ...]:
        return (f"turn:127.0.0.1:{self.port}?transport=tcp",)

    @property
    def tls(self) -> tuple[str, ...]:
        return (f"turns:127.0.0.1:{self.tls_port}?transport=tcp",)

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
    port, tls_port = free_port(), free_port()
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        certificate = _certify(Path(directory))
        options = {
            "--listening-port": f"{port}",
            "--tls-listening-port": f"{tls_port}",
            "--cert": f"{certificate}",
            "--pkey": f"{directory}/key.pem",
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
            "--no-dtls",
        ]
        argv = [program("relay"), *flags, *(part for option in options.items() for part in option)]
        with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=directory) as process:
            try:
                _until_it_answers(port)
                yield RunningCoturn(port, tls_port, certificate, process)
            finally:
                process.terminate()
                process.wait(PATIENCE)


def _certify(directory: Path) -> Path:
    """A certificate of 127.0.0.1 for a day, and its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "turn.clinic.example")])
    now = datetime.now(UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    kept = directory / "cert.pem"
    kept.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (directory / "key.pem").write_bytes(pem)
    return kept


def _until_it_answers(port: int) -> None:
    for _ in range(1200):
        with socket.socket() as found:
            if found.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("coturn does not answer")
