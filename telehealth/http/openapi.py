"""The OpenAPI 3.1 document: a pure function of the operations."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, cast

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from telehealth.core.actors import BY_LINK
from telehealth.core.errors import NotAllowed, NotFound, NotSignedIn, OpenedElsewhere, Overloaded, Refusal
from telehealth.http.body import FORM_TYPE
from telehealth.http.credentials import GUEST_COOKIE, STAFF_COOKIE
from telehealth.http.fhir import MEDIA_TYPE as FHIR_TYPE
from telehealth.http.fhir import fhir_status
from telehealth.http.operation import PARAMETER, Face, Operation, Public
from telehealth.http.problems import (
    MEDIA_TYPE,
    BodyTooLarge,
    CrossSite,
    InvalidRequest,
    KeyReused,
    MalformedBody,
    UnsupportedMediaType,
    status_of,
)
from telehealth.http.schemas import Problem

Json = dict[str, Any]
CONVERTERS: Mapping[str, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    "str": {"type": "string"},
}
FHIR_CONTENT: Json = {  # the shapes are FHIR's own; a failure is an OperationOutcome
    FHIR_TYPE: {
        "schema": {
            "type": "object",
            "properties": {"resourceType": {"type": "string"}},
            "required": ["resourceType"],
        }
    }
}
IF_MATCH: Json = {
    "name": "If-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "The ETag of what you read; 412 when it was changed since.",
}
IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "description": "The same key and request give the stored answer; another request with it is refused with 422.",
}


def openapi(operations: Iterable[Operation], *, version: str) -> Json:
    """Describe the API operations; pages are for people and are left out."""
    listed = [each for each in operations if each.face is not Face.PAGE]
    schemas, definitions = _schemas(listed)
    paths: dict[str, Json] = {}
    for each in listed:
        paths.setdefault(_template(each.path), {})[each.method.lower()] = _document(each, schemas, definitions)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "telehealth",
            "version": version,
            "description": "Virtual visits: schedule, meet, write, follow up.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": STAFF_COOKIE},
                "visit": {"type": "apiKey", "in": "cookie", "name": GUEST_COOKIE},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


Schemas = Mapping[tuple[type[BaseModel], JsonSchemaMode], Json]


def _schemas(listed: list[Operation]) -> tuple[Schemas, Json]:
    wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
    for each in listed:
        for model in filter(None, (each.body, each.query)):
            wanted[model, "validation"] = None
        if each.returns is not None:
            wanted[each.returns, "serialization"] = None
        for shape in (answer.shape for answer in each.answers if answer.shape is not None):
            wanted[shape, "serialization"] = None
    found, document = models_json_schema(list(wanted), ref_template="#/components/schemas/{model}")
    return cast(Schemas, found), document.get("$defs", {})


def _document(each: Operation, schemas: Schemas, definitions: Json) -> Json:
    document: Json = {
        "operationId": each.name,
        "summary": each.summary,
        "tags": [each.name.partition(".")[0]],
        "parameters": [*_path_parameters(each), *_query_parameters(each, schemas, definitions)],
        "responses": _responses(each, schemas),
        "security": [] if isinstance(each.needs, Public) else [{"bearer": []}, {"session": []}, {"visit": []}],
    }
    if not isinstance(each.needs, Public):
        document["description"] = f"Needs the scope `{each.needs}`; used for {each.purpose} (HL7 PurposeOfUse)."
    if each.creates:
        document["parameters"].append(IDEMPOTENCY_KEY)
    if each.conditional:
        document["parameters"].append(IF_MATCH)
    if each.body is not None:
        media_type = FORM_TYPE if each.form else FHIR_TYPE if each.face is Face.FHIR else "application/json"
        document["requestBody"] = {
            "required": True,
            "content": {media_type: {"schema": schemas[each.body, "validation"]}},
        }
    return document


def _template(path: str) -> str:
    return PARAMETER.sub(lambda found: "{" + found[1] + "}", path)


def _path_parameters(each: Operation) -> list[Json]:
    return [
        {"name": name, "in": "path", "required": True, "schema": CONVERTERS[converter]}
        for name, converter in each.path_parameters.items()
    ]


def _query_parameters(each: Operation, schemas: Schemas, definitions: Json) -> list[Json]:
    if each.query is None:
        return []
    schema = definitions[schemas[each.query, "validation"]["$ref"].rpartition("/")[2]]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": property_}
        for name, property_ in schema.get("properties", {}).items()
    ]


def _responses(each: Operation, schemas: Schemas) -> Json:
    """By status; answers of one status and different types stand beside each other."""
    found: Json = {str(int(each.status)): {"description": HTTPStatus(each.status).phrase}}
    if each.face is Face.FHIR:
        _add(found, each.status, FHIR_CONTENT)
    elif each.returns is not None:
        _add(found, each.status, _json(schemas[each.returns, "serialization"]))
    for answer in each.answers:
        schema = {} if answer.shape is None else schemas[answer.shape, "serialization"]
        _add(found, answer.status, {answer.media_type: {"schema": schema}})
    problem = {MEDIA_TYPE: {"schema": schemas[Problem, "serialization"]}}
    for status, titles in _refusals(each).items():
        _add(found, status, FHIR_CONTENT if each.face is Face.FHIR else problem, "; ".join(titles))
    return dict(sorted(found.items()))


def _add(found: Json, status: int, content: Json, description: str = "") -> None:
    answer = found.setdefault(str(int(status)), {"description": description or HTTPStatus(status).phrase})
    answer["content"] = answer.get("content", {}) | content


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _refusals(each: Operation) -> Mapping[int, list[str]]:
    """Titles of what it refuses, by status."""
    found: dict[int, list[str]] = {}
    for refusal in (*_usual(each), *each.errors):
        status = fhir_status(refusal, reading=each.safe) if each.face is Face.FHIR else status_of(refusal)
        titles = found.setdefault(status, [])
        if refusal.title not in titles:
            titles.append(refusal.title)
    return found


def _usual(each: Operation) -> Iterable[type[Refusal]]:
    if not isinstance(each.needs, Public):
        yield from (NotSignedIn, NotAllowed, Overloaded)
    if not each.safe:
        yield CrossSite
        if each.needs in BY_LINK and not each.anywhere:
            yield OpenedElsewhere
    if each.path_parameters:
        yield NotFound
    if each.query is not None:
        yield InvalidRequest
    if each.body is not None:
        yield from (MalformedBody, BodyTooLarge, UnsupportedMediaType, InvalidRequest)
    if each.creates:
        yield from (KeyReused, InvalidRequest)
