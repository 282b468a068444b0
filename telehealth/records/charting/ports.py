"""What the clinician's room shows beside the note, in our words."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.core.ids import ClinicianId
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


class SupervisorTasks(Protocol):
    """A task for whoever is to co-sign, so that it is not missed; a neighbour keeps them. Bootstrap says who."""

    async def ask(self, unit: Unit, visit_id: UUID, supervisors: Sequence[ClinicianId], /) -> None:
        """One for each, in the transaction of the signature."""
        ...

    async def settle(self, unit: Unit, visit_id: UUID, /) -> None:
        """Those of that visit are closed: done by the actor's, and the others needless."""
        ...


class RoomFollowUps(Protocol):
    """What the room shows of the visit's follow-up tasks, which a neighbour keeps. Bootstrap says who."""

    async def of_visit(self, unit: Unit, visit_id: UUID, /) -> Sequence[RoomFollowUp]:
        """The actor's tasks of that visit, audited."""
        ...
