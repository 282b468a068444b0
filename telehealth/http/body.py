"""Reading a body: one place for size, depth, duplicate keys, NaN and encoding."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from starlette.datastructures import QueryParams
from starlette.requests import Request

from telehealth.http.problems import BodyTooLarge, InvalidRequest, MalformedBody, invalid
from telehealth.http.schemas import Fault

Shape = TypeVar("Shape", bound=BaseModel)
MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 40
LARGEST_EXACT = 2**53
JSON_TYPES = frozenset({"application/json", "application/fhir+json", "application/merge-patch+json"})
FORM_TYPE = "application/x-www-form-urlencoded"


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_bytes(request: Request, limit: int = MAX_BYTES) -> bytes:
    """The body, refused as soon as it grows beyond the limit. Raises BodyTooLarge."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise BodyTooLarge
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise BodyTooLarge
    return bytes(received)


def parse_json(raw: bytes) -> Any:
    """JSON (RFC 8259) without what differs between parsers: duplicate names, NaN, deep nesting, huge integers."""
    try:
        text = raw.decode("utf-8")
        _check_text(text)
        return json.loads(
            text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int, parse_float=_number
        )
    except (ValueError, RecursionError):
        raise MalformedBody from None


def read_json(shape: type[Shape], raw: bytes) -> Shape:
    """The body as a message. Raises MalformedBody or InvalidRequest, which never repeat a value."""
    value = parse_json(raw)
    try:
        return shape.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        raise invalid(error, "body") from None


def read_form(shape: type[Shape], raw: bytes) -> Shape:
    """An HTML form as a message; empty fields count as absent."""
    try:
        pairs = parse_qsl(raw.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise MalformedBody from None
    return from_pairs(shape, [(key, value) for key, value in pairs if value != ""], "body")


def read_query(shape: type[Shape], query: QueryParams) -> Shape:
    """The query string as a message."""
    return from_pairs(shape, query.multi_items(), "query")


def from_pairs(shape: type[Shape], pairs: list[tuple[str, str]], where: str) -> Shape:
    """Name-value pairs as a message; a name may come twice only where the message has a list."""
    found: dict[str, Any] = {}
    lists = {field.alias or name for name, field in shape.model_fields.items() if _is_list(field.annotation)}
    for key, value in pairs:
        if "\0" in value:
            raise InvalidRequest([Fault(where=where, pointer="", detail="a value holds a NUL character")])
        if key in lists:
            found.setdefault(key, []).append(value)
        elif key in found:
            raise InvalidRequest([Fault(where=where, pointer="", detail="a parameter is given twice")])
        else:
            found[key] = value
    try:
        return shape.model_validate(found)
    except ValidationError as error:
        raise invalid(error, where) from None


def _is_list(annotation: Any) -> bool:
    return getattr(annotation, "__origin__", None) in (list, tuple, set, frozenset)


def _check_text(text: str) -> None:
    if "\\u0000" in text:
        raise ValueError("PostgreSQL text cannot hold NUL")
    if _depth(text) > MAX_DEPTH:
        raise ValueError("too deep")


def _depth(text: str) -> int:
    depth = deepest = 0
    in_string = escaped = False
    for character in text:
        if in_string:
            escaped, in_string = (character == "\\" and not escaped), (character != '"' or escaped)
        elif character == '"':
            in_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


def _unique(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(_: str) -> None:
    raise ValueError("not a JSON number")


def _bounded_int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError("an integer is too long")
    return int(digits)


def _number(digits: str) -> int | float:
    """112.0 is an integer as 112 is (JSON Schema 2020-12, Core, section 4.2.3); other languages write it so."""
    value = float(digits)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return int(value) if value.is_integer() and abs(value) <= LARGEST_EXACT else value
