"""What bootstrap tells this package."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from telehealth.db.unit import Unit


@dataclass(frozen=True, slots=True)
class FollowUpSpeed:
    """Follow-up time runs so many times as fast as the clock; anything but 1 is for demonstrations."""

    factor: float = 1.0


class Questionnaires(Protocol):
    """What patients may be asked to answer."""

    async def codes(self, unit: Unit, /) -> Collection[str]: ...


class DeviceAlerts(Protocol):
    """What devices told that a task was made of, for its page; audited. The caller has looked at the actor's right to
    the task.
    """

    async def of_task(self, unit: Unit, task_id: UUID, /) -> dict[str, Any]: ...
