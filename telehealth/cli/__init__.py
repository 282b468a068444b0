"""The command line: `telehealth up`, `demo`, `migrate`, `settings`, `doctor`, `version`."""

from telehealth.cli.commands import app

__all__ = ["app"]
