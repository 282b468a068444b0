from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest

from telehealth.core.time import SystemClock
from telehealth.records.delivery.backend_services import BackendServices, read_key
from telehealth.records.delivery.fhir_client import FhirRecordService, open_record_service
from telehealth.records.delivery.fhir_http import FhirServer
from telehealth.records.delivery.rules import Identifier
from telehealth.tasks.outbound import Outbound, open_client
from tests.kit.fault_proxy import no_faults
from tests.kit.signed import MRN
from tests.records.contract.lanes import GIVEN, LANES, Lane

ASKED = [GIVEN] if GIVEN else ["sekmet", pytest.param("medplum", marks=pytest.mark.medplum)]


@pytest.fixture(scope="session", params=ASKED)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lane]:
    with LANES[request.param](tmp_path_factory.mktemp("record-service")) as lane:
        yield lane


@pytest.fixture
def lane(running: Lane) -> Lane:
    """Without faults, and with nothing seen yet."""
    running.proxy.plan, running.proxy.stripped = no_faults, frozenset()
    for told in (running.proxy.seen, running.proxy.answers, running.proxy.sent):
        told.clear()
    return running


@pytest.fixture
async def records(lane: Lane) -> AsyncIterator[FhirRecordService]:
    """Our client, opened as a house opens it."""
    async with open_record_service(lane.target, SystemClock()) as opened:
        yield opened


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    async with open_client() as opened:
        yield opened


@pytest.fixture
def credential(lane: Lane, outbound: Outbound) -> BackendServices | None:
    """How our client signs in; None where nobody has to."""
    target = lane.target
    if target.private_key is None:
        return None
    key, scopes = read_key(target.private_key), target.profile.scopes
    return BackendServices(
        outbound, target.url, client_id=target.client_id, key=key, clock=SystemClock(), scopes=scopes
    )


@pytest.fixture
def http(lane: Lane, outbound: Outbound, credential: BackendServices | None) -> FhirServer:
    """One request at a time, as our client sends them."""
    return FhirServer(outbound, lane.target.url, credential=credential, clock=SystemClock())


@pytest.fixture
def somebody(lane: Lane) -> Identifier:
    """Exactly one patient there carries it."""
    patient = Identifier(MRN, str(uuid4()))
    lane.admin.add_patient(system=patient.system, value=patient.value)
    return patient
