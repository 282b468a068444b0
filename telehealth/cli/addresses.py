"""The TCP ports `up` gives out on this machine."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from telehealth.cli.errors import CannotStart

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    web: int = 8000
    media: int = 8001
    record_service: int = 8090
    smtp: int = 1025
    mailbox: int = 8025
    turn: int = 3478


@dataclass(frozen=True, slots=True)
class Door:
    """A port that is about to be opened, and the option that moves it."""

    name: str
    option: str
    port: int
    host: str = LOOPBACK


def free_ports() -> Ports:
    """Six different ports nobody listens on."""
    with ExitStack() as held:
        found = []
        for _ in range(6):
            listener = held.enter_context(socket.socket())
            listener.bind((LOOPBACK, 0))
            found.append(int(listener.getsockname()[1]))
    return Ports(web=found[0], media=found[1], record_service=found[2], smtp=found[3], mailbox=found[4], turn=found[5])


def require_free(doors: Iterable[Door]) -> None:
    """Raises CannotStart that names every port that cannot be had, and the option for another."""
    wanted = list(doors)
    faults = [f"{door.name}: {fault}" for door in wanted if (fault := _fault(door))]
    seen: dict[int, Door] = {}
    for door in wanted:
        other = seen.setdefault(door.port, door)
        if other is not door:
            faults.append(
                f"{door.name}: port {door.port} is also that of {other.name}. Choose with {door.option} PORT."
            )
    if faults:
        raise CannotStart("\n".join([*faults, "--free-ports takes ports that are free."]))


def _fault(door: Door) -> str | None:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((door.host, door.port))
        except OSError as error:
            match error.errno:
                case errno.EADDRINUSE:
                    why = "is taken"
                case errno.EACCES:
                    why = "is not open to this user"
                case _:
                    why = f"cannot be opened on {door.host} ({error.strerror})"
            return f"port {door.port} {why}. Choose another with {door.option} PORT."
    return None
