"""What the hours page shows from the floor above: visits that the hours no longer cover. Bootstrap says who knows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from telehealth.db.unit import Unit


class KeptVisit(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def starts_at(self) -> datetime: ...
    @property
    def patient_name(self) -> str: ...


class KeptVisits(Protocol):
    async def outside_hours(self, unit: Unit, clinician_id: UUID, /) -> Sequence[KeptVisit]:
        """Booked visits to come that lie outside the hours as they are now, soonest first; audited per visit."""
        ...
