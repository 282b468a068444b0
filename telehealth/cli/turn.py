"""A TURN relay beside the house (`up --turn`): the machine's own coturn, by the rules of deploy/coturn.conf.

It relays to the addresses of the media node, where it stands itself, and to no other private address.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from telehealth.cli.addresses import LOOPBACK, Door
from telehealth.cli.environment import given
from telehealth.cli.errors import CannotStart
from telehealth.cli.processes import Program
from telehealth.cli.state import StateDirectory, write_private
from telehealth.settings.given import value_of

RULES = Path("deploy") / "coturn.conf"
PLACES = "/usr/bin:/usr/sbin"  # Debian's, and others', which not every PATH has
OURS = frozenset(
    {"listening-port", "tls-listening-port", "cert", "pkey", "static-auth-secret", "no-tlsv1", "no-tlsv1_1"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """At these addresses of this machine."""

    program: Path
    hosts: tuple[str, ...]
    port: int
    secret: str

    @property
    def settings(self) -> dict[str, str]:
        """What the house is told of it."""
        host = f"[{self.hosts[0]}]" if ":" in self.hosts[0] else self.hosts[0]
        urls = " ".join(f"turn:{host}:{self.port}?transport={transport}" for transport in ("udp", "tcp"))
        return {"TELEHEALTH_TURN_URLS": urls, "TELEHEALTH_TURN_SECRET": self.secret}

    @property
    def door(self) -> Door:
        return Door("TURN relay", "--turn-port", self.port, self.hosts[0])

    def configuration(self, rules: str, directory: Path) -> str:
        """Those rules, without TLS, with our addresses and our secret; what it writes is in `directory`."""
        places = [f"{name}={host}" for host in self.hosts for name in ("listening-ip", "relay-ip", "allowed-peer-ip")]
        return "\n".join(
            [
                *(line for line in rules.splitlines() if line.partition("=")[0] not in OURS),
                *places,
                *(["allow-loopback-peers"] if {LOOPBACK, "::1"} & set(self.hosts) else []),
                f"listening-port={self.port}",
                f"static-auth-secret={self.secret}",
                "no-tls",
                "no-dtls",
                "log-file=stdout",
                f"pidfile={directory / 'turn.pid'}",
                f"userdb={directory / 'turn.db'}",
                "",
            ]
        )

    def server(self, state: StateDirectory, rules: Path, env: Mapping[str, str]) -> Program:
        """Raises CannotStart without rules: a relay that has none is a door into the network it stands in."""
        try:
            text = rules.read_text()
        except OSError:
            raise CannotStart(f"--turn needs {rules}, the rules of the relay.") from None
        path = state.run / "coturn.conf"
        write_private(path, self.configuration(text, state.run))
        return Program(name="turn", argv=(str(self.program), "-c", str(path)), env=env, cwd=state.run, foundation=True)


def open_relay(env: Mapping[str, str], *, port: int, secret: str, places: str = PLACES) -> Relay:
    """Where coturn is installed. Raises CannotStart."""
    if given(env, "TELEHEALTH_TURN_URLS"):
        raise CannotStart("TELEHEALTH_TURN_URLS names a TURN server that runs already: leave it out, or --turn.")
    program = shutil.which("turnserver", path=f"{env.get('PATH', '')}:{places}")
    if program is None:
        raise CannotStart(
            "--turn needs coturn, which is not installed: `apt install coturn`, or leave --turn away "
            "and name a TURN server that runs in TELEHEALTH_TURN_URLS and TELEHEALTH_TURN_SECRET."
        )
    hosts = (value_of(env, "TELEHEALTH_MEDIA_HOST") or LOOPBACK).split()
    return Relay(program=Path(program), hosts=tuple(hosts), port=port, secret=secret)
