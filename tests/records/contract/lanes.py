"""Each record service behind the fault proxy: sekmet, Medplum's router, or the one that the environment names."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from telehealth.records.delivery.destinations import Target, profile_called
from telehealth.records.delivery.profiles import GENERIC
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.medplum_server import medplum_server
from tests.kit.record_admin import Administered
from tests.kit.record_service import record_service
from tests.records.contract.servers import MEDPLUM, SEKMET, Promise, Server

GIVEN = os.environ.get("RECORD_BASE_URL", "").rstrip("/")


@dataclass(frozen=True, slots=True)
class Lane:
    """A server as our client reaches it (`target`, through `proxy`), and as its administrator does."""

    server: Server
    admin: Administered
    proxy: FaultProxy
    target: Target

    def breaks(self, promise: Promise) -> bool:
        return promise in self.server.breaks


@dataclass(frozen=True, slots=True)
class Elsewhere(Administered):
    """A server that runs already."""

    url: str
    token: str | None

    @property
    def base_url(self) -> str:
        return self.url

    @property
    def authorization(self) -> str | None:
        return f"Bearer {self.token}" if self.token else None


@contextmanager
def sekmet(directory: Path) -> Iterator[Lane]:
    with record_service(directory) as running, fault_proxy(running.origin) as proxy:
        target = _target(
            SEKMET, proxy, running, client_id=running.client_id, private_key=json.dumps(running.private_key)
        )
        yield Lane(SEKMET, running, proxy, target)


@contextmanager
def medplum(directory: Path) -> Iterator[Lane]:
    with medplum_server(directory) as running, fault_proxy(running.origin) as proxy:
        yield Lane(MEDPLUM, running, proxy, _target(MEDPLUM, proxy, running))


@contextmanager
def given(_: Path) -> Iterator[Lane]:
    """RECORD_BASE_URL, where RECORD_TOKEN may create, read and delete, and RECORD_CLIENT_ID signs in by
    RECORD_PRIVATE_KEY (a JWK); RECORD_PROFILE is how it behaves, RECORD_BREAKS which promises it does not keep.
    """
    asked = os.environ.get
    running = Elsewhere(GIVEN, asked("RECORD_TOKEN"))
    reason = "as RECORD_BREAKS says"
    server = Server(
        name=urlsplit(GIVEN).netloc,
        profile=profile_called(asked("RECORD_PROFILE", GENERIC.name)),
        breaks={Promise(each): reason for each in asked("RECORD_BREAKS", "").split()},
        loses=frozenset(asked("RECORD_LOSES", "").split()),
    )
    address = urlsplit(GIVEN)
    with fault_proxy(f"{address.scheme}://{address.netloc}") as proxy:
        target = _target(
            server,
            proxy,
            running,
            client_id=asked("RECORD_CLIENT_ID", "telehealth"),
            private_key=asked("RECORD_PRIVATE_KEY"),
        )
        yield Lane(server, running, proxy, target)


def _target(
    server: Server,
    proxy: FaultProxy,
    running: Administered,
    *,
    client_id: str = "telehealth",
    private_key: str | None = None,
) -> Target:
    url = proxy.url + urlsplit(running.base_url).path
    return Target(name="contract", url=url, profile=server.profile, client_id=client_id, private_key=private_key)


LANES = {"sekmet": sekmet, "medplum": medplum, GIVEN: given}
