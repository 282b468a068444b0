"""Which worker runs what: a file stays on one worker, the stories share one house, and they begin first."""

import pytest
from xdist.scheduler import LoadScopeScheduling

STORIES = "tests/stories/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]  # xdist tells no types
    """A file's tests share its costly fixtures (a browser, a server); all stories share one running demo."""

    def _split_scope(self, nodeid: str) -> str:
        return STORIES if nodeid.startswith(STORIES) else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByFile:
    config.option.loadscopereorder = False  # the order of collection, which begins with the longest
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(STORIES))
