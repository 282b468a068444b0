"""What the catalogue holds fits together."""

from collections import Counter
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

from telehealth.catalogue import Catalogue, check_columns, read_catalogue
from telehealth.core.errors import Refusal
from telehealth.core.events import Event
from telehealth.db.tables import DataClass, Table
from telehealth.http import house
from telehealth.http.openapi import openapi
from telehealth.http.problems import status_of

ONLY_PUSHED = frozenset(  # nobody does anything about these but look again: open pages are woken by their topics
    {
        "CosignatureChanged",
        "AlertAcknowledged",
        "AlertClosed",
        "AlertRaised",
        "ConsentGiven",
        "ConsentWithdrawn",
        "FollowUpAssigned",
        "FollowUpNoted",
        "FollowUpPlanned",
        "GateWaived",
        "LocationAttested",
        "NoteHeld",
        "FilesChanged",
        "ParticipantMoved",
        "ParticipantRemoved",
        "PatientArrived",
        "PatientAway",
        "PatientTold",
        "VisitHandedOver",
        "VisitHeld",
        "VisitRequested",
    }
)


def below(parent: type[Any]) -> Iterator[type[Any]]:
    for child in parent.__subclasses__():
        yield child
        yield from below(child)


def kinds(parent: type[Any]) -> Mapping[str, type[Any]]:
    """Classes that are met in practice, by module and name (a slotted dataclass is made twice)."""
    found = {
        f"{each.__module__}.{each.__qualname__}": each
        for each in below(parent)
        if each.__module__.startswith("telehealth.")
    }
    parents = {f"{base.__module__}.{base.__qualname__}" for each in found.values() for base in each.__bases__}
    return {name: each for name, each in found.items() if name not in parents}


def test_every_column_has_a_data_class() -> None:
    tables = read_catalogue().tables.tables.values()
    check_columns(tables)
    assert all(isinstance(column.info["data_class"], DataClass) for table in tables for column in table.columns)


def test_every_table_is_in_the_catalogue() -> None:
    assert read_catalogue().tables is Table.metadata


def test_every_problem_has_its_own_slug_and_a_title() -> None:
    read_catalogue()
    import_module("telehealth.media.control")  # the other process's problems count too
    refusals = [each for each in kinds(Refusal).values() if hasattr(each, "slug")]
    slugs = Counter(each.slug for each in refusals)
    assert [slug for slug, count in slugs.items() if count > 1] == []
    assert all(each.title and status_of(each) >= 400 for each in refusals)


def test_every_event_is_heard_or_said_to_be_for_pages_only() -> None:
    catalogue = read_catalogue()
    heard = {each.event.__name__ for each in catalogue.subscriptions}
    declared = {each.__name__: each for each in kinds(Event).values()}
    assert len(declared) == len(kinds(Event)), "outbox rows tell events by their name alone"
    assert set(declared) - heard == ONLY_PUSHED
    assert [name for name in ONLY_PUSHED if declared[name].topics is Event.topics] == []


def test_every_subscription_and_sweep_has_its_own_name() -> None:
    catalogue = read_catalogue()
    subscribed = [f"{each.event.__name__} {each.name}" for each in catalogue.subscriptions]  # one may hear several
    names = Counter(subscribed + [each.name for each in catalogue.sweeps])
    assert [name for name, count in names.items() if count > 1] == []


def test_what_creates_takes_an_idempotency_key() -> None:
    paths = description(read_catalogue())["paths"]
    without = [
        each["operationId"]
        for methods in paths.values()
        for each in methods.values()
        if "201" in each["responses"] and "Idempotency-Key" not in {found["name"] for found in each["parameters"]}
    ]
    assert without == []


def description(catalogue: Catalogue) -> dict[str, Any]:
    return openapi((*house.OPERATIONS, *catalogue.operations), version="1")
