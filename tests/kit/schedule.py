"""Which worker runs what: a file stays on one worker, the stories share one house, the longest begin first."""

import pytest
from xdist.scheduler import LoadScopeScheduling

STORIES = "tests/stories/"
LONGEST = (  # a file of half a minute that begins last is half a minute with one worker
    STORIES,
    "tests/web/test_accessibility.py",
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: turn(item.nodeid))


def turn(nodeid: str) -> int:
    """When a test begins, counted from 0; all that is not among the longest comes after them, as it is collected."""
    return next((number for number, each in enumerate(LONGEST) if nodeid.startswith(each)), len(LONGEST))
