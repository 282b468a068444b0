"""Documents that are drawn from the code are as the code is, and their links lead somewhere."""

import re
from pathlib import Path

import pytest

from telehealth.cli.reference import reference
from tests.architecture import lifecycle_page, task_page
from tests.architecture.floor_plan import README, ROOT, floor_plan, written

DOCUMENTS = [
    ROOT / name
    for name in (
        "README.md",
        "CHANGELOG.md",
        "telehealth/README.md",
        "telehealth/media/README.md",
        "telehealth/followups/README.md",
        "telehealth/pathways/README.md",
        "telehealth/surveys/README.md",
        "telehealth/alerts/README.md",
        "telehealth/monitoring/README.md",
        "telehealth/visits/README.md",
        "tests/README.md",
    )
]
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|`)(?:\./)?(deploy/[\w-]+|\.ci/run)(?=[ `\n])", re.MULTILINE)
FROM_INDEX = re.compile(r"https?://|--index|--find-links|^-e|file:", re.MULTILINE)


def test_the_floor_plan_is_the_contracts() -> None:
    text = README.read_text()
    assert text == written(text, floor_plan()), "python -m tests.architecture.floor_plan --write"


def test_the_page_of_visits_shows_the_machine() -> None:
    text = lifecycle_page.PAGE.read_text()
    drawn = written(text, lifecycle_page.machine())
    assert text == drawn, "python -m tests.architecture.lifecycle_page --write"


def test_the_page_of_follow_ups_shows_the_machine() -> None:
    text = task_page.PAGE.read_text()
    drawn = written(text, task_page.machine())
    assert text == drawn, "python -m tests.architecture.task_page --write"


def test_the_settings_reference_is_the_settings() -> None:
    written = (ROOT / "deploy" / "settings.md").read_text()
    assert written.strip() == reference().strip(), "telehealth settings > deploy/settings.md"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda each: str(each.relative_to(ROOT)))
def test_links_and_commands_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    lost = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    lost += [command for command in COMMAND.findall(text) if not (ROOT / command).exists()]
    assert lost == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_package_is_pinned_by_hash_and_no_index_is_named(lock: str) -> None:
    text = (ROOT / "deploy" / lock).read_text()
    pins = re.findall(
        r"^[a-z0-9][\w.-]*==\S+(?: ; .*)? \\\n(?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+", text, re.MULTILINE
    )
    assert "".join(pins) == text
    assert FROM_INDEX.search(text) is None
    assert any(pin.startswith("setuptools==") for pin in pins)
