"""Constraint names and what they mean, gathered from every package that has models."""

from importlib import import_module
from importlib.util import find_spec

from telehealth.catalogue import PACKAGES
from telehealth.core.errors import Refusal


def conflicts() -> dict[str, type[Refusal]]:
    found: dict[str, type[Refusal]] = {}
    for name in PACKAGES:
        if find_spec(f"telehealth.{name}.models"):
            found |= getattr(import_module(f"telehealth.{name}.models"), "CONFLICTS", {})
    return found
