"""What a summary tells of the floor beside: the patient's own tasks. Bootstrap says who knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.db.unit import Unit


class PatientTask(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...


class PatientTasks(Protocol):
    async def for_patient(self, unit: Unit, visit_id: UUID, /) -> Sequence[PatientTask]:
        """What the patient of that visit is to do and has not done, as far as the actor may see it; audited."""
        ...
