"""Every setting is read here, once, by bootstrap, the process doors, the command line and the media node.

The reference of names, types, defaults and meanings is printed by `telehealth settings`.
"""

from collections.abc import Mapping
from os import environ
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from telehealth.settings.given import SettingsError, given, names
from telehealth.settings.house import Settings
from telehealth.settings.media import MediaSettings

Model = TypeVar("Model", bound=BaseModel)


def read_settings(env: Mapping[str, str] = environ) -> Settings:
    """The settings of this environment. Raises SettingsError with every fault at once, without values."""
    return _read(env, Settings)


def read_media_settings(env: Mapping[str, str] = environ) -> MediaSettings:
    """The media node's settings. Raises SettingsError like `read_settings`."""
    return _read(env, MediaSettings)


def _read(env: Mapping[str, str], model: type[Model]) -> Model:
    try:
        return model.model_validate(given(env, model, known={*names(Settings), *names(MediaSettings)}))
    except ValidationError as error:
        raise SettingsError(_faults(error)) from None


def _faults(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}"
        for fault in error.errors(include_input=False, include_url=False, include_context=False)
    )
