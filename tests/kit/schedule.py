"""What the ordinary run leaves to the long one, and which worker runs what."""

from collections.abc import Collection

import pytest
from xdist.scheduler import LoadScopeScheduling

STORIES = "tests/stories/"
# Marked `long`, with all that needs a browser: what lives through its minutes with the processes of a whole house, and
# what tries very much. `./deploy/test -m long` runs it.
LONG = (
    STORIES,
    "tests/faults/",
    "tests/cli/test_clinic_day.py",
    "tests/cli/test_up.py",
    "tests/deploy/test_production.py",
    "tests/architecture/test_contracts.py",
    "tests/architecture/test_migrations.py",
    "tests/http/test_every_operation.py",
    "tests/http/test_openapi.py",
    "tests/media/test_captions.py",
    "tests/media/test_forwarded_attacks.py",
    "tests/notifications/test_as_it_fires.py",
    "tests/records/contract/",
    "tests/records/delivery/test_delivery_faults.py",
    "tests/scheduling/test_cases.py",
    "tests/tasks/test_lanes.py",
    "tests/video/test_asvs_v17.py",
    "tests/video/test_check_call.py",
    "tests/video/test_device_media.py",
    "tests/video/test_fuzz.py",
    "tests/video/test_open_check.py",
    "tests/video/test_polling.py",
    "tests/video/test_relay.py",
    "tests/video/test_room_lives.py",
    "tests/video/test_three_on_the_wire.py",
    "tests/visits/lifecycle/test_storm.py",
)
FIRST = (  # a file of half a minute that begins last is half a minute with one worker
    "tests/web/test_accessibility.py",
    "tests/notifications/test_as_it_fires.py",
    "tests/scheduling/test_cases.py",
    "tests/cli/test_up.py",
    "tests/visits/waiting_room/test_open_page.py",
    "tests/cli/test_clinic_day.py",
    "tests/visits/gates/test_browser.py",
    "tests/web/test_note_scripts.py",
    "tests/video/test_signalling.py",
    "tests/http/test_openapi.py",
    "tests/scheduling/test_waitlist.py",
    "tests/architecture/test_contracts.py",
    "tests/web/test_scripts.py",
    "tests/records/delivery/test_courier.py",
    "tests/records/delivery/test_delivery_faults.py",
    "tests/http/test_every_operation.py",
    "tests/video/test_node_recovery.py",
    "tests/deploy/test_production.py",
    "tests/cli/test_users.py",
    "tests/video/test_browser.py",
    "tests/video/test_relay.py",
    "tests/video/test_precheck.py",
    "tests/scheduling/test_against_oracle.py",
    "tests/scheduling/test_membership.py",
)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """A file's tests share its costly fixtures (a browser, a server); all stories share one running demo."""

    def _split_scope(self, nodeid: str) -> str:
        return STORIES if nodeid.startswith(STORIES) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    config.option.loadscopereorder = False  # the order of collection, which begins with the longest
    return ByFile(config, log)


@pytest.hookimpl(tryfirst=True)  # before pytest leaves out what `-m` does not name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))
    for item in items:
        if run_of(item.nodeid, [mark.name for mark in item.iter_markers()]) == "long":
            item.add_marker("long")


def run_of(nodeid: str, marks: Collection[str]) -> str:
    """Which run a test is in: "soak", "long", or "" for the ordinary one."""
    if "soak" in marks:
        return "soak"
    return "long" if nodeid.startswith(LONG) or "browser" in marks else ""


def turn(nodeid: str) -> int:
    """When a test begins, counted from 0: the stories, the longest, and all others as they are collected."""
    return next((number for number, each in enumerate((STORIES, *FIRST)) if nodeid.startswith(each)), len(FIRST) + 1)
