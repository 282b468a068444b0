"""Programs that some tests need. A missing one is told loudly at the end; under CI one of Debian's is a failure.

A test says what it needs with a marker: `browser`, `firefox`, `relay`, `rabbitmq`, or `namespaces`, which needs root
too; or `medplum`, which npm installs and which CI only tells of: npm is not everywhere.
"""

import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

MEDPLUM = Path(__file__).with_name("medplum")
PROGRAMS = {
    "browser": "chromium",
    "firefox": "firefox-esr",
    "relay": "turnserver",
    "rabbitmq": "rabbitmq-server",
    "namespaces": "nft",
    "medplum": str(MEDPLUM / "node_modules/.bin/node"),
}
ROOT_ONLY = frozenset({"namespaces"})
PACKAGES = {
    "browser": "chromium",
    "firefox": "firefox-esr",
    "relay": "coturn",
    "rabbitmq": "rabbitmq-server",
    "namespaces": "nftables, iproute2 and root",
    "medplum": "Medplum's router on Node.js",
}
REMEDY = "run deploy/install-test-deps"
REMEDIES = {"medplum": "run deploy/npm-packages tests/kit/medplum"}
_MARK = "NOT RUN: needs "


def find(need: str) -> str | None:
    """The path of the program behind a marker; servers of Debian stand in /usr/sbin, which not every PATH has."""
    if need in ROOT_ONLY and os.geteuid() != 0:
        return None
    return shutil.which(PROGRAMS[need], path=f"{os.environ.get('PATH', '')}:/usr/bin:/usr/sbin")


def program(need: str) -> str:
    """The same for a test that has the marker, where it is there."""
    found = find(need)
    assert found is not None, f"a test that starts {PROGRAMS[need]} lacks the marker {need}"
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [need for need in PROGRAMS if item.get_closest_marker(need) and find(need) is None]
    if not missing:
        return
    remedies = dict.fromkeys(REMEDIES.get(need, REMEDY) for need in missing)
    reason = f"{_MARK}{' and '.join(PACKAGES[need] for need in missing)}: {', '.join(remedies)}"
    if os.environ.get("CI") == "true" and not set(missing) <= set(REMEDIES):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lost = Counter(
        report.longrepr[2].partition(_MARK)[2]
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and _MARK in report.longrepr[2]
    )
    for what, count in sorted(lost.items()):
        tests = "1 test needs" if count == 1 else f"{count} tests need"
        terminalreporter.write_line(f"NOT RUN: {tests} {what}", red=True, bold=True)
