import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from telehealth.core.time import FixedClock, SystemClock
from telehealth.records.delivery.backend_services import BackendServices, TokenAway, TokenRefused, in_version_1
from telehealth.records.delivery.fhir_client import FhirRecordService
from telehealth.records.delivery.fhir_http import FhirServer
from telehealth.records.delivery.profiles import US_CORE
from telehealth.records.delivery.rules import Accepted, Away, Identifier, Unauthorized
from telehealth.tasks.outbound import open_client
from tests.kit.fault_proxy import FaultProxy, fault_proxy
from tests.kit.notes import a_document
from tests.kit.record_service import record_service
from tests.records.delivery.conftest import MRN, Clients

WRONG_KEY = ECKey.generate_key("P-384", auto_kid=True).as_dict(private=True)


async def test_a_token_is_kept_until_a_minute_before_it_runs_out(clients: Clients) -> None:
    clock = FixedClock(SystemClock().now())
    credential = (await clients.open(clock=clock)).credential
    first = await credential.token()
    clock.advance(timedelta(seconds=3600 - 61))
    assert await credential.token() == first
    clock.advance(timedelta(seconds=1))
    with pytest.raises(TokenRefused):  # this clock is now an hour ahead: the assertion is dated too far in the future
        await credential.token()


async def test_of_a_short_life_three_quarters_are_used_and_a_refusal_is_believed_for_a_while(tmp_path: Path) -> None:
    with fault_proxy("") as proxy, record_service(tmp_path, token_seconds=20, public=proxy.url) as server:
        proxy.upstream = server.origin
        clock = FixedClock(SystemClock().now() - timedelta(seconds=60))  # sekmet takes no assertion from the future
        async with AsyncExitStack() as stack:
            clients = Clients(server, stack)
            credential = (await clients.open(proxy.url, clock=clock)).credential
            for seconds, asked in ((0, 1), (7, 1), (7, 1), (1, 2), (14, 2)):
                clock.advance(timedelta(seconds=seconds))
                await credential.token()
                assert len(proxy.assertions) == asked
            proxy.assertions.clear()
            wrong = (await clients.open(proxy.url, key=WRONG_KEY, clock=clock)).credential
            for seconds, asked in ((0, 1), (9, 1), (1, 2)):
                clock.advance(timedelta(seconds=seconds))
                refused = await asyncio.gather(*(wrong.token() for _ in range(3)), return_exceptions=True)
                assert {type(each) for each in refused} == {TokenRefused}
                assert len(set(proxy.assertions)) == asked


async def test_a_token_that_ran_out_is_renewed(clients: Clients) -> None:
    clock = FixedClock(SystemClock().now() - timedelta(seconds=30))
    credential = (await clients.open(clock=clock)).credential
    first = await credential.token()
    assert await credential.token(refused=first) != first


async def test_callers_at_the_same_time_share_one_request(clients: Clients, proxy: FaultProxy) -> None:
    credential = (await clients.open(proxy.url)).credential
    tokens = await asyncio.gather(*(credential.token() for _ in range(20)))
    assert len(set(tokens)) == 1
    assert len(proxy.seen) == 1  # discovery; the token endpoint it names is not behind the proxy


async def test_a_refusal_seen_by_many_is_renewed_once(clients: Clients) -> None:
    credential = (await clients.open()).credential
    old = await credential.token()
    assert len(set(await asyncio.gather(*(credential.token(refused=old) for _ in range(10))))) == 1


async def test_a_wrong_key_is_refused(clients: Clients, patient: Identifier) -> None:
    client = await clients.open(key=WRONG_KEY)
    assert await client.records.deliver(a_document(patient), search_first=False) == Unauthorized(401)


async def test_no_discovery_document_is_away(clients: Clients, proxy: FaultProxy, patient: Identifier) -> None:
    proxy.upstream += "/nowhere"
    client = await clients.open(proxy.url)
    with pytest.raises(TokenAway):
        await client.credential.token()
    assert isinstance(await client.records.deliver(a_document(patient), search_first=False), Away)


async def test_a_token_the_server_ends_early_is_replaced(tmp_path: Path) -> None:
    """The client believes in its token for years; the server ends it after a second."""
    with record_service(tmp_path, token_seconds=1) as server:
        patient = Identifier(MRN, "1")
        server.add_patient(system=patient.system, value=patient.value)
        clock = FixedClock(SystemClock().now())
        async with open_client() as outbound:
            credential = BackendServices(
                outbound,
                server.base_url,
                client_id=server.client_id,
                key=ECKey.import_key(dict(server.private_key)),
                clock=clock,
                scopes=US_CORE.scopes,
            )
            endpoint = FhirServer(outbound, server.base_url, credential=credential, clock=clock)
            records = FhirRecordService(endpoint, US_CORE)
            assert isinstance(await records.deliver(a_document(patient), search_first=False), Accepted)
            await asyncio.sleep(1.1)
            assert isinstance(await records.deliver(a_document(patient), search_first=False), Accepted)


def test_a_server_that_speaks_version_1_is_asked_in_version_1() -> None:
    asked = "system/DocumentReference.crus system/Patient.rs launch"
    told = "system/DocumentReference.read system/DocumentReference.write system/Patient.read launch"
    assert in_version_1(asked) == told
