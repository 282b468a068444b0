"""Free times for everyone, as SMART Scheduling Links publishes them: a manifest and files of one resource a line.

There is one Location, the clinic, which is met by video; one Schedule for each visit type; one Slot for each start that
anyone offers, with how many clinicians do. No person is named: no clinician, and of patients there is nothing at all.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from telehealth.exchange.choices import SlotName
from telehealth.exchange.openings import Published
from telehealth.exchange.ports import Publication
from telehealth.exchange.resources import Json, visit_type
from telehealth.exchange.rules import instant
from telehealth.people.rules import Clinic
from telehealth.scheduling.booking.rules import VisitType

FRESH_FOR = timedelta(seconds=60)
LOCATIONS, SCHEDULES, SLOTS = "locations.ndjson", "schedules.ndjson", "slots.ndjson"
FILES: Mapping[str, str] = MappingProxyType({LOCATIONS: "Location", SCHEDULES: "Schedule", SLOTS: "Slot"})
LOCATION_ID = "clinic"
REGISTRY = "http://fhir-registry.smarthealthit.org/StructureDefinition"


def is_fresh(publication: Publication | None, now: datetime) -> bool:
    return publication is not None and now < publication.checked_at + FRESH_FOR


def renewed(before: Publication | None, found: Published, booking_url: str, now: datetime) -> Publication:
    """What is published from now on; as old as what was before when nothing differs."""
    files = {
        LOCATIONS: _lines([_location(found.clinic)]),
        SCHEDULES: _lines(_schedule(kind) for kind in found.kinds),
        SLOTS: _lines(_slot(*each, booking_url) for each in found.places),
    }
    since = before.published_at if before is not None and before.files == files else now
    return Publication(MappingProxyType(files), published_at=since, checked_at=now)


def manifest(publication: Publication, base: str) -> bytes:
    """`base` is the address above which everything lies (FHIR bulk publish)."""
    content: dict[str, Any] = {
        "transactionTime": instant(publication.published_at),
        "request": f"{base}/$bulk-publish",
        "output": [{"type": FILES[name], "url": f"{base}/{name}"} for name in FILES],
        "error": [],
    }
    return _written(content)


def entity_tag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def _location(clinic: Clinic) -> Json:
    phone = {"telecom": [{"system": "phone", "value": clinic.phone}]} if clinic.phone else {}
    return {
        "resourceType": "Location",
        "id": LOCATION_ID,
        "status": "active",
        "name": clinic.name or "Clinic",
        "description": "Visits by video: there is no place to go to",
        "mode": "instance",
        **phone,
    }


def _schedule(kind: VisitType) -> Json:
    return {
        "resourceType": "Schedule",
        "id": str(kind.id),
        "active": True,
        "serviceType": [visit_type(kind.code, kind.name)],
        "actor": [{"reference": f"Location/{LOCATION_ID}"}],
    }


def _slot(kind: VisitType, start: datetime, hosts: int, booking_url: str) -> Json:
    name = SlotName(visit_type_id=kind.id, start=start).written()
    return {
        "resourceType": "Slot",
        "id": name,
        "extension": [
            {"url": f"{REGISTRY}/booking-deep-link", "valueUrl": _deep_link(booking_url, name)},
            {"url": f"{REGISTRY}/slot-capacity", "valueInteger": hosts},
        ],
        "serviceType": [visit_type(kind.code, kind.name)],
        "schedule": {"reference": f"Schedule/{kind.id}"},
        "status": "free",
        "start": instant(start),
        "end": instant(start + timedelta(minutes=kind.minutes)),
    }


def _deep_link(booking_url: str, name: str) -> str:
    parts = urlsplit(booking_url)
    query = "&".join(filter(None, (parts.query, urlencode({"slot": name}))))
    return urlunsplit(parts._replace(query=query))


def _lines(resources: Iterable[Json]) -> bytes:
    return b"".join(_written(each) + b"\n" for each in resources)


def _written(content: Json) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
