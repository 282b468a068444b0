"""One walk through every operation of the house. What a check does not hold for is named here, with its reason."""

import re
from asyncio import gather
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from telehealth.catalogue import read_catalogue
from telehealth.core.actors import BY_LINK, SYSTEM, Role
from telehealth.db.audit import AuditRow
from telehealth.db.unit import Unit
from telehealth.http import house
from telehealth.http.operation import Face, Operation, Public
from tests.http.exempt import EXEMPT, PUBLIC_DOORS, Check
from tests.kit import knocking
from tests.kit.house import Residents, Street
from tests.kit.strange import EXTREMES, FORM_TYPE, JSON_TYPE, strange

OPERATIONS = (*house.OPERATIONS, *read_catalogue().operations)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MARKER = "zq7marker"


def applies(operation: Operation, check: Check) -> bool:
    match check:
        case Check.ANONYMOUS | Check.SCOPE:
            return not isinstance(operation.needs, Public)
        case Check.STRANGER:
            return "uuid" in operation.path_parameters.values()
        case Check.EMPTY:
            return operation.body is not None
        case Check.TRACE:
            return operation.method == "GET" and not isinstance(operation.needs, Public)
        case Check.EXTREME:
            return operation.body is not None or operation.query is not None or bool(operation.path_parameters)
        case Check.METHOD | Check.ECHO:
            return True


def checks_of(operation: Operation) -> list[Check]:
    return [check for check in Check if applies(operation, check) and (operation.name, check) not in EXEMPT]


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_walk(street: Street, operation: Operation) -> None:
    for check in checks_of(operation):
        await WALK[check](street, operation)


@pytest.mark.soak
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: f"{each.method} {each.path}")
async def test_every_extreme(street: Street, operation: Operation) -> None:
    if Check.EXTREME in checks_of(operation):
        await _extreme(street, operation, one_in=1)


def test_exemptions_and_public_doors_name_what_exists() -> None:
    applicable = {(each.name, check) for each in OPERATIONS for check in Check if applies(each, check)}
    assert set(EXEMPT) <= applicable
    assert {each.name for each in OPERATIONS if isinstance(each.needs, Public)} == set(PUBLIC_DOORS)


async def knock(
    street: Street, operation: Operation, role: Role, values: Mapping[str, object], **options: Any
) -> httpx.Response:
    headers = {**knocking.HEADERS.get(operation.name, {}), **street.residents.credentials[role]}
    path = knocking.path_of(operation, values)
    return await street.client.request(operation.method, path, headers=headers | options.pop("headers", {}), **options)


def valid(street: Street, operation: Operation) -> dict[str, Any]:
    return knocking.sent(operation, knocking.body_of(operation, street.residents))


async def _anonymous(street: Street, operation: Operation) -> None:
    values = knocking.own_values(operation, street.residents)
    answer = await knock(street, operation, Role.ANONYMOUS, values, **valid(street, operation))
    if operation.face is Face.PAGE and operation.method == "GET" and operation.needs not in BY_LINK:
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")
        return
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def _scope(street: Street, operation: Operation) -> None:
    values, role = knocking.own_values(operation, street.residents), knocking.without_scope(operation)
    answer = await knock(street, operation, role, values, **valid(street, operation))
    assert answer.status_code == 403, answer.text


async def _stranger(street: Street, operation: Operation) -> None:
    role, options = knocking.acting(operation), valid(street, operation)
    theirs = knocking.others_values(operation, street.residents)
    nobodys = {**theirs, **knocking.unknown_values(operation)}
    found, absent = [await knock(street, operation, role, values, **options) for values in (theirs, nobodys)]
    assert found.status_code == absent.status_code == 404, (found.text, absent.text)
    if operation.face is Face.PAGE:  # a page shows its request id, and links to itself in other languages
        assert _plain(found, theirs) == _plain(absent, nobodys)
    else:
        assert found.content == absent.content
    changing = {"request-id"}
    assert [each for each in found.headers.items() if each[0] not in changing] == [
        each for each in absent.headers.items() if each[0] not in changing
    ]


def _plain(answer: httpx.Response, values: Mapping[str, object]) -> str:
    text = answer.text.replace(answer.headers["request-id"], "")
    return re.sub("|".join(re.escape(str(value)) for value in values.values()), "", text)


async def _empty(street: Street, operation: Operation) -> None:
    values, role = knocking.own_values(operation, street.residents), knocking.acting(operation)
    options: dict[str, Any] = {"json": {}}
    if operation.form:
        options = {"content": b"", "headers": {"Content-Type": FORM_TYPE}}
    answer = await knock(street, operation, role, values, **options)
    assert answer.status_code in (400, 422), answer.text


async def _method(street: Street, operation: Operation) -> None:
    allowed = {each.method for each in OPERATIONS if each.path == operation.path}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    path = knocking.path_of(operation, knocking.own_values(operation, street.residents))
    for method in METHODS:
        if method not in allowed:
            answer = await street.client.request(method, path)
            assert answer.status_code == 405, method
            assert set(answer.headers["allow"].split(", ")) == allowed


async def _echo(street: Street, operation: Operation) -> None:
    for values, options in _marked(operation, street.residents):
        answer = await knock(street, operation, knocking.acting(operation), values, **options)
        assert answer.status_code < 500, answer.text
        if answer.status_code >= 400:
            told = answer.text + "".join(f"{name}: {value}" for name, value in answer.headers.items())
            assert MARKER not in told, options


def _marked(operation: Operation, residents: Residents) -> Iterator[tuple[Mapping[str, object], dict[str, Any]]]:
    """The marker in each place of a request, one at a time. Ids are unknown ones, so that nothing is changed."""
    unknown, body = knocking.unknown_values(operation), knocking.body_of(operation, residents)
    options = knocking.sent(operation, body)
    for name in unknown:
        yield {**unknown, name: MARKER}, options
    for name in ("unknown", *(operation.query.model_json_schema()["properties"] if operation.query else ())):
        yield unknown, {**options, "params": {name: MARKER}}
    yield unknown, {**options, "headers": {"If-Match": f'"{MARKER}"', "Idempotency-Key": MARKER * 50}}
    if body is not None:
        for name in ("unknown", *body):
            yield unknown, knocking.sent(operation, {**body, name: MARKER})
            yield unknown, knocking.sent(operation, {**body, name: [{"unknown": MARKER}]})
        yield unknown, {"content": f'"{MARKER}'.encode(), "headers": {"Content-Type": JSON_TYPE}}
        yield unknown, {"content": MARKER.encode(), "headers": {"Content-Type": f"text/{MARKER}"}}


async def _extreme(street: Street, operation: Operation, *, one_in: int = 6) -> None:
    """Each value in one of so many places, in the long run in each of them. Own ids where there are ids: what is
    refused before loading has met nothing yet.
    """
    role, own = knocking.acting(operation), knocking.own_values(operation, street.residents)
    body = knocking.body_of(operation, street.residents)
    for turn, value in enumerate(EXTREMES):
        asked = list(islice(strange(operation, own, body, value), turn % one_in, None, one_in))
        answers = await gather(*(knock(street, operation, role, values, **options) for values, options in asked))
        for (_, options), answer in zip(asked, answers, strict=True):
            assert answer.status_code < 500, (value, options, answer.text)


async def _trace(street: Street, operation: Operation) -> None:
    residents, role = street.residents, knocking.acting(operation)
    before = await street.unit_of_work.run(_about, SYSTEM, residents)
    answer = await knock(street, operation, role, knocking.own_values(operation, residents))
    assert answer.status_code == 200, answer.text
    assert await street.unit_of_work.run(_about, SYSTEM, residents) > before, "no audit row about the patient"
    theirs = residents.other
    for identifier in (theirs.visit, theirs.patient.id, theirs.note, theirs.task):
        assert str(identifier) not in answer.text


async def _about(unit: Unit, residents: Residents) -> int:
    """How many successful uses of the patient's data were noted."""
    counted = select(func.count()).where(AuditRow.patient_id == residents.own.patient.id, AuditRow.outcome == "ok")
    return (await unit.session.execute(counted)).scalar_one()


WALK = {
    Check.ANONYMOUS: _anonymous,
    Check.SCOPE: _scope,
    Check.STRANGER: _stranger,
    Check.EMPTY: _empty,
    Check.METHOD: _method,
    Check.ECHO: _echo,
    Check.EXTREME: _extreme,
    Check.TRACE: _trace,
}
