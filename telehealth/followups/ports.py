"""What bootstrap tells this package."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from telehealth.db.unit import Unit


@dataclass(frozen=True, slots=True)
class FollowUpSpeed:
    """Follow-up time runs so many times as fast as the clock; anything but 1 is for demonstrations."""

    factor: float = 1.0


class Questionnaires(Protocol):
    """What patients may be asked to answer."""

    async def codes(self, unit: Unit, /) -> Collection[str]: ...
