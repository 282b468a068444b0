"""What happened to time."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from telehealth.core.events import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFreed(Event):
    """A clinician's time for a visit type is to be had again: cancelled, moved, let go."""

    resource_id: UUID
    visit_type_id: UUID
    start: datetime
    end: datetime
