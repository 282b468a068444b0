"""Settings as the environment gives them: by value, or by a file that holds the value.

Any NAME may be given as NAME_FILE. An unknown TELEHEALTH_ name is an error.
"""

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel

PREFIX = "TELEHEALTH_"


class SettingsError(ValueError):
    """A setting is missing, unknown or malformed. The text names settings and never shows a value."""


def value_of(env: Mapping[str, str], name: str) -> str | None:
    """One setting as the environment gives it, by value or by file. Raises SettingsError."""
    key = f"{name}_FILE" if f"{name}_FILE" in env else name
    return _value(env, name, key) if key in env else None


def names(model: type[BaseModel]) -> dict[str, str]:
    """Environment name -> field name."""
    return {str(field.alias): name for name, field in model.model_fields.items()}


def given(env: Mapping[str, str], model: type[BaseModel], *, known: Collection[str]) -> dict[str, str]:
    """What of the environment is for that model; `known` are all names there are. Raises SettingsError."""
    twice = sorted(name for name in known if name in env and f"{name}_FILE" in env)
    if twice:
        raise SettingsError(f"both set, by value and by file: {', '.join(twice)}")
    plain = {key.removesuffix("_FILE") if key.removesuffix("_FILE") in known else key: key for key in env}
    unknown = sorted(key for name, key in plain.items() if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsError(f"unknown setting: {', '.join(unknown)}")
    return {name: _value(env, name, key) for name, key in plain.items() if name in names(model)}


def _value(env: Mapping[str, str], name: str, key: str) -> str:
    if key == name:
        return env[key]
    try:
        return Path(env[key]).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{key}: {error.strerror}") from None
