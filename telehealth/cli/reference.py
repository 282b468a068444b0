"""The settings reference, generated from the models that read the settings."""

from collections.abc import Iterator
from enum import Enum
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from telehealth.settings.house import Settings
from telehealth.settings.media import MediaSettings
from telehealth.settings.messages import MessageSettings
from telehealth.settings.records import RecordSettings

_TYPES = {bool: "`true` or `false`", int: "whole number", float: "number", str: "text", SecretStr: "secret"}
_SECTIONS: tuple[tuple[str, type[BaseModel]], ...] = (
    ("Web, workers and beat", Settings),
    ("Patient record services, for the same", RecordSettings),
    ("Messages, for the same", MessageSettings),
    ("Media node", MediaSettings),
)


def reference() -> str:
    """Markdown: a table for the processes and each subject, a row a setting."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Any `NAME` may be given as `NAME_FILE`, the path of a file that holds the value."
    yield "An unknown `TELEHEALTH_` name is an error."
    for title, model in _SECTIONS:
        yield from ("", f"## {title}", "", "| Name | Type | Default | Meaning |", "|---|---|---|---|")
        for name, field in model.model_fields.items():
            if name not in model.__annotations__:  # a parent's, which has a table of its own
                continue
            meaning = (field.description or "").replace("|", "\\|")
            yield f"| `{field.alias}` | {_kind(field.annotation)} | {_default(field)} | {meaning} |"
    yield ""


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, UnionType):
        return ", ".join(_kind(each) for each in get_args(annotation) if each is not type(None))
    if get_origin(annotation) is Literal:
        return " or ".join(f"`{each}`" for each in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " or ".join(f"`{each.value}`" for each in annotation)
    return _TYPES.get(annotation, str(annotation))


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is PydanticUndefined:
        return "**required**"
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    return f"`{value.value if isinstance(value, Enum) else value}`"
