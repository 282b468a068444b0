"""A pytest plugin: tests of the media node meet the compiled twin in place of the sources.

.venv/bin/python -m telehealth.media.compiling
.venv/bin/python -m pytest -p tests.kit.compiled tests/media
"""

import pytest

from telehealth.media.compiled import prefer

if not prefer():
    raise pytest.UsageError("there is no twin of these sources: python -m telehealth.media.compiling")


def pytest_report_header() -> str:
    return "media node: compiled"
