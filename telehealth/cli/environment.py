"""What each child may know: application processes get the settings, the media node gets its own and nothing else."""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from telehealth.cli.errors import CannotStart
from telehealth.cli.keys import open_keys
from telehealth.cli.state import StateDirectory
from telehealth.settings.given import names
from telehealth.settings.house import Settings
from telehealth.settings.media import MediaSettings

OWN = frozenset({"TELEHEALTH_PG_BIN"})
"""Settings of `up` itself, which no child needs to know."""

_HARMLESS = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "TERM", "VIRTUAL_ENV", "PYTHONPATH")

_MEDIA_ONLY = frozenset(names(MediaSettings)) - frozenset(names(Settings))
_SETTINGS = frozenset(names(Settings)) | _MEDIA_ONLY


@dataclass(frozen=True, slots=True)
class Environments:
    """`application` for web, worker, beat and release; `media` for the media node; `plain` for servers not ours."""

    application: dict[str, str]
    media: dict[str, str]
    plain: dict[str, str]

    def of(self, process: str) -> dict[str, str]:
        return self.media if process == "media" else self.application


def given(env: Mapping[str, str], name: str) -> bool:
    """True when the setting is in the environment, by value or by file."""
    return name in env or f"{name}_FILE" in env


def of_installation(env: Mapping[str, str], directory: Path) -> dict[str, str]:
    """The environment, completed by what an `up` on this state directory made: keys, and services while it runs.

    Makes nothing. Raises CannotStart when the directory is another user's.
    """
    state = StateDirectory(directory.absolute())
    try:
        made = _made(state)
    except OSError as error:
        raise CannotStart(f"{error.filename}: {error.strerror}. Run as the user of `telehealth up`.") from None
    own = {name: value for name, value in env.items() if _plain_name(name) not in OWN}
    return own | {name: value for name, value in made.items() if not given(env, name)}


def _made(state: StateDirectory) -> dict[str, str]:
    made: dict[str, str] = {}
    if (state.keys / "record-jwks.json").exists():  # the last key that is made
        keys = open_keys(state.keys)
        made = {
            "TELEHEALTH_SECRET_KEY": keys.secret_key,
            "TELEHEALTH_DATA_KEYS": keys.data_keys,
            "TELEHEALTH_RECORD_PRIVATE_KEY": keys.record_private_key,
            "TELEHEALTH_GRANT_PRIVATE_KEY": keys.grant_private_key,
            "TELEHEALTH_PUSH_PRIVATE_KEY": keys.push_private_key,
        }
    if not state.ready_file.exists():
        return made
    told = json.loads(state.ready_file.read_text())
    addresses = told["addresses"]
    return made | {
        "DATABASE_URL": told["database_url"],
        "BROKER_URL": told["broker_url"],
        "VALKEY_URL": told["valkey_url"],
        "SMTP_URL": addresses["smtp"],
        "RECORD_SERVICE_URL": addresses["record_service"],
        "TELEHEALTH_MEDIA_URL": addresses["media"],
    }


def divide(
    env: Mapping[str, str],
    state: StateDirectory,
    *,
    defaults: Mapping[str, str],
    chosen: Mapping[str, str],
) -> Environments:
    """`defaults` yield to what the operator's environment gives; `chosen` (options of the command) do not."""
    base = {name: value for name, value in env.items() if _plain_name(name) not in _MEDIA_ONLY | OWN | set(chosen)}
    plain = {name: value for name, value in env.items() if name in _HARMLESS or name.startswith(("LC_", "SSL_CERT_"))}
    common = {
        "PATH": f"{_python_directory(state)}:{env.get('PATH', '/usr/bin:/bin')}",
        "PYTHONUNBUFFERED": "1",
        "RUNTIME_DIRECTORY": str(state.run / "app"),
    }
    settled = {name: value for name, value in defaults.items() if not given(env, name)} | dict(chosen)
    media = {name: value for name, value in env.items() if _plain_name(name) in names(MediaSettings)}
    return Environments(
        application=base | common | {name: value for name, value in settled.items() if name in names(Settings)},
        media=plain
        | {name: value for name, value in media.items() if _plain_name(name) not in chosen}
        | common
        | {name: value for name, value in settled.items() if name in names(MediaSettings)},
        plain=plain | {"PATH": common["PATH"], "PYTHONUNBUFFERED": "1"},
    )


def _plain_name(name: str) -> str:
    return name.removesuffix("_FILE") if name.removesuffix("_FILE") in _SETTINGS else name


def _python_directory(state: StateDirectory) -> Path:
    """A directory where `python` is this interpreter: a Procfile says `python`, some systems only have `python3`."""
    beside = Path(sys.executable).parent
    if (beside / "python").exists() and sys.prefix != sys.base_prefix:
        return beside
    directory = state.run / "bin"
    directory.mkdir(exist_ok=True)
    door = directory / "python"
    door.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    door.chmod(0o755)
    return directory
