"""Runs the media node: `python -m telehealth.media`.

Whether what forwards packets is compiled or not is settled before any of it is read.
"""

import sys
from importlib import import_module

from telehealth.media.compiled import prefer
from telehealth.settings.environment import read_media_settings
from telehealth.settings.given import SettingsError


def _is_wanted() -> bool:
    try:
        return read_media_settings().compiled
    except SettingsError:
        return False  # the process says what is wrong with them


if __name__ == "__main__":
    found = _is_wanted() and prefer()
    sys.exit(import_module("telehealth.media.process").main(compiled=found))
