"""The servers, each as a process of its own on one core: our media node, Debian's Janus, aiortc's MediaRelay."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.kit.media_process import free_port, node_environment
from tests.kit.webrtc import key_pair

JANUS = "janus"
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running one. `told` is what players need to know of it; without a process it is the direct path."""

    told: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, compare=False)

    @property
    def cpu(self) -> float:
        """Seconds of processor time of all its threads so far (proc(5): utime and stime)."""
        if self.process is None:
            return 0.0
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def direct() -> Iterator[Server]:
    yield Server({"kind": "direct"})


@contextmanager
def node(host: str, core: int, log: Path | None, *, compiled: bool) -> Iterator[Server]:
    """Our media node."""
    private, public = key_pair()
    port = free_port()
    chosen = {"TELEHEALTH_MEDIA_HOST": host, "TELEHEALTH_MEDIA_COMPILED": str(compiled).lower()}
    env = node_environment(public, port) | chosen
    with _process([sys.executable, "-m", "telehealth.media"], core, log, env) as process:
        url = f"http://127.0.0.1:{port}"
        _until(process, lambda: _answers(f"{url}/healthz"))
        yield Server({"kind": "node", "url": url, "key": private}, process)


@contextmanager
def relay(host: str, core: int, log: Path | None) -> Iterator[Server]:
    """MediaRelay of aiortc."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.forwarding.relay", host, str(port)]
    with _process(command, core, log, dict(os.environ)) as process:
        url = f"http://127.0.0.1:{port}"
        _until(process, lambda: _answers(url))
        yield Server({"kind": "relay", "url": url}, process)


def janus_version() -> str | None:
    """None when there is none."""
    if shutil.which(JANUS) is None:
        return None
    told = subprocess.run([JANUS, "--version"], capture_output=True, text=True, check=False)
    return (told.stdout + told.stderr).strip().splitlines()[-1]


@contextmanager
def janus(host: str, core: int, log: Path | None) -> Iterator[Server]:
    """Janus as Debian installs it, but for where it listens: VideoRoom over a Unix socket, media at `host`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in _configuration(folder, host).items():
            (folder / file).write_text(text)
        command = [JANUS, "--configs-folder", name, "--disable-colors"]
        with _process(command, core, log, dict(os.environ)) as process:
            path = folder / "door"
            _until(process, lambda: _listens(path))
            yield Server({"kind": "janus", "path": str(path)}, process)


def _configuration(folder: Path, host: str) -> dict[str, str]:
    plugins, transports = (_found(kind) for kind in ("plugins", "transports"))
    disabled = [each.name for each in transports.glob("*.so") if "pfunix" not in each.name]
    unused = [each.name for each in plugins.glob("*.so") if "videoroom" not in each.name]
    return {
        "janus.jcfg": f"""
general: {{ session_timeout = 0; debug_level = 3; daemonize = false
  plugins_folder = "{plugins}"; transports_folder = "{transports}" }}
nat: {{ ice_enforce_list = "{host}" }}
media: {{ ipv6 = false }}
plugins: {{ disable = "{",".join(unused)}" }}
transports: {{ disable = "{",".join(disabled)}" }}
""",
        "janus.transport.pfunix.jcfg": f"""
general: {{ enabled = true; json = "compact"; path = "{folder / "door"}"; type = "SOCK_SEQPACKET" }}
admin: {{ admin_enabled = false }}
""",
        "janus.plugin.videoroom.jcfg": "general: { }\n",
    }


def _found(kind: str) -> Path:
    return next(Path("/usr/lib").glob(f"*/janus/{kind}"))


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as knocking:
        try:
            knocking.connect(str(path))
        except OSError:
            return False
    return True


def _answers(url: str) -> bool:
    try:
        httpx.get(url, trust_env=False)
    except httpx.TransportError:
        return False
    return True


@contextmanager
def _process(
    command: list[str], core: int, log: Path | None, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with (log or Path(os.devnull)).open("ab") as out:
        pinned = ["taskset", "--cpu-list", str(core), *command]
        with subprocess.Popen(pinned, env=env, stdout=out, stderr=out) as process:
            try:
                yield process
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()


def _until(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the server does not answer: {process.args!r}")
        time.sleep(0.05)
