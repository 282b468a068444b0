"""The doors of access, through the whole HTTP kit, with the real authenticator."""

from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from telehealth.access import service
from telehealth.access.authentication import StoredCredentials
from telehealth.access.routes import OPERATIONS, PAGES
from telehealth.access.rules import FREE_TRIES, Account
from telehealth.core.actors import ANONYMOUS, SYSTEM
from telehealth.core.time import FixedClock
from telehealth.db.unit import UnitOfWork
from telehealth.http.credentials import STAFF_COOKIE
from telehealth.http.openapi import openapi
from telehealth.http.ports import Authenticator
from tests.access.conftest import PASSWORD, Audit, stored_password
from tests.kit.integrations import BackendClient, jwks_of, new_key
from tests.kit.web import ORIGIN, bearer, client_of

CREDENTIALS = {"email": "ada@clinic.example", "password": PASSWORD}
OURS = {"Origin": ORIGIN}


@pytest.fixture
async def client(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    ports: dict[type, object] = {Authenticator: StoredCredentials(unit_of_work)}
    async with client_of(unit_of_work, (*OPERATIONS, *PAGES), {}, ports=ports) as opened:
        yield opened


async def cookie(unit_of_work: UnitOfWork, account: Account) -> dict[str, str]:
    compared = await unit_of_work.run(stored_password, SYSTEM, account.id)
    opened = await unit_of_work.run(service.open_staff_session, SYSTEM, account.id, compared=compared)
    assert opened is not None
    return OURS | {"Cookie": f"{STAFF_COOKIE}={opened.secret}"}


async def test_sign_in_me_and_out(client: httpx.AsyncClient, account: Account) -> None:
    answer = await client.post("/v1/sessions", json=CREDENTIALS)
    assert (answer.status_code, answer.json()) == (200, {"expires_in": 43200})
    flags = answer.headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure", "Max-Age=43200"} <= set(flags)
    signed_in = OURS | {"Cookie": flags[0]}
    me = (await client.get("/v1/me", headers=signed_in)).json()
    assert (me["id"], me["name"], me["role"]) == (str(account.id), "Dr. Ada Byron", "clinician")
    assert (await client.delete("/v1/sessions/current", headers=signed_in)).status_code == 204
    assert (await client.get("/v1/me", headers=signed_in)).status_code == 401


async def test_wrong_and_unknown_are_one_answer(client: httpx.AsyncClient, account: Account) -> None:
    answers = [
        await client.post("/v1/sessions", json=CREDENTIALS | wrong)
        for wrong in ({"password": "wrong"}, {"email": "nobody@clinic.example"})
    ]
    first, second = ({**each.json(), "request_id": ""} for each in answers)
    assert first == second
    assert (first["status"], first["type"]) == (401, "/problems/wrong-credentials")
    assert all("set-cookie" not in each.headers for each in answers)


async def test_waiting_says_how_long(client: httpx.AsyncClient, unit_of_work: UnitOfWork) -> None:
    for _ in range(FREE_TRIES):
        await unit_of_work.run(service.begin_sign_in, ANONYMOUS, CREDENTIALS["email"])
    answer = await client.post("/v1/sessions", json=CREDENTIALS)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    page = await client.post("/sign-in", data=CREDENTIALS, headers=OURS)
    assert page.status_code == 429


@pytest.mark.parametrize(
    ("asked", "going_to"), [("/day", "/day"), ("//evil.example", "/"), ("https://evil.example", "/")]
)
async def test_the_page_leads_on_and_only_here(
    client: httpx.AsyncClient, account: Account, asked: str, going_to: str
) -> None:
    form = await client.get("/sign-in", params={"next": asked})
    assert f'name="next" value="{going_to}"' in form.text
    answer = await client.post("/sign-in", data=CREDENTIALS | {"next": asked}, headers=OURS)
    assert (answer.status_code, answer.headers["location"]) == (303, going_to)
    assert answer.headers["set-cookie"].startswith(STAFF_COOKIE)


async def test_the_page_says_what_was_wrong_and_not_the_password(client: httpx.AsyncClient, account: Account) -> None:
    answer = await client.post("/sign-in", data=CREDENTIALS | {"password": "not this one"}, headers=OURS)
    assert answer.status_code == 401
    assert "sign-in-error" in answer.text
    assert "ada@clinic.example" in answer.text
    assert "not this one" not in answer.text


async def test_the_page_signs_out_and_ends_the_session(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork, account: Account
) -> None:
    signed_in = await cookie(unit_of_work, account)
    answer = await client.post("/sign-out", headers=signed_in)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert (await client.get("/v1/me", headers=signed_in)).status_code == 401
    assert (await client.post("/sign-out", headers=OURS)).status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
async def test_no_other_site_signs_anyone_in_or_out(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.post(path, data=CREDENTIALS, headers={"Origin": "https://evil.example"})
    assert answer.status_code == 403


async def test_smart_configuration_is_where_clients_look(client: httpx.AsyncClient) -> None:
    documents = [(await client.get(f"{base}/.well-known/smart-configuration")).json() for base in ("", "/fhir")]
    assert documents[0] == documents[1]
    assert documents[0]["token_endpoint"] == "http://localhost/oauth/token"
    assert documents[0]["token_endpoint_auth_signing_alg_values_supported"] == ["ES384", "RS384"]


async def test_a_token_by_the_book(client: httpx.AsyncClient, clock: FixedClock, integration: BackendClient) -> None:
    form = integration.form(clock.now()) | {"resource": "an unknown parameter is ignored"}
    answer = await client.post("/oauth/token", data=form)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("bearer", 300, "summaries.read")
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache")
    refused = await client.get("/v1/me", headers=bearer(body["access_token"]))
    assert refused.status_code == 403


async def test_token_refusals_by_the_book(client: httpx.AsyncClient) -> None:
    forms = {
        "": "invalid_request",
        "grant_type=password": "invalid_request",
        "grant_type=password&client_assertion=x": "unsupported_grant_type",
        "grant_type=client_credentials&client_assertion=x": "invalid_request",
    }
    for form, error in forms.items():
        answer = await client.post(
            "/oauth/token", content=form, headers={"Content-Type": "application/x-www-form-urlencoded"}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, error)
        assert answer.headers["content-type"] == "application/json"


async def test_a_used_assertion_is_a_refused_client(
    client: httpx.AsyncClient, clock: FixedClock, integration: BackendClient
) -> None:
    form = integration.form(clock.now())
    await client.post("/oauth/token", data=form)
    answer = await client.post("/oauth/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "www-authenticate" in answer.headers


async def test_an_admin_registers_grants_and_revokes(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork, clock: FixedClock, *, admin: Account, audit: Audit
) -> None:
    signed_in = await cookie(unit_of_work, admin)
    key = new_key()
    body = {"name": "Analytics", "scopes": ["summaries.read"], "jwks": jwks_of(key)}
    made = await client.post("/v1/integrations", json=body, headers=signed_in)
    assert made.status_code == 201
    integration = BackendClient("http://localhost/oauth/token", "ES384", key, made.json()["id"])
    assert (await client.post("/oauth/token", data=integration.form(clock.now()))).status_code == 200
    grant = {
        "integration_id": integration.client_id,
        "purpose": "HRESCH",
        "data_kinds": ["summaries"],
        "patients": "everyone",
        "valid_until": (clock.now() + timedelta(days=30)).isoformat(),
    }
    given = await client.post("/v1/grants", json=grant, headers=signed_in)
    assert given.status_code == 201
    assert given.json()["approved_by"] == str(admin.id)
    assert (await client.delete(f"/v1/grants/{given.json()['id']}", headers=signed_in)).status_code == 204
    listed = (await client.get("/v1/grants", headers=signed_in)).json()["items"]
    assert [each["revoked_at"] is not None for each in listed] == [True]
    assert [row[1] for row in await audit()] == ["integration", "token", "grant", "grant"]


async def test_lists_come_in_pages(client: httpx.AsyncClient, unit_of_work: UnitOfWork, admin: Account) -> None:
    signed_in = await cookie(unit_of_work, admin)
    jwks = jwks_of(new_key())
    for number in range(3):
        body = {"name": f"Integration {number}", "scopes": ["summaries.read"], "jwks": jwks}
        await client.post("/v1/integrations", json=body, headers=signed_in)
    first = (await client.get("/v1/integrations", params={"limit": 2}, headers=signed_in)).json()
    rest = (await client.get("/v1/integrations", params={"after": first["next"]}, headers=signed_in)).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (2, 1, None)


async def test_unfit_registrations(client: httpx.AsyncClient, unit_of_work: UnitOfWork, admin: Account) -> None:
    signed_in, jwks = await cookie(unit_of_work, admin), jwks_of(new_key())
    fit: dict[str, object] = {"name": "A", "scopes": ["summaries.read"], "jwks": jwks}
    unfit: list[tuple[dict[str, object], int]] = [
        ({"scopes": ["visits.host"]}, 403),
        ({"scopes": []}, 422),
        ({"scopes": ["everything"]}, 422),
        ({"jwks": {"keys": [{}]}}, 422),
        ({"jwks": {"keys": []}}, 422),
        ({"name": ""}, 422),
    ]
    for changed, status in unfit:
        answer = await client.post("/v1/integrations", json=fit | changed, headers=signed_in)
        assert answer.status_code == status, changed


async def test_unfit_grants(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork, admin: Account, integration: BackendClient
) -> None:
    signed_in = await cookie(unit_of_work, admin)
    unfit: list[tuple[dict[str, object], int]] = [
        ({"integration_id": str(UUID(int=5))}, 404),
        ({"patients": [str(UUID(int=5))]}, 404),
        ({"patients": []}, 422),
        ({"patients": "all"}, 422),
        ({"valid_until": "2020-01-01T00:00:00Z"}, 422),
        ({"valid_until": "9999-12-31T23:59:59-14:00"}, 422),
        ({"valid_until": "2026-04-01T00:00:00"}, 422),
    ]
    grant = {
        "integration_id": integration.client_id,
        "purpose": "TREAT",
        "data_kinds": ["summaries"],
        "patients": "everyone",
        "valid_until": "2026-04-01T00:00:00Z",
    }
    for changed, status in unfit:
        answer = await client.post("/v1/grants", json=grant | changed, headers=signed_in)
        assert answer.status_code == status, changed


async def test_clinicians_do_not_administer(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork, account: Account
) -> None:
    signed_in = await cookie(unit_of_work, account)
    for path in ("/v1/integrations", "/v1/grants"):
        assert (await client.get(path, headers=signed_in)).status_code == 403


def test_the_description_covers_every_door() -> None:
    document = openapi(OPERATIONS, version="0")
    assert len(document["paths"]) == len({each.path for each in OPERATIONS})
