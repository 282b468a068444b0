"""What the board shows from the floors above: follow-ups that are due, notes that have not reached the record.
Bootstrap says who knows.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.core.ids import PatientId, TaskId, VisitId
from telehealth.db.unit import Unit


class DueFollowUp(Protocol):
    @property
    def id(self) -> TaskId: ...
    @property
    def visit_id(self) -> VisitId: ...
    @property
    def patient_id(self) -> PatientId: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def due_at(self) -> datetime: ...


class FollowUps(Protocol):
    async def wanted(self, unit: Unit, /) -> Sequence[DueFollowUp]:
        """The actor's tasks that are due and not done; audited per task."""
        ...

    async def wanted_marks(self, unit: Unit, /) -> Mapping[UUID, str]:
        """By clinician, a short word that changes when their `wanted` does; says nothing else, leaves no audit row."""
        ...


class LateNote(Protocol):
    """A signed note that is not in the record. `reason` is why it waits for a person, None while it is tried again."""

    @property
    def visit_id(self) -> VisitId: ...
    @property
    def patient_id(self) -> PatientId: ...
    @property
    def signed_at(self) -> datetime: ...
    @property
    def reason(self) -> str | None: ...


class LateNotes(Protocol):
    async def late(self, unit: Unit, /) -> Sequence[LateNote]:
        """What the actor signed that should be in the record by now and is not, the oldest first; each audited."""
        ...

    async def late_marks(self, unit: Unit, /) -> Mapping[UUID, str]:
        """By clinician, a short word that changes when their `late` does; says nothing else, leaves no audit row."""
        ...
