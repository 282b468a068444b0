"""Values that nobody means, in each place of a request, one at a time."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from telehealth.http.operation import Operation
from tests.kit import knocking

JSON_TYPE, FORM_TYPE = "application/json", "application/x-www-form-urlencoded"
EXTREMES: Sequence[Any] = (
    "\0",
    "a\0b",
    "\ud800",
    "x" * 5000,
    "",
    -1,
    10**30,
    1e308,
    "9" * 30,
    "0001-01-01",
    "9999-12-31",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "\U0001f9d1\u202e\u0000",
    None,
    [],
    {},
)


def strange(
    operation: Operation, own: Mapping[str, object], body: knocking.Json | None, value: Any
) -> Iterator[tuple[Mapping[str, object], dict[str, Any]]]:
    written = quote(str(value), errors="surrogatepass")
    for name in operation.path_parameters:
        yield {**own, name: written}, knocking.sent(operation, body)
    for name in operation.query.model_json_schema()["properties"] if operation.query else ():
        yield own, {**knocking.sent(operation, body), "params": f"{name}={written}"}
    for name in body or ():
        if operation.form:
            content = urlencode({**(body or {}), name: value}, errors="surrogatepass")
            yield own, {"content": content.encode(), "headers": {"Content-Type": FORM_TYPE}}
        else:
            yield own, {"content": json.dumps({**(body or {}), name: value}), "headers": {"Content-Type": JSON_TYPE}}
