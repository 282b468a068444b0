"""Searches in and Bundles out (FHIR R4, section 3.1.1)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from telehealth.exchange.queries import Wanted
from telehealth.exchange.resources import Json
from telehealth.exchange.rules import UnfitSearch, parse_dates, parse_ids, parse_patient
from telehealth.exchange.schemas import AnySearch, PatientSearch
from telehealth.http.fhir import issue
from telehealth.http.paging import Cursors
from telehealth.http.problems import InvalidRequest
from telehealth.http.schemas import Fault

FORMATS = frozenset({"json", "application/json", "application/fhir+json"})


def understand(search: PatientSearch, cursors: Cursors) -> Wanted:
    """Raises UnfitSearch, InvalidRequest for a cursor of another list."""
    check_format(search)
    ids = None if search.id is None else parse_ids(search.id)
    patient = None if search.patient is None else parse_patient(search.patient)
    if search.patient is not None and patient is None:
        ids = frozenset()
    return Wanted(
        ids=ids,
        patient_id=patient,
        patient_identifier=search.patient_identifier,
        date=parse_dates(search.dates),
        changed=parse_dates(search.last_updated),
        status=search.status,
        after=None if search.cursor is None else cursors.read(search.cursor),
        limit=search.limit,
    )


def check_format(search: AnySearch) -> None:
    """Raises UnfitSearch for anything but JSON."""
    if search.format is not None and search.format not in FORMATS:
        raise UnfitSearch("only JSON is spoken here")


def unknown(search: AnySearch, prefer: str | None) -> list[str]:
    """Parameters that are left out; the self link shows what was used.

    Raises InvalidRequest when the client prefers strict handling (FHIR R4, section 3.1.1.3), and always for a modifier
    of a known parameter: leaving that out would find more than was asked for.
    """
    names = list(search.model_extra or {})
    bare = {name.partition(":")[0] for name in _parameters(search)}
    modified = [name for name in names if name.partition(":")[0] in bare]
    refused = names if "handling=strict" in (prefer or "").replace(" ", "") else modified
    if refused:
        detail = "this parameter or modifier is not supported"
        raise InvalidRequest(Fault(where="query", pointer=f"/{name}", detail=detail) for name in refused)
    return names


def bundle(
    base: str, resources: Sequence[Json], *, search: AnySearch, left_out: Iterable[str], following: str | None
) -> dict[str, Any]:
    """A searchset. `base` is the address of the type; `following` is the cursor of the next page."""
    used = _used(search)
    links = [{"relation": "self", "url": _url(base, used)}]
    if following is not None:
        links.append({"relation": "next", "url": _url(base, used | {"_cursor": following})})
    told = [_left_out(names)] if (names := list(left_out)) else []
    return _searchset(base, resources, told) | {"link": links}


def answered(base: str, resources: Sequence[Json], *told: Json) -> dict[str, Any]:
    """What an operation answers: the searchset that the Argonaut guide asks for; `told` are issues of an outcome."""
    outcome = {"resourceType": "OperationOutcome", "issue": list(told)}
    return _searchset(base, resources, [{"resource": outcome, "search": {"mode": "outcome"}}] if told else [])


def _searchset(base: str, resources: Sequence[Json], others: list[Json]) -> dict[str, Any]:
    found = [{"fullUrl": f"{base}/{each['id']}", "resource": each, "search": {"mode": "match"}} for each in resources]
    entries = {"entry": found + others} if found or others else {}  # FHIR has no empty arrays
    return {"resourceType": "Bundle", "type": "searchset", **entries}


def address(public_url: str, resource_type: str) -> str:
    return f"{public_url}/fhir/{resource_type}"


def _parameters(search: AnySearch) -> list[str]:
    return [str(field.alias or name) for name, field in type(search).model_fields.items()]


def _used(search: AnySearch) -> dict[str, Any]:
    given = search.model_dump(by_alias=True, exclude_unset=True)
    return {name: value for name, value in given.items() if name in _parameters(search)}


def _url(base: str, used: Mapping[str, Any]) -> str:
    return f"{base}?{urlencode(used, doseq=True)}" if used else base


def _left_out(names: list[str]) -> dict[str, Any]:
    told = issue("not-supported", "Parameters that are not supported were left out", severity="warning")
    outcome = {"resourceType": "OperationOutcome", "issue": [told | {"location": [f"http.{name}" for name in names]}]}
    return {"resource": outcome, "search": {"mode": "outcome"}}
