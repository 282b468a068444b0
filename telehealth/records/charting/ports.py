"""What the clinician's room shows beside the note, in our words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.db.unit import Unit


class RoomFollowUp(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...


class RoomFollowUps(Protocol):
    """What the room shows of the visit's follow-up tasks, which a neighbour keeps. Bootstrap says who."""

    async def of_visit(self, unit: Unit, visit_id: UUID, /) -> Sequence[RoomFollowUp]:
        """The actor's tasks of that visit, audited."""
        ...
