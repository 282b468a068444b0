"""The HTTP kit through its own door: who, what shape, once, and nothing rejected is repeated."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest
from pydantic import Field
from sqlalchemy import func, select

from telehealth.core.actors import Actor, Purpose, Role, Scope
from telehealth.core.errors import Kind, NotFound, Refusal
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit, UnitOfWork
from telehealth.http.call import Call
from telehealth.http.operation import PUBLIC, OperationError, operation, page
from telehealth.http.schemas import Message
from tests.kit.web import ORIGIN, bearer, client_of

SECRET_VALUE = "my-private-diagnosis"
NURSE = Actor(UUID(int=1), Role.CLINICIAN, frozenset({Scope.VISITS_BOOK, Scope.VISITS_READ}))
STRANGER = Actor(UUID(int=2), Role.ADMIN, frozenset({Scope.SELF}))


class Wish(Message):
    name: str
    count: int


class Granted(Message):
    id: UUID
    name: str


class Taken(Refusal):
    """Somebody was faster."""

    kind, slug, title = Kind.CONFLICT, "taken", "It is taken"


class Search(Message):
    name: str | None = None
    tag: list[str] = Field(default_factory=list)


async def _grant(unit: Unit, wish: Wish) -> Granted:
    if wish.name == "taken":
        raise Taken(alternatives=["2026-03-02T10:00:00Z"])
    identifier = unit.new_id()
    unit.audit("create", "wish", identifier)
    return Granted(id=identifier, name=wish.name)


async def make_wish(call: Call, body: Wish) -> Granted:
    """Wish for something."""
    return await call.run(_grant, body)


async def find_wishes(call: Call, query: Search) -> Search:
    del call
    return query


async def read_wish(call: Call, wish: UUID) -> Granted:
    del call, wish
    raise NotFound


async def drop_wish(call: Call, wish: UUID) -> None:
    del call, wish


async def break_down(call: Call) -> Granted:
    del call
    raise RuntimeError(SECRET_VALUE)


OPERATIONS = (
    operation("POST", "/v1/wishes", make_wish, needs=Scope.VISITS_BOOK, status=201, errors=(Taken,)),
    operation("GET", "/v1/wishes", find_wishes, needs=PUBLIC),
    operation("GET", "/v1/wishes/{wish:uuid}", read_wish, needs=Scope.VISITS_READ, purpose=Purpose.TREATMENT),
    operation("DELETE", "/v1/wishes/{wish:uuid}", drop_wish, needs=Scope.VISITS_READ),
    operation("GET", "/v1/breakdown", break_down, needs=PUBLIC),
)


@pytest.fixture
async def client(unit_of_work: UnitOfWork) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(unit_of_work, OPERATIONS, {"nurse": NURSE, "stranger": STRANGER}) as opened:
        yield opened


async def traces(unit_of_work: UnitOfWork) -> list[tuple[str, str, str]]:
    async def read(unit: Unit) -> list[tuple[str, str, str]]:
        rows = await unit.session.execute(select(AuditRow).order_by(AuditRow.position))
        return [(row.action, row.outcome, row.purpose) for row in rows.scalars()]

    return await unit_of_work.run(read)


async def test_without_a_credential_401_and_with_the_wrong_scope_403(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork
) -> None:
    anonymous = await client.post("/v1/wishes", json={"name": "a", "count": 1})
    assert anonymous.status_code == 401
    assert anonymous.headers["www-authenticate"].startswith("Bearer")
    assert anonymous.headers["content-type"] == "application/problem+json"
    forbidden = await client.post("/v1/wishes", json={"name": "a", "count": 1}, headers=bearer("stranger"))
    assert (forbidden.status_code, forbidden.json()["type"]) == (403, "/problems/not-allowed")
    assert await traces(unit_of_work) == [("http.make_wish", "not-allowed", "HOPERAT")]


async def test_absence_leaves_a_trace_with_the_purpose(client: httpx.AsyncClient, unit_of_work: UnitOfWork) -> None:
    absent = await client.get(f"/v1/wishes/{UUID(int=9)}", headers=bearer("nurse"))
    unrouted = await client.get("/v1/nowhere", headers=bearer("nurse"))
    assert absent.status_code == unrouted.status_code == 404
    assert absent.content == unrouted.content
    assert await traces(unit_of_work) == [("http.read_wish", "not-found", "TREAT")]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"name":"a","name":"b","count":1}', 400),
        (b'{"name":"a","count":NaN}', 400),
        (b'{"name":"a","count":1e999}', 400),
        (b'{"name":"a","count":' + b"9" * 5000 + b"}", 400),
        (b"[" * 10_000 + b"]" * 10_000, 400),
        (b'{"name":"\xff","count":1}', 400),
        (b'{"name":"\\u0000","count":1}', 400),
        (b'{"name":"\\ud800","count":1}', 400),
        (b"{}", 422),
        (b"null", 422),
        (json.dumps({"name": 7, "count": SECRET_VALUE}).encode(), 422),
        (json.dumps({"name": "a", "count": 1, SECRET_VALUE: 1}).encode(), 422),
        (b" " * 300_000, 413),
    ],
)
async def test_a_bad_body_is_refused_and_not_repeated(client: httpx.AsyncClient, body: bytes, status: int) -> None:
    headers = bearer("nurse") | {"content-type": "application/json"}
    answer = await client.post("/v1/wishes", content=body, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if b'"count": "' in body:
        assert SECRET_VALUE not in answer.text


async def test_the_wrong_type_is_415(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/wishes", content=b"x=1", headers=bearer("nurse") | {"content-type": "text/plain"})
    assert answer.status_code == 415


async def test_a_charset_does_not_skip_validation(client: httpx.AsyncClient) -> None:
    headers = bearer("nurse") | {"content-type": "application/json; charset=utf-8"}
    assert (await client.post("/v1/wishes", content=b"{}", headers=headers)).status_code == 422


async def test_405_names_what_is_allowed(client: httpx.AsyncClient) -> None:
    answer = await client.put(f"/v1/wishes/{UUID(int=9)}", headers=bearer("nurse"))
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "DELETE"}


async def test_a_parameter_given_twice_is_refused_unless_it_is_a_list(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/wishes?name=a&name=b")).status_code == 422
    assert (await client.get("/v1/wishes?tag=a&tag=b")).json()["tag"] == ["a", "b"]
    assert (await client.get("/v1/wishes?unknown=a")).status_code == 422
    assert (await client.get("/v1/wishes?name=%00")).status_code == 422


async def test_a_conflict_says_what_else_is_possible(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/wishes", json={"name": "taken", "count": 1}, headers=bearer("nurse"))
    assert answer.status_code == 409
    assert answer.json()["alternatives"] == ["2026-03-02T10:00:00Z"]


async def test_a_breakdown_tells_the_request_id_and_nothing_else(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/breakdown")
    assert answer.status_code == 500
    assert SECRET_VALUE not in answer.text
    assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_cookies_act_only_for_our_own_pages(client: httpx.AsyncClient) -> None:
    cookie = {"Cookie": "__Host-session=nurse"}
    wish = {"name": "a", "count": 1}

    async def post(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return (await client.post("/v1/wishes", json=wish, headers=cookie | named)).status_code

    assert await post() == 403
    assert await post(Origin="https://evil.example") == 403
    assert await post(Sec_Fetch_Site="cross-site") == 403
    assert await post(Sec_Fetch_Site="same-site", Origin=ORIGIN) == 403
    assert await post(Origin=ORIGIN) == 201
    assert await post(Sec_Fetch_Site="same-origin") == 201


async def test_an_idempotency_key_gives_one_effect_and_the_same_bytes(
    client: httpx.AsyncClient, unit_of_work: UnitOfWork
) -> None:
    headers = bearer("nurse") | {"Idempotency-Key": "k-1"}
    answers = await asyncio.gather(
        *(client.post("/v1/wishes", json={"name": "a", "count": 1}, headers=headers) for _ in range(40))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    other = await client.post("/v1/wishes", json={"name": "b", "count": 1}, headers=headers)
    assert (other.status_code, other.json()["type"]) == (422, "/problems/idempotency-key-reused")

    async def made(unit: Unit) -> int:
        return (await unit.session.execute(select(func.count()).select_from(AuditRow))).scalar_one()

    assert await unit_of_work.run(made) == 1


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/v1/wishes", "/v1/nowhere", "/v1/breakdown", "/static/style.css"):
        headers = (await client.get(path)).headers
        assert "script-src 'self'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"


async def test_another_host_is_not_ours(client: httpx.AsyncClient) -> None:
    assert (await client.get("/v1/wishes", headers={"Host": "evil.example"})).status_code == 400


def test_an_operation_without_scope_does_not_start() -> None:
    with pytest.raises(TypeError, match="needs"):
        operation("GET", "/v1/wishes", find_wishes)  # type: ignore[call-arg]
    with pytest.raises(OperationError, match="say which scope"):
        operation("GET", "/v1/wishes", find_wishes, needs=None)  # type: ignore[arg-type]
    with pytest.raises(OperationError, match="nothing in the request is called wish"):
        page("GET", "/wishes", read_wish, needs=PUBLIC)
