from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from uuid import uuid4

import pytest
from joserfc.jwk import ECKey

from telehealth.core.time import Clock, SystemClock
from telehealth.records.delivery.backend_services import BackendServices
from telehealth.records.delivery.fhir_client import FhirRecordService
from telehealth.records.delivery.fhir_http import FhirServer
from telehealth.records.delivery.profiles import US_CORE, Profile
from telehealth.records.delivery.rules import Identifier
from telehealth.tasks.outbound import open_client
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.r4 import faults
from tests.kit.record_service import RunningRecordService, record_service

MRN = "urn:example:mrn"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRecordService]:
    with record_service(tmp_path_factory.mktemp("record-service")) as running:
        yield running


@pytest.fixture
def proxy(server: RunningRecordService) -> Iterator[FaultProxy]:
    """Before the server; every resource that went to it was valid."""
    with fault_proxy(server.origin) as running:
        yield running
    assert [fault for each in running.sent for fault in faults(each)] == []


@pytest.fixture
def patient(server: RunningRecordService) -> Identifier:
    """Exactly one patient of the record service carries it."""
    identifier = Identifier(MRN, str(uuid4()))
    server.add_patient(system=identifier.system, value=identifier.value)
    return identifier


@dataclass(frozen=True, slots=True)
class Client:
    """The adapter under test and the credential it uses."""

    records: FhirRecordService
    credential: BackendServices


@dataclass(frozen=True, slots=True)
class Clients:
    """Opens adapters against an origin: the server itself or a proxy before it."""

    server: RunningRecordService
    stack: AsyncExitStack

    async def open(
        self,
        origin: str | None = None,
        *,
        clock: Clock | None = None,
        key: Mapping[str, str | list[str]] | None = None,
        profile: Profile = US_CORE,
        deadline: float = 5,
    ) -> Client:
        outbound = await self.stack.enter_async_context(open_client(deadline=deadline))
        base_url = f"{origin or self.server.origin}/fhir"
        clock = clock or SystemClock()
        credential = BackendServices(
            outbound,
            base_url,
            client_id=self.server.client_id,
            key=ECKey.import_key(dict(key or self.server.private_key)),
            clock=clock,
            scopes=profile.scopes,
        )
        server = FhirServer(outbound, base_url, credential=credential, clock=clock)
        return Client(FhirRecordService(server, profile), credential)


@pytest.fixture
async def clients(server: RunningRecordService) -> AsyncIterator[Clients]:
    async with AsyncExitStack() as stack:
        yield Clients(server, stack)


Count = Callable[[Identifier], int]


@pytest.fixture
def count(server: RunningRecordService) -> Count:
    """How many DocumentReferences carry an identifier."""
    return lambda identifier: len(server.documents(system=identifier.system, value=identifier.value))
