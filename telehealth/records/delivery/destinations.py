"""Where signed notes go: destinations as data, read from the settings. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from telehealth.records.delivery.profiles import PROFILES, US_CORE, Profile

RECORD_SERVICE = "record-service"  # the name of the one destination of a house that names none
KEYS = frozenset({"name", "url", "profile", "client_id", "private_key", "scopes", "visits"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One record service. `private_key` is a JWK; without one nobody signs in. `scopes`: in place of the profile's."""

    name: str
    url: str
    profile: Profile = US_CORE
    client_id: str = "telehealth"
    private_key: str | None = field(default=None, repr=False)
    scopes: str | None = None


def parse_targets(text: str) -> tuple[Target, ...]:
    """From a JSON list of objects: name, url, profile, client_id, private_key, scopes, visits; name and url are needed.
    `visits` false: signed notes alone go there, whatever the profile takes.

    Raises ValueError, which names what is wrong and never shows a value.
    """
    try:
        given = json.loads(text)
    except ValueError:
        raise ValueError("record destinations are a JSON list") from None
    if not isinstance(given, list) or not given:
        raise ValueError("record destinations are a JSON list of at least one object")
    targets = tuple(_target(each, number) for number, each in enumerate(given, 1))
    if len({each.name for each in targets}) < len(targets):
        raise ValueError("record destinations have names of their own")
    return targets


def profile_called(name: str) -> Profile:
    """Raises ValueError with the names there are."""
    if name not in PROFILES:
        raise ValueError(f"the profile of a record service is one of {', '.join(PROFILES)}")
    return PROFILES[name]


def _target(given: object, number: int) -> Target:
    if not isinstance(given, dict):
        raise ValueError(f"record destination {number} is not an object")  # noqa: TRY004 -- a value of the settings
    if unknown := sorted(set(given) - KEYS):
        raise ValueError(f"record destination {number} has unknown keys: {', '.join(unknown)}")
    key, profile = given.get("private_key"), profile_called(str(given.get("profile", US_CORE.name)))
    visits = given.get("visits", True)
    if not isinstance(visits, bool):
        raise ValueError(f"record destination {number} says true or false to visits")  # noqa: TRY004 -- as above
    return Target(
        name=_text(given, "name", number),
        url=_text(given, "url", number).rstrip("/"),
        profile=profile if visits else profile.of_notes_alone(),
        client_id=_text(given, "client_id", number) if "client_id" in given else "telehealth",
        private_key=json.dumps(key) if isinstance(key, dict) else None,
        scopes=_text(given, "scopes", number) if "scopes" in given else None,
    )


def _text(given: Mapping[str, object], key: str, number: int) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"record destination {number} needs a {key}")
    return value
