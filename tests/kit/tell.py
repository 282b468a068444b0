"""What a long run has to say."""

import pytest


def tell(config: pytest.Config, line: str) -> None:
    """On the terminal, past what captures a test's output."""
    capture, reporter = (config.pluginmanager.get_plugin(name) for name in ("capturemanager", "terminalreporter"))
    if capture is not None and reporter is not None:
        with capture.global_and_fixture_disabled():
            reporter.write_line(f"\n{line}")
