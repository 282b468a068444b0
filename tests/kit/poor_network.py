"""A network of its own for one browser: a namespace behind virtual interfaces, with loss, cuts, other addresses.

The page's own server is reached at localhost in there too, by a relay of bytes: only there do browsers give out cameras
without TLS. Needs root, ip (iproute2) and nft (nftables).
"""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kit.needs import program

numbers = itertools.count(1)
RELAY = """
import asyncio, sys

async def pour(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

async def take(reader, writer):
    try:
        far_reader, far_writer = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    except OSError:
        writer.close()
        return
    await asyncio.gather(pour(reader, far_writer), pour(far_reader, writer))

async def main():
    server = await asyncio.start_server(take, "127.0.0.1", int(sys.argv[2]))
    print("ready", flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


def _run(*argv: str, given: str | None = None) -> str:
    return subprocess.run(argv, check=True, input=given, text=True, capture_output=True).stdout


@dataclass
class PoorNetwork:
    """`near` is this machine's address in it, `far` the browser's. All loss is of packets either way, 0 to 1."""

    name: str
    outer: str
    subnet: str
    directory: Path
    relay: subprocess.Popen[str] | None = None
    port: int = 0

    @property
    def near(self) -> str:
        return f"{self.subnet}.1"

    @property
    def inside(self) -> tuple[str, ...]:
        return ("ip", "netns", "exec", self.name)

    @property
    def browser(self) -> str:
        """A program that is Chromium in there."""
        path = self.directory / "browser"
        path.write_text(f'#!/bin/sh\nexec {" ".join(self.inside)} {program("browser")} "$@"\n')
        path.chmod(0o755)
        return str(path)

    def loses(self, share: float) -> None:
        rule = f"numgen random mod 1000 < {round(share * 1000)} drop"
        self._filter(rule if 0 < share < 1 else "drop" if share else "")

    def cut(self) -> None:
        self.loses(1)

    def mend(self) -> None:
        self.loses(0)

    def move(self, last: int) -> None:
        """The browser's only address is another one from now on."""
        _run(*self.inside, "ip", "address", "flush", "dev", "eth0", "scope", "global")
        _run(*self.inside, "ip", "address", "add", f"{self.subnet}.{last}/24", "dev", "eth0")

    def rebind(self, last: int) -> None:
        """A NAT on the way lets this machine see another address from now on; the browser's own stays. What was
        connected gets no answer any more.
        """
        seen = f"{self.subnet}.{last}"
        mac = json.loads(_run(*self.inside, "ip", "-json", "link", "show", "eth0"))[0]["address"]
        _run("ip", "neighbour", "replace", seen, "lladdr", mac, "dev", self.outer)
        name = f"{self.name}nat"
        far = f"{self.subnet}.2"
        _run(
            *self.inside,
            "nft",
            "-f",
            "-",
            given=f"""add table ip {name}
            delete table ip {name}
            table ip {name} {{
              chain out {{ type filter hook postrouting priority 0; oifname eth0 ip saddr {far} ip saddr set {seen}; }}
              chain in {{ type filter hook prerouting priority -300;
                iifname eth0 tcp flags & rst == rst drop;
                iifname eth0 ip daddr {far} drop;
                iifname eth0 ip daddr {seen} ip daddr set {far}; }}
            }}""",
        )

    def serve(self, port: int) -> None:
        """Lets localhost and this port in there be that port of this machine."""
        self.port = port
        self._begin_relay()

    def break_connections(self) -> None:
        """Every TCP connection to the page's server ends, and the next one gets through again."""
        self.stop()
        self._begin_relay()

    def stop(self) -> None:
        if self.relay is not None:
            self.relay.send_signal(signal.SIGKILL)
            self.relay.communicate(timeout=10)

    def _begin_relay(self) -> None:
        argv = [*self.inside, sys.executable, "-c", RELAY, self.near, str(self.port)]
        self.relay = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        assert self.relay.stdout is not None
        assert self.relay.stdout.readline() == "ready\n"

    def _filter(self, rule: str) -> None:
        """Where packets arrive, on either side: whoever sends is told nothing."""
        _run(*self.inside, "nft", "-f", "-", given=self._table("eth0", rule))
        _run("nft", "-f", "-", given=self._table(self.outer, rule))

    def forget(self) -> None:
        """What stands on this machine's side."""
        _run("nft", "-f", "-", given=f"add table inet {self.name}\ndelete table inet {self.name}\n")

    def _table(self, interface: str, rule: str) -> str:
        drops = f"iifname {interface} {rule};" if rule else ""
        chain = f"chain arriving {{ type filter hook prerouting priority 0; {drops} }}"
        fresh = f"add table inet {self.name}\ndelete table inet {self.name}\n"
        return f"{fresh}table inet {self.name} {{\n{chain}\n}}\n"


@contextmanager
def poor_network() -> Iterator[PoorNetwork]:
    """A good one, until it is told otherwise."""
    number = next(numbers)
    name = f"poor{os.getpid()}x{number}"
    outer = f"p{os.getpid() % 100_000}x{number}"
    subnet = f"10.{200 + os.getpid() % 50}.{(os.getpid() // 50 + number) % 250}"
    with tempfile.TemporaryDirectory(prefix="th-") as directory:
        Path(directory).chmod(0o755)
        network = PoorNetwork(name, outer, subnet, Path(directory))
        _run("ip", "netns", "add", name)
        try:
            _run("ip", "link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", name)
            _run("ip", "address", "add", f"{subnet}.1/24", "dev", outer)
            _run("ip", "link", "set", outer, "up")
            for each in ("lo", "eth0"):
                _run(*network.inside, "ip", "link", "set", each, "up")
            _run(*network.inside, "ip", "address", "add", f"{subnet}.2/24", "dev", "eth0")
            _run(*network.inside, "ip", "route", "add", "default", "via", network.near)
            yield network
        finally:
            network.stop()
            network.forget()
            _run("ip", "netns", "delete", name)
